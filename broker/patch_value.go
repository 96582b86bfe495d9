package broker

import (
	"strconv"
	"strings"
)

// holds says whether a value is one that has others in it.
func holds(v any) bool {
	switch v := v.(type) {
	case map[string]any, []any:
		return true
	case text:
		return v[0] == '{' || v[0] == '['
	}
	return false
}

// valueAt gives the value that another has under a name.
func valueAt(holder any, name string) (v any, ok bool) {
	switch h := holder.(type) {
	case map[string]any:
		v, ok = h[name]
	case []any:
		var i int
		if i, ok = readIndex(name, len(h)-1); ok {
			v = h[i]
		}
	}
	return v, ok
}

// putAt gives a value to another under a name, which an array has already.
func putAt(holder any, name string, v any) any {
	switch h := holder.(type) {
	case map[string]any:
		h[name] = v
	case []any:
		i, _ := readIndex(name, len(h)-1)
		h[i] = v
	}
	return holder
}

// readIndex reads an array index of at most last (RFC 6901, section 4).
func readIndex(name string, last int) (i int, ok bool) {
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

// clone copies a value of at most so many levels. Texts are never changed: a copy
// may share them.
func clone(v any, levels int) (c any, ok bool) {
	switch v := v.(type) {
	case text:
		return v, measure(v).depth <= levels
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, item := range v {
			if c[name], ok = clone(item, levels-1); !ok {
				return nil, false
			}
		}
		return c, levels > 0
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			if c[i], ok = clone(item, levels-1); !ok {
				return nil, false
			}
		}
		return c, levels > 0
	}
	return nil, false
}

// sizeJSON is how long a value is as appendJSON writes it.
func sizeJSON(v any) int {
	n := 0
	switch v := v.(type) {
	case text:
		n = len(v)
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
		case shortEscape(c) != 0:
			n++
		case c < ' ':
			n += len(`\u0000`) - 1
		}
	}
	return n
}
