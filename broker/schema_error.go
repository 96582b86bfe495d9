package broker

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var errOutside = errors.New("files below the folder of the schema would be right, and no others are read; a $ref is relative to $id where there is one")

func schemaError(file string, err error) error { return fmt.Errorf("schema %s: %w", file, err) }

// explain says in which file and where in it a schema is wrong, why, and what
// would be right.
func (f *schemaFiles) explain(err error) error {
	var (
		invalid *jsonschema.SchemaValidationError
		regex   *jsonschema.InvalidRegexError
		load    *jsonschema.LoadURLError
		missing *jsonschema.JSONPointerNotFoundError
		anchor  *jsonschema.AnchorNotFoundError
		refused *jsonschema.ValidationError
	)
	switch {
	case errors.As(err, &invalid) && errors.As(invalid.Err, &refused):
		d := details(refused)[0]
		return f.at(invalid.URL, d.Path, d.Message)
	case errors.As(err, &invalid):
		return f.at(invalid.URL, "", "is no schema")
	case errors.As(err, &regex):
		return f.at(regex.URL, "", fmt.Sprintf("%s is not a regular expression of RE2, which would be right and knows no lookaround and no backreferences: %v", quoted(regex.Regex), regex.Err))
	case errors.As(err, &load):
		if load.URL == schemaBase+f.name {
			return schemaError(f.main, load.Err)
		}
		file, place := f.referrer(load.URL)
		return f.at(file+"#"+place, "", fmt.Sprintf("%s cannot be read: %v", f.called(load.URL), load.Err))
	case errors.As(err, &missing):
		return f.nothing(missing.URL)
	case errors.As(err, &anchor):
		return f.nothing(anchor.Reference)
	}
	reason := strings.ReplaceAll(err.Error(), schemaBase+f.name, f.main)
	return schemaError(f.main, errors.New(strings.ReplaceAll(reason, schemaBase, "")))
}

// nothing makes an error of a reference that leads nowhere.
func (f *schemaFiles) nothing(to string) error {
	where, place, _ := strings.Cut(to, "#")
	file, from := f.referrer("#" + place)
	return f.at(file+"#"+from, "", fmt.Sprintf("there is nothing at #%s in %s, which this refers to", unescaped(place), f.called(where)))
}

// at makes an error of a place within a file: that of the URL, and further down.
func (f *schemaFiles) at(where, further, reason string) error {
	file, place, _ := strings.Cut(where, "#")
	if place = unescaped(place) + further; place != "" {
		reason = place + ": " + reason
	}
	return schemaError(f.called(file), errors.New(reason))
}

// called is what errors call the file of a URL.
func (f *schemaFiles) called(where string) string {
	where, _, _ = strings.Cut(where, "#")
	name, below := strings.CutPrefix(where, schemaBase)
	switch name = unescaped(name); {
	case where == "", below && name == f.name:
		return f.main
	case below:
		return name
	}
	return where
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// referrer finds who refers to a URL: the file's URL and the place within it. Both
// are empty where that cannot be told.
func (f *schemaFiles) referrer(to string) (file, place string) {
	for where, doc := range f.read {
		base, err := url.Parse(where)
		if err != nil {
			continue
		}
		for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema"} {
			for place, ref := range places(doc, keyword) {
				u, err := url.Parse(ref)
				if err != nil {
					continue
				}
				full := base.ResolveReference(u).String()
				if bare, _, _ := strings.Cut(full, "#"); bare == to || strings.HasSuffix(full, to) {
					return where, place + "/" + keyword
				}
			}
		}
	}
	return "", ""
}

// places finds the objects in a document that have a text under a name: where they
// are, and the text.
func places(doc any, name string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		var walk func(v any, at string) bool
		walk = func(v any, at string) bool {
			switch v := v.(type) {
			case map[string]any:
				if text, ok := v[name].(string); ok && !yield(at, text) {
					return false
				}
				for key, item := range v {
					if !walk(item, at+"/"+escapePointer.Replace(key)) {
						return false
					}
				}
			case []any:
				for i, item := range v {
					if !walk(item, at+"/"+strconv.Itoa(i)) {
						return false
					}
				}
			}
			return true
		}
		walk(doc, "")
	}
}
