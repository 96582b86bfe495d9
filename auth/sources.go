package auth

import "bytes"

// Sources are the places of a request that may hold its token. The slices are
// only read, and not kept.
type Sources struct {
	Authorization []byte // the header
	Query         []byte // the value of ?token=, decoded
	Protocols     []byte // Sec-WebSocket-Protocol; several joined by commas
	Cookie        []byte // the header
	CookieName    string // the cookie that may hold a token; empty: none may
}

// What Token gives as from.
const (
	FromHeader      = "header"
	FromQuery       = "query"
	FromSubprotocol = "subprotocol"
	FromCookie      = "cookie"
)

// Token finds the token: after Authorization: Bearer, in ?token=, as an entry
// bearer.TOKEN of the subprotocols, in the cookie. From is the first of these that
// had it. One token may come several times; two that differ are ErrAmbiguous. An
// empty one, and an Authorization of another scheme, count as none: ErrNoToken.
func (s Sources) Token() (token, from string, err error) {
	f := finder{}
	if t, ok := bearer(s.Authorization); ok {
		f.add(t, FromHeader)
	}
	f.add(s.Query, FromQuery)
	for rest, more := s.Protocols, len(s.Protocols) > 0; more; {
		var entry []byte
		entry, rest, more = bytes.Cut(rest, []byte{','})
		if t, ok := bytes.CutPrefix(trim(entry), []byte("bearer.")); ok {
			f.add(t, FromSubprotocol)
		}
	}
	for rest, more := s.Cookie, s.CookieName != ""; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte{';'})
		name, value, ok := bytes.Cut(trim(pair), []byte{'='})
		if ok && string(name) == s.CookieName {
			f.add(unquoted(value), FromCookie)
		}
	}
	switch {
	case f.differ:
		return "", "", ErrAmbiguous
	case len(f.token) == 0:
		return "", "", ErrNoToken
	}
	return string(f.token), f.from, nil
}

// A finder keeps the first token and compares the others with it.
type finder struct {
	token  []byte
	from   string
	differ bool
}

func (f *finder) add(token []byte, from string) {
	switch {
	case len(token) == 0:
	case len(f.token) == 0:
		f.token, f.from = token, from
	case !bytes.Equal(f.token, token):
		f.differ = true
	}
}

// bearer is the token of an Authorization header (RFC 6750, 2.1). The name of the
// scheme is taken in any case (RFC 9110, 11.1).
func bearer(header []byte) ([]byte, bool) {
	header = trim(header)
	const scheme = "bearer"
	if len(header) <= len(scheme) || !foldEqual(header[:len(scheme)], scheme) {
		return nil, false
	}
	if c := header[len(scheme)]; c != ' ' && c != '\t' {
		return nil, false
	}
	return trim(header[len(scheme):]), true
}

// unquoted takes the quotes off a cookie's value (RFC 6265, 4.1.1).
func unquoted(value []byte) []byte {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		return value[1 : n-1]
	}
	return value
}

// trim takes spaces and tabs off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// foldEqual says whether b is lower, which has no capital, in any case (ASCII).
func foldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
