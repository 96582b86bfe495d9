package broker

import (
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// count makes each part of a schema that can be reached from here count its steps,
// and check unique items itself. The library has no bound of its own; a format is
// what it asks first, once the type is right (jsonschema v6.0.3, validator.go).
func (c *checker) count(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	var was jsonschema.Format
	if s.Format != nil {
		was = *s.Format
	}
	unique := s.UniqueItems
	s.UniqueItems = false
	s.Format = &jsonschema.Format{Name: was.Name, Validate: func(v any) error {
		if c.left--; c.left < 0 {
			panic(errSteps)
		}
		if list, ok := v.([]any); ok && unique {
			if i, j := twice(list); j > 0 {
				return &twiceError{i, j}
			}
		}
		if was.Validate == nil {
			return nil
		}
		return was.Validate(v)
	}}
	parts(s, func(part *jsonschema.Schema) { c.count(part, seen) })
}

// parts calls f with each schema that s has or refers to; some are nil.
func parts(s *jsonschema.Schema, f func(*jsonschema.Schema)) {
	for _, one := range []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties,
		s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	} {
		f(one)
	}
	if s.DynamicRef != nil {
		f(s.DynamicRef.Ref)
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		for _, one := range list {
			f(one)
		}
	}
	for _, names := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, one := range names {
			f(one)
		}
	}
	for _, one := range s.PatternProperties {
		f(one)
	}
	some := []any{s.AdditionalProperties, s.Items, s.AdditionalItems}
	for _, one := range s.Dependencies {
		some = append(some, one)
	}
	for _, one := range some {
		switch one := one.(type) {
		case *jsonschema.Schema:
			f(one)
		case []*jsonschema.Schema:
			for _, one := range one {
				f(one)
			}
		}
	}
}

// A twiceError says that two items of an array are equal.
type twiceError struct{ i, j int }

func (e *twiceError) Error() string {
	return fmt.Sprintf("items must be unique, but those at %d and %d are equal", e.i, e.j)
}

// twice finds two equal items; j is 0 where there are none. The library's own way
// is quadratic for items made for it: its hash leaves out where arrays end
// (jsonschema v6.0.3, util.go).
func twice(list []any) (i, j int) {
	seen := make(map[string]int, len(list))
	var buf []byte
	for j, v := range list {
		buf = appendJSON(buf[:0], v, canonical)
		if i, ok := seen[string(buf)]; ok {
			return i, j
		}
		seen[string(buf)] = j
	}
	return 0, 0
}
