package protocol

import (
	"bytes"
	"encoding/base64"
)

// A Request is what a client asks for. Its slices are parts of the header block:
// valid until Handshake returns.
type Request struct {
	Method        []byte
	Path          []byte // as it came, percent-encoding and all
	RawQuery      []byte
	Host          []byte
	Origin        []byte
	Authorization []byte
	Cookie        []byte
	Protocols     []byte // Sec-WebSocket-Protocol; several such headers joined by commas

	// What makes it an upgrade.
	minor      byte // of HTTP/1.x
	upgrade    []byte
	connection []byte
	key        []byte
	version    []byte
	seen       uint16 // which headers that may come once have come
}

// Query gives a parameter of the URL, decoded; ok is false where there is none
// or its encoding is broken. The value is a part of the request where nothing in
// it is encoded, else a copy.
func (q *Request) Query(key string) (value []byte, ok bool) {
	for rest := q.RawQuery; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		if string(name) == key {
			return unescape(value)
		}
	}
	return nil, false
}

func unescape(b []byte) ([]byte, bool) {
	if bytes.IndexByte(b, '%') < 0 && bytes.IndexByte(b, '+') < 0 {
		return b, true
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(b) {
				return nil, false
			}
			high, low := unhex(b[i+1]), unhex(b[i+2])
			if high > 15 || low > 15 {
				return nil, false
			}
			out = append(out, high<<4|low)
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out, true
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// What may be wrong with a request.
var (
	rejectLine    = &Reject{Status: 400, Code: "bad_request", Message: "the request line is malformed: GET PATH HTTP/1.1 would be right"}
	rejectHeader  = &Reject{Status: 400, Code: "bad_request", Message: "a header line is malformed: NAME: VALUE, ended by CR LF, would be right"}
	rejectTwice   = &Reject{Status: 400, Code: "bad_request", Message: "a header came twice that may come once"}
	rejectBody    = &Reject{Status: 400, Code: "bad_request", Message: "the request has a body: a GET for an upgrade has none"}
	rejectHost    = &Reject{Status: 400, Code: "bad_request", Message: "the header Host is missing"}
	rejectKey     = &Reject{Status: 400, Code: "bad_request", Message: "Sec-WebSocket-Key is not the base64 of 16 bytes"}
	rejectConn    = &Reject{Status: 400, Code: "bad_request", Message: "the header Connection does not say Upgrade"}
	rejectVersion = &Reject{Status: 426, Code: "upgrade_required", Message: "this is WebSocket version 13"}
	rejectPlain   = &Reject{Status: 426, Code: "upgrade_required", Message: "this is a WebSocket server: ask for an upgrade"}
	rejectHTTP    = &Reject{Status: 505, Code: "bad_request", Message: "an upgrade needs HTTP/1.1"}
	rejectMethod  = &Reject{Status: 405, Code: "method_not_allowed", Message: "an upgrade is a GET"}
)

// Headers that may come once, as bits of Request.seen.
const (
	seenHost = 1 << iota
	seenOrigin
	seenAuthorization
	seenCookie
	seenUpgrade
	seenKey
	seenVersion
	seenLength
)

// parse reads a whole header block, more strictly than RFC 9112 lets a server
// be lenient: what two programs might read in two ways is refused.
func (q *Request) parse(head []byte) *Reject {
	*q = Request{}
	line, rest, ok := cutLine(head)
	if !ok || !q.parseLine(line) {
		return rejectLine
	}
	for {
		line, rest, ok = cutLine(rest)
		if !ok {
			return rejectHeader
		}
		if len(line) == 0 {
			break
		}
		if reject := q.header(line); reject != nil {
			return reject
		}
	}
	return nil
}

// cutLine cuts a line that ends in CR LF. A bare CR or LF, and other control
// characters but tabs, are refused.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\r')
	if i < 0 || i+1 >= len(b) || b[i+1] != '\n' {
		return nil, nil, false
	}
	for _, c := range b[:i] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, false
		}
	}
	return b[:i], b[i+2:], true
}

func (q *Request) parseLine(line []byte) bool {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || !token(method) || len(target) == 0 || target[0] != '/' || len(version) != 8 || string(version[:7]) != "HTTP/1." {
		return false
	}
	if version[7] != '0' && version[7] != '1' {
		return false
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	q.Method, q.minor = method, version[7]-'0'
	q.Path, q.RawQuery, _ = bytes.Cut(target, []byte("?"))
	return true
}

func (q *Request) header(line []byte) *Reject {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !token(name) {
		return rejectHeader
	}
	value = bytes.Trim(value, " \t")
	switch len(name) { // most headers are none of these lengths
	case 4:
		if fold(name, "host") {
			return q.once(seenHost, &q.Host, value)
		}
	case 6:
		switch {
		case fold(name, "origin"):
			return q.once(seenOrigin, &q.Origin, value)
		case fold(name, "cookie"):
			return q.once(seenCookie, &q.Cookie, value)
		}
	case 7:
		if fold(name, "upgrade") {
			return q.once(seenUpgrade, &q.upgrade, value)
		}
	case 10:
		if fold(name, "connection") {
			q.connection = join(q.connection, value)
		}
	case 13:
		if fold(name, "authorization") {
			return q.once(seenAuthorization, &q.Authorization, value)
		}
	case 14:
		if fold(name, "content-length") && string(value) != "0" {
			return rejectBody
		}
	case 17:
		switch {
		case fold(name, "sec-websocket-key"):
			return q.once(seenKey, &q.key, value)
		case fold(name, "transfer-encoding"):
			return rejectBody
		}
	case 21:
		if fold(name, "sec-websocket-version") {
			return q.once(seenVersion, &q.version, value)
		}
	case 22:
		if fold(name, "sec-websocket-protocol") {
			q.Protocols = join(q.Protocols, value)
		}
	}
	return nil
}

func (q *Request) once(bit uint16, to *[]byte, value []byte) *Reject {
	if q.seen&bit != 0 {
		return rejectTwice
	}
	q.seen |= bit
	*to = value
	return nil
}

// join joins the values of a header that may come several times.
func join(a, b []byte) []byte {
	if len(a) == 0 {
		return b
	}
	return append(append(append(make([]byte, 0, len(a)+len(b)+1), a...), ','), b...)
}

// check says what is wrong with an upgrade (RFC 6455, 4.2.1).
func (q *Request) check() *Reject {
	switch {
	case q.minor != 1:
		return rejectHTTP
	case q.seen&seenHost == 0:
		return rejectHost
	case !hasToken(q.connection, "upgrade"):
		return rejectConn
	case string(q.version) != "13":
		return rejectVersion
	case !validKey(q.key):
		return rejectKey
	}
	return nil
}

func validKey(key []byte) bool {
	var b [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(b[:], key)
	return err == nil && n == 16
}

// token says whether b is a token (RFC 9110, 5.6.2).
func token(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0:
		default:
			return false
		}
	}
	return len(b) > 0
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

// hasToken says whether a list, separated by commas, has a token.
func hasToken(list []byte, lower string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if fold(bytes.Trim(item, " \t"), lower) {
			return true
		}
	}
	return false
}
