package auth

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// claims are the claims of one token, whose signature is right.
//
// They are not decoded into a struct: encoding/json takes a name in any case and
// the last of several, so that a claim the issuer let a user choose ("Sub") could
// pass for one it did not.
type claims struct {
	id        Identity
	issuer    string
	notBefore int64
	meant     bool // aud is or holds the audience asked for
}

// Bits of the claims that were seen.
const (
	seenSub = 1 << iota
	seenExp
	seenNbf
	seenIss
	seenAud
	seenRooms
	seenPublish
	seenInfo
)

// read takes the claims apart. Raw is only read, and not kept. A claim that is null
// is one that is not there.
func (c *claims) read(raw []byte, audience string) error {
	buf := bytes.NewBuffer(make([]byte, 0, len(raw)))
	if json.Compact(buf, raw) != nil {
		return errForm
	}
	raw = buf.Bytes() // valid JSON without white space from here on
	if raw[0] != '{' || !utf8.Valid(raw) {
		return errObject
	}
	seen, missing := 0, seenSub|seenExp
	for rest := raw[1:]; rest[0] != '}'; {
		var name, value []byte
		name, rest = cut(rest)
		value, rest = cut(rest[1:]) // after the colon
		if rest[0] == ',' {
			rest = rest[1:]
		}
		bit := claimBit(name)
		if seen&bit != 0 {
			return errObject
		}
		seen |= bit
		if bit == 0 || value[0] == 'n' {
			continue
		}
		missing &^= bit
		if err := c.set(bit, value, audience); err != nil {
			return err
		}
	}
	switch {
	case missing&seenSub != 0:
		return errNoUser
	case missing&seenExp != 0:
		return errNoExpires
	}
	return nil
}

// claimBit is the bit of a claim by its quoted name, 0 for one that is not ours.
func claimBit(name []byte) int {
	if bytes.IndexByte(name, '\\') >= 0 {
		s, _ := text(name)
		name = strconv.AppendQuote(nil, s)
	}
	switch string(name) {
	case `"sub"`:
		return seenSub
	case `"exp"`:
		return seenExp
	case `"nbf"`:
		return seenNbf
	case `"iss"`:
		return seenIss
	case `"aud"`:
		return seenAud
	case `"rooms"`:
		return seenRooms
	case `"publish"`:
		return seenPublish
	case `"info"`:
		return seenInfo
	}
	return 0
}

func (c *claims) set(bit int, value []byte, audience string) error {
	var ok bool
	switch bit {
	case seenSub:
		if c.id.User, ok = text(value); !ok || !ValidUser(c.id.User) {
			return errUser
		}
	case seenExp:
		if c.id.Expires, ok = seconds(value, math.Floor); !ok {
			return errExpires
		}
	case seenNbf:
		if c.notBefore, ok = seconds(value, math.Ceil); !ok {
			return errNotBefore
		}
	case seenIss:
		c.issuer, _ = text(value) // of another type: no issuer that is asked for
	case seenAud:
		c.meant = audience != "" && holds(value, audience)
	case seenRooms:
		if c.id.Rooms, ok = patterns(value); !ok {
			return errRooms
		}
	case seenPublish:
		if c.id.Publish, ok = patterns(value); !ok {
			return errPublish
		}
	case seenInfo:
		if len(value) > MaxInfo {
			return errInfo
		}
		c.id.Info = bytes.Clone(value)
	}
	return nil
}

// ValidUser says whether a name can be a user's.
func ValidUser(s string) bool {
	if s == "" || len(s) > MaxUser || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// maxSeconds is the end of the year 9999. What is more was meant as milliseconds.
const maxSeconds = 253402300799

// seconds reads a NumericDate (RFC 7519, 2), which may have a fraction.
func seconds(value []byte, round func(float64) float64) (int64, bool) {
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(value), 64)
		if err != nil || f < 0 || f > maxSeconds {
			return 0, false
		}
		n = int64(round(f))
	}
	return n, n >= 0 && n <= maxSeconds
}

// patterns reads an array of patterns. They are pieces of one string.
func patterns(value []byte) (Patterns, bool) {
	if value[0] != '[' {
		return nil, false
	}
	var p Patterns
	all := string(value)
	for rest := value[1:]; rest[0] != ']'; {
		var item []byte
		at := len(value) - len(rest)
		item, rest = cut(rest)
		if rest[0] == ',' {
			rest = rest[1:]
		}
		s, ok := piece(all[at:at+len(item)], item)
		if !ok || s == "" || len(s) > MaxPattern || len(p) == MaxPatterns {
			return nil, false
		}
		if p == nil {
			p = make(Patterns, 0, min(1+bytes.Count(rest, []byte{','}), MaxPatterns))
		}
		p = append(p, s)
	}
	return p, true
}

// holds says whether an aud, a string or an array of strings, holds s.
func holds(value []byte, s string) bool {
	if value[0] != '[' {
		t, ok := text(value)
		return ok && t == s
	}
	for rest := value[1:]; rest[0] != ']'; {
		var item []byte
		item, rest = cut(rest)
		if rest[0] == ',' {
			rest = rest[1:]
		}
		if t, ok := text(item); ok && t == s {
			return true
		}
	}
	return false
}

// text is the string that value, valid JSON, stands for.
func text(value []byte) (s string, ok bool) {
	if value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	return unquote(value)
}

// piece is text where the value is at hand as a string, too.
func piece(s string, value []byte) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return s[1 : len(s)-1], true
	}
	return unquote(value)
}

// unquote stands alone since its s is on the heap.
func unquote(value []byte) (s string, ok bool) {
	err := json.Unmarshal(value, &s)
	return s, err == nil
}

// cut cuts the first value off b, which is a piece of valid JSON without white
// space that goes on after the value. Both results are parts of b.
func cut(b []byte) (value, rest []byte) {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return b[:i+1], b[i+1:]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return b[:i], b[i:] // the end of what the value, a number or a word, is in
			}
			if depth--; depth == 0 {
				return b[:i+1], b[i+1:]
			}
		case ',':
			if depth == 0 {
				return b[:i], b[i:]
			}
		}
	}
}
