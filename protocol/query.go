package protocol

import "bytes"

// Query gives the first parameter of that name in the URL, decoded: a part of the
// request where nothing in it is encoded, else valid until Handshake returns. Ok
// is false where there is none; broken encoding is refused with ErrQuery before a
// Decider is asked, and is no parameter otherwise.
func (q *Request) Query(key string) (value []byte, ok bool) {
	for rest := q.RawQuery; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		if escaped(name) {
			mark := len(q.scratch)
			name, ok = q.unescape(name)
			q.scratch = q.scratch[:mark]
			if !ok {
				continue
			}
		}
		if string(name) == key && len(pair) > 0 {
			return q.unescape(value)
		}
	}
	return nil, false
}

// unescape decodes b, into scratch where need be: what was decoded before stays
// as it is.
func (q *Request) unescape(b []byte) ([]byte, bool) {
	if !escaped(b) {
		return b, true
	}
	start := len(q.scratch)
	for len(b) > 0 {
		c := b[0]
		switch c {
		case '+':
			c = ' '
		case '%':
			if !validEscape(b) {
				q.scratch = q.scratch[:start]
				return nil, false
			}
			c = unhex(b[1])<<4 | unhex(b[2])
			b = b[2:]
		}
		q.scratch = append(q.scratch, c)
		b = b[1:]
	}
	return q.scratch[start:len(q.scratch):len(q.scratch)], true
}

func escaped(b []byte) bool {
	return bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, '+') >= 0
}

// validEscapes says whether every % in b begins an escape.
func validEscapes(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if !validEscape(b[i:]) {
			return false
		}
		b = b[i+3:]
	}
}

// validEscape says of b, which begins with %, whether two hexadecimal digits follow.
func validEscape(b []byte) bool { return len(b) > 2 && unhex(b[1]) < 16 && unhex(b[2]) < 16 }

// unhex gives the value of a hexadecimal digit; above 15 where c is none.
func unhex(c byte) byte {
	switch {
	case digit(c):
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
