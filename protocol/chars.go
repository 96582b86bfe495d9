package protocol

import "bytes"

// What a byte may be part of, as bits.
const (
	nameChar   = 1 << iota // a token: method, header name (RFC 9110, 5.6.2)
	targetChar             // a request target: visible ASCII but no fragment
	hostChar               // host and port (RFC 3986, 3.2.2)
	control                // nothing: refused everywhere
)

var classes = func() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		letter := b|0x20 >= 'a' && b|0x20 <= 'z' || digit(b)
		if letter || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b) >= 0 {
			t[c] |= nameChar
		}
		if letter || bytes.IndexByte([]byte("-._~%!$&'()*+,;=:[]"), b) >= 0 {
			t[c] |= hostChar
		}
		if b > ' ' && b < 0x7f && b != '#' {
			t[c] |= targetChar
		}
		if b < ' ' && b != '\t' || b == 0x7f {
			t[c] |= control
		}
	}
	return t
}()

// all says whether b is not empty and all of one class.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return len(b) > 0
}

// visible says whether s is not empty and all visible ASCII.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// trim cuts spaces and tabs from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// fold compares ASCII without regard to case; lower is in lower case.
func fold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hasToken says whether a list, separated by commas, has a token, without regard
// to case; lower is in lower case.
func hasToken(list []byte, lower string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if fold(trim(item), lower) {
			return true
		}
	}
	return false
}

// offers says whether a list, separated by commas, has exactly name, which is a token.
func offers(list []byte, name string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if item = trim(item); string(item) == name {
			return all(item, nameChar)
		}
	}
	return false
}
