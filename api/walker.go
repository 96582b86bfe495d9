package api

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// A walker walks over JSON that json.Valid has found valid and utf8.Valid too; so
// it looks for ends and for nothing else. It decodes strings in place. Against
// decoding into a struct it takes names as they are written, once each, tells
// null from absent, and keeps the bytes of a value.
type walker struct {
	b []byte // changed
	i int
}

// A field is one of an entry's fields.
type field uint8

const (
	fieldRoom field = 1 << iota
	fieldData
	fieldBase64
	fieldExclude
	fieldKey
)

func fieldOf(name []byte) field {
	switch string(name) {
	case "room":
		return fieldRoom
	case "data":
		return fieldData
	case "base64":
		return fieldBase64
	case "exclude":
		return fieldExclude
	case "key":
		return fieldKey
	}
	return 0
}

// peek skips white space and gives the byte that a value begins with.
func (w *walker) peek() byte {
	for {
		switch w.b[w.i] {
		case ' ', '\t', '\r', '\n':
			w.i++
		default:
			return w.b[w.i]
		}
	}
}

// enter steps into an array or object and says whether it has a first element.
func (w *walker) enter() bool {
	w.peek()
	w.i++
	if c := w.peek(); c == ']' || c == '}' {
		w.i++
		return false
	}
	return true
}

// next steps behind an element and says whether another one follows.
func (w *walker) next() bool {
	more := w.peek() == ','
	w.i++
	return more
}

// kind names the kind of the value ahead.
func (w *walker) kind() string {
	switch w.peek() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// entry reads the entry of a batch with the given index.
func (w *walker) entry(index int) (e entry, f *failure) {
	if w.peek() != '{' {
		return e, badRequest(fmt.Sprintf(`entry %d is %s: {"room","data"} would be right`, index, w.kind()))
	}
	for more := w.enter(); more; more = w.next() {
		w.peek()
		name, ok := w.string()
		if !ok {
			return e, badRequest(fmt.Sprintf("entry %d has a name that is not Unicode: half of a surrogate pair", index))
		}
		w.peek()
		w.i++ // the colon
		which := fieldOf(name)
		if which == 0 {
			return e, badRequest(fmt.Sprintf("entry %d has an unknown field %q: room, data, base64, exclude, key would be right", index, shorten(string(name))))
		}
		if e.fields&which != 0 {
			return e, badRequest(fmt.Sprintf("entry %d has %q twice", index, name))
		}
		e.fields |= which
		isString := w.peek() == '"'
		if which == fieldData && !isString {
			e.data = w.value()
			continue
		}
		if !isString {
			return e, badRequest(fmt.Sprintf("entry %d has %s as %q: a string would be right", index, w.kind(), name))
		}
		value, ok := w.string()
		if !ok {
			return e, badRequest(fmt.Sprintf("entry %d has text in %q that is not Unicode: half of a surrogate pair", index, name))
		}
		switch which {
		case fieldRoom:
			e.room = value
		case fieldData:
			e.data, e.text = value, true
		case fieldBase64:
			e.base64 = value
		case fieldExclude:
			e.exclude = value
		case fieldKey:
			e.key = value
		}
	}
	return e, nil
}

// value steps over a value that is no string and gives its bytes, which are w's.
func (w *walker) value() []byte {
	start, depth := w.i, 0
	for w.i < len(w.b) {
		switch w.b[w.i] {
		case '"':
			w.skipString()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				w.i++
				return w.b[start:w.i]
			}
			if depth < 0 {
				return w.b[start:w.i] // the end of what a number or a word stands in
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return w.b[start:w.i]
			}
		}
		w.i++
	}
	return w.b[start:w.i]
}

func (w *walker) skipString() {
	for w.i++; w.b[w.i] != '"'; w.i++ {
		if w.b[w.i] == '\\' {
			w.i++
		}
	}
	w.i++
}

// string steps over a string and gives its text, which is w's. Not ok: the text
// has half of a surrogate pair, which no UTF-8 can express.
func (w *walker) string() (text []byte, ok bool) {
	start := w.i + 1
	escaped := false
	for w.i++; w.b[w.i] != '"'; w.i++ {
		if w.b[w.i] == '\\' {
			escaped = true
			w.i++
		}
	}
	text = w.b[start:w.i]
	w.i++
	if !escaped {
		return text, true
	}
	return unescape(text)
}

// unescape decodes the inside of a string in place: no escape is shorter than
// what it stands for.
func unescape(s []byte) ([]byte, bool) {
	to := s[:0]
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			to = append(to, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r := hex4(s[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				if i+6 >= len(s) || s[i+1] != '\\' || s[i+2] != 'u' {
					return to, false
				}
				if r = utf16.DecodeRune(r, hex4(s[i+3:])); r == utf8.RuneError {
					return to, false
				}
				i += 6
			}
			to = utf8.AppendRune(to, r)
		default: // " \ /
			to = append(to, c)
		}
	}
	return to, true
}

func hex4(s []byte) (r rune) {
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
