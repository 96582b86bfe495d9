package broker

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxFaults is how many faults are gathered, of which those at the first places
// are told.
const maxFaults = 1000

// details says what is wrong, by place.
func details(refused *jsonschema.ValidationError) []Detail {
	faults := faults(refused)
	slices.SortStableFunc(faults, func(a, b *jsonschema.ValidationError) int {
		return slices.CompareFunc(a.InstanceLocation, b.InstanceLocation, compareNames)
	})
	var list []Detail
	for _, fault := range faults {
		if len(list) == maxDetails {
			break
		}
		if d := (Detail{pointer(fault.InstanceLocation), cut(words(fault))}); !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list
}

// compareNames puts array indexes in the order of their numbers.
func compareNames(a, b string) int {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}

// faults gives the errors that say something: not that a part is wrong, but what
// is wrong in it. There is one at least.
func faults(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return likeliest(e)
	case *kind.Contains, *kind.MinContains, *kind.PropertyNames:
		return []*jsonschema.ValidationError{e}
	}
	var list []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		if list = append(list, faults(cause)...); len(list) >= maxFaults {
			return list[:maxFaults]
		}
	}
	if len(list) == 0 {
		list = append(list, e)
	}
	return list
}

// likeliest gives what is wrong by the alternative that was most likely meant: the
// constants in it match, and it looks furthest into the value. Where the value is
// nothing that any alternative is about, the error itself says enough.
func likeliest(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	best := []*jsonschema.ValidationError{e}
	var most [4]int
	for _, cause := range e.Causes {
		list := faults(cause)
		likely := [4]int{0, 1, 0, -len(list)}
		for _, fault := range list {
			depth := len(fault.InstanceLocation)
			switch fault.ErrorKind.(type) {
			case *kind.Const, *kind.Enum:
				likely[1] = 0
			case *kind.Type, *kind.FalseSchema:
			default:
				likely[0] = 1
			}
			if depth > len(e.InstanceLocation) {
				likely[0] = 1
			}
			likely[2] = max(likely[2], depth)
		}
		if likely[0] == 1 && (most[0] == 0 || slices.Compare(likely[:], most[:]) > 0) {
			best, most = list, likely
		}
	}
	return best
}

// words says in plain words what is wrong.
func words(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "must be " + strings.Join(k.Want, " or ") + ", but is " + k.Got
	case *kind.Const:
		return "must be " + shown(k.Want)
	case *kind.Enum:
		return "must be " + oneOf(k.Want)
	case *kind.Format:
		switch k.Want {
		case "": // see count
			return k.Err.Error()
		case "regex":
			return fmt.Sprintf("must be a regular expression of RE2, which knows no lookaround and no backreferences: %v", k.Err)
		}
		return "must be of the format " + k.Want
	case *kind.Pattern:
		return "must match the pattern " + k.Want
	case *kind.Not:
		return "is what the schema excludes (not)"
	case *kind.AnyOf:
		return alternatives(e)
	case *kind.OneOf:
		if len(k.Subschemas) == 2 {
			return fmt.Sprintf("must match one alternative alone, but matches those at %d and %d", k.Subschemas[0], k.Subschemas[1])
		}
		return alternatives(e)
	case *kind.FalseSchema:
		return "is not allowed here"
	case *kind.RefCycle:
		return "cannot be checked: the schema refers to itself without end"
	}
	if s := sizeWords(e.ErrorKind); s != "" {
		return s
	}
	return objectWords(e)
}

func sizeWords(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return least("length", k.Want, k.Got)
	case *kind.MaxLength:
		return most("length", k.Want, k.Got)
	case *kind.MinItems:
		return least("number of items", k.Want, k.Got)
	case *kind.MaxItems:
		return most("number of items", k.Want, k.Got)
	case *kind.MinProperties:
		return least("number of properties", k.Want, k.Got)
	case *kind.MaxProperties:
		return most("number of properties", k.Want, k.Got)
	case *kind.AdditionalItems:
		return fmt.Sprintf("must not have the last %d items", k.Count)
	case *kind.Minimum:
		return "must be >= " + decimal(k.Want) + ", but is " + decimal(k.Got)
	case *kind.Maximum:
		return "must be <= " + decimal(k.Want) + ", but is " + decimal(k.Got)
	case *kind.ExclusiveMinimum:
		return "must be > " + decimal(k.Want) + ", but is " + decimal(k.Got)
	case *kind.ExclusiveMaximum:
		return "must be < " + decimal(k.Want) + ", but is " + decimal(k.Got)
	case *kind.MultipleOf:
		return "must be a multiple of " + decimal(k.Want) + ", but is " + decimal(k.Got)
	case *kind.Contains:
		return "must have an item of the kind that the schema asks for (contains)"
	case *kind.MinContains:
		return least("number of items of the kind that the schema asks for (contains)", k.Want, len(k.Got))
	case *kind.MaxContains:
		return most("number of items of the kind that the schema asks for (contains)", k.Want, len(k.Got))
	}
	return ""
}

func objectWords(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return "must have " + names(k.Missing)
	case *kind.AdditionalProperties:
		return "must not have " + names(k.Properties)
	case *kind.Dependency:
		return "must have " + names(k.Missing) + " where it has " + quoted(k.Prop)
	case *kind.DependentRequired:
		return "must have " + names(k.Missing) + " where it has " + quoted(k.Prop)
	case *kind.PropertyNames:
		if len(e.Causes) > 0 {
			return "the name " + quoted(k.Property) + " " + words(faults(e.Causes[0])[0])
		}
		return "the name " + quoted(k.Property) + " is not allowed"
	}
	return "does not match the schema"
}

func least(what string, want, got int) string {
	return fmt.Sprintf("%s must be >= %d, but got %d", what, want, got)
}

func most(what string, want, got int) string {
	return fmt.Sprintf("%s must be <= %d, but got %d", what, want, got)
}

// alternatives says what each of them asks for, where the value is nothing that any
// of them is about.
func alternatives(e *jsonschema.ValidationError) string {
	var types, all []string
	got := ""
	for _, cause := range e.Causes {
		fault := faults(cause)[0]
		if k, ok := fault.ErrorKind.(*kind.Type); ok {
			types, got = append(types, k.Want...), k.Got
		}
		if s := words(fault); !slices.Contains(all, s) && len(all) < maxDetails {
			all = append(all, s)
		}
	}
	if len(types) < len(e.Causes) {
		return "must match one of the alternatives: " + strings.Join(all, "; or ")
	}
	slices.Sort(types)
	return "must be " + strings.Join(slices.Compact(types), " or ") + ", but is " + got
}

// names shows names, as many as may fit.
func names(list []string) string {
	slices.Sort(list)
	var b strings.Builder
	for i, name := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if b.WriteString(quoted(name)); b.Len() > maxWords {
			break
		}
	}
	return b.String()
}

func oneOf(list []any) string {
	var b strings.Builder
	for i, v := range list {
		switch {
		case i > 0 && i == len(list)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		if b.WriteString(shown(v)); b.Len() > maxWords {
			break
		}
	}
	return b.String()
}

// shown is a value of a schema as JSON, more or less.
func shown(v any) string { return string(appendJSON(nil, v, asWritten)) }

func quoted(s string) string { return shown(cut(s)) }

// decimal shows a number that came from JSON: its decimals come to an end.
func decimal(r *big.Rat) string {
	n, _ := r.FloatPrec()
	return r.FloatString(n)
}
