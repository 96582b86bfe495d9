package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// readJSON reads one JSON value; numbers keep their text.
func readJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the value at byte %d", dec.InputOffset())
	}
	return v, nil
}

// measures are what reading JSON will cost, more or less.
type measures struct {
	depth  int    // how deep arrays and objects are nested
	values int    // names included
	huge   string // a number that is too costly to calculate with; empty: none
}

const (
	maxDigits   = 200 // characters of a number
	maxExponent = 400 // float64 ends at 308
)

// measure looks through what should be JSON.
func measure(data []byte) (m measures) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			m.values++
		case c == '[' || c == '{':
			depth++
			m.depth = max(m.depth, depth)
			m.values++
		case c == ']' || c == '}':
			depth--
		case c == '-' || '0' <= c && c <= '9':
			from := i
			for i+1 < len(data) && strings.IndexByte("0123456789+-.eE", data[i+1]) >= 0 {
				i++
			}
			if n := data[from : i+1]; m.huge == "" && huge(n) {
				m.huge = cut(string(n))
			}
			m.values++
		case c == 't' || c == 'f' || c == 'n':
			m.values++
		}
	}
	return m
}

func huge(number []byte) bool {
	if len(number) > maxDigits {
		return true
	}
	e := bytes.IndexAny(number, "eE")
	if e < 0 {
		return false
	}
	exponent := 0
	for _, c := range number[e+1:] {
		if '0' <= c && c <= '9' {
			exponent = min(10*exponent+int(c-'0'), maxExponent+1)
		}
	}
	return exponent > maxExponent
}

// appendJSON appends a value as compact JSON, its names in order. Number gives a
// number's text; the characters that may stand for themselves do.
func appendJSON(b []byte, v any, number func(json.Number) string) []byte {
	switch v := v.(type) {
	case text:
		b = append(b, v...)
	case nil:
		b = append(b, "null"...)
	case bool:
		b = strconv.AppendBool(b, v)
	case json.Number:
		b = append(b, number(v)...)
	case string:
		b = appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item, number)
		}
		b = append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, name), ':')
			b = appendJSON(b, v[name], number)
		}
		b = append(b, '}')
	}
	return b
}

// asWritten is the text that a number had.
func asWritten(number json.Number) string { return string(number) }

// appendString appends a text that is UTF-8, as all that was read is.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case shortEscape(c) != 0:
			b = append(b, '\\', shortEscape(c))
		case c < ' ':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// shortEscape is the character that stands for another after a backslash; 0 where
// there is none.
func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	}
	return 0
}

// canonical is a number's text such that equal numbers have the same: 1, 1.0 and
// 10e-1. Numbers whose exponent fits no int are equal only as texts.
func canonical(number json.Number) string {
	text, sign := string(number), ""
	if strings.HasPrefix(text, "-") {
		text, sign = text[1:], "-"
	}
	mantissa, exponent := text, 0
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[e+1:]); err != nil || exponent != int(int32(exponent)) {
			return string(number)
		}
		mantissa = text[:e]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	short := strings.TrimRight(digits, "0")
	if exponent += len(digits) - len(short); short == "" {
		return "0"
	}
	return sign + short + "e" + strconv.Itoa(exponent)
}
