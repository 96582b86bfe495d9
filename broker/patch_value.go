package broker

import (
	"encoding/json"
	"strconv"
	"strings"
)

// holds says whether a value is one that has others in it.
func holds(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// in gives the value that another has under a name.
func in(holder any, name string) (v any, ok bool) {
	switch h := holder.(type) {
	case map[string]any:
		v, ok = h[name]
	case []any:
		var i int
		if i, ok = index(name, len(h)-1); ok {
			v = h[i]
		}
	}
	return v, ok
}

// put gives a value to another under a name, which an array has already.
func put(holder any, name string, v any) any {
	switch h := holder.(type) {
	case map[string]any:
		h[name] = v
	case []any:
		i, _ := index(name, len(h)-1)
		h[i] = v
	}
	return holder
}

// index reads an array index of at most last (RFC 6901, section 4).
func index(name string, last int) (i int, ok bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i <= last && strconv.Itoa(i) == name && i >= 0
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// readPointer gives the names that a JSON Pointer (RFC 6901) leads by.
func readPointer(text string) (names []string, ok bool) {
	if text == "" {
		return nil, true
	}
	names = strings.Split(text, "/")
	if names[0] != "" {
		return nil, false
	}
	names = names[1:]
	for i, name := range names {
		if strings.Count(name, "~") != strings.Count(name, "~0")+strings.Count(name, "~1") {
			return nil, false
		}
		names[i] = unescapePointer.Replace(name)
	}
	return names, true
}

// clone copies a value of at most so many levels.
func clone(v any, levels int) (c any, ok bool) {
	if holds(v) && levels == 0 {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, item := range v {
			if c[name], ok = clone(item, levels-1); !ok {
				return nil, false
			}
		}
		return c, true
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			if c[i], ok = clone(item, levels-1); !ok {
				return nil, false
			}
		}
		return c, true
	}
	return v, true
}

// equalJSON says whether values are equal; numbers are by what they are worth.
func equalJSON(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if other, ok := b[name]; !ok || !equalJSON(v, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i, v := range a {
			if !equalJSON(v, b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && canonical(a) == canonical(b)
	}
	return a == b
}

// sizeJSON is how long a value is as appendJSON writes it.
func sizeJSON(v any) int {
	n := 0
	switch v := v.(type) {
	case nil:
		n = len("null")
	case bool:
		if n = len("false"); v {
			n = len("true")
		}
	case json.Number:
		n = len(v)
	case string:
		n = sizeString(v)
	case []any:
		n = len("[]") + max(0, len(v)-1)
		for _, item := range v {
			n += sizeJSON(item)
		}
	case map[string]any:
		n = len("{}")
		i := 0
		for name, item := range v {
			n += sizeMember(name, i) + sizeJSON(item)
			i++
		}
	}
	return n
}

// sizeMember is what a name adds to an object that has others, without its value.
func sizeMember(name string, others int) int {
	n := sizeString(name) + len(":")
	if others > 0 {
		n += len(",")
	}
	return n
}

func sizeString(s string) int {
	n := len(s) + len(`""`)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			n++
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}
