package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A text is a JSON value that nobody has looked into: valid, compact, and UTF-8.
// It is never changed.
type text []byte

// compact reads JSON that is not too deep. Errors are to follow what it is.
func compact(data []byte) (text, error) {
	if measure(data).depth > maxDepth {
		return nil, fmt.Errorf("must not be nested deeper than %d levels", maxDepth)
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	var buf bytes.Buffer
	buf.Grow(len(data))
	if json.Compact(&buf, data) != nil {
		_, err := readJSON(data) // which says where
		return nil, fmt.Errorf("must be JSON: %s%w", position(data, err), err)
	}
	return buf.Bytes(), nil
}

// open gives an object's or an array's values as texts. All else stays a text. Of
// several values of one name the last counts.
func (t text) open() any {
	switch t[0] {
	case '[':
		var list []any
		for i := 1; t[i] != ']'; {
			end := t.end(i)
			list = append(list, t[i:end:end])
			if i = end; t[i] == ',' {
				i++
			}
		}
		return list
	case '{':
		object := make(map[string]any)
		for i := 1; t[i] != '}'; {
			colon := t.end(i)
			name := t[i:colon].unquote()
			end := t.end(colon + 1)
			object[name] = t[colon+1 : end : end]
			if i = end; t[i] == ',' {
				i++
			}
		}
		return object
	}
	return t
}

// end is where the value ends that begins at i.
func (t text) end(i int) int {
	for depth := 0; ; {
		switch t[i] {
		case '"':
			for i++; t[i] != '"'; i++ {
				if t[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',', ':':
		default: // a number, true, false or null
			for i+1 < len(t) && t[i+1] != ',' && t[i+1] != ']' && t[i+1] != '}' {
				i++
			}
		}
		if i++; depth == 0 {
			return i
		}
	}
}

// unquote reads a string.
func (t text) unquote() string {
	if bytes.IndexByte(t, '\\') < 0 {
		return string(t[1 : len(t)-1])
	}
	var s string
	_ = json.Unmarshal(t, &s) // it is one
	return s
}

// equalPlain says whether two texts are equal of which the first is a string, a
// number, a boolean or null. Numbers are by what they are worth.
func (t text) equalPlain(other text) bool {
	switch {
	case t[0] == '"':
		return other[0] == '"' && t.unquote() == other.unquote()
	case t.number():
		return other.number() && canonical(json.Number(t)) == canonical(json.Number(other))
	}
	return bytes.Equal(t, other)
}

func (t text) number() bool { return t[0] == '-' || '0' <= t[0] && t[0] <= '9' }
