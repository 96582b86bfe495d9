package protocol

import (
	"bytes"
	"encoding/base64"
)

// A Request is what a client asks for. Its slices are parts of the header block
// or of the Handshaker: valid until Handshake returns. A header that the client
// did not send is nil.
type Request struct {
	// The request line.
	Method   []byte
	Path     []byte // as it came, percent-encoding and all; begins with /
	RawQuery []byte // what follows ?

	// Headers that come at most once.
	Host          []byte
	Origin        []byte
	Authorization []byte
	UserAgent     []byte // the first, where there are several

	// Headers that may come several times: joined by "," and Cookie by "; ".
	Cookie        []byte
	Protocols     []byte // Sec-WebSocket-Protocol
	Extensions    []byte // Sec-WebSocket-Extensions
	Forwarded     []byte
	XForwardedFor []byte

	// What makes it an upgrade.
	upgrade    []byte
	connection []byte
	key        []byte
	version    []byte

	// What is wrong with it, and what is decoded.
	old      bool // HTTP/1.0
	absolute bool // the target had a host, which stands in Host
	body     bool
	seen     uint8 // the headers that came and may come once
	scratch  []byte
}

// maxLines is how many header lines a request may have: browsers behind three
// proxies send some forty, and joining repeated ones must stay cheap.
const maxLines = 128

// Upgrade says whether it asks for WebSocket. Every other request is plain HTTP.
func (q *Request) Upgrade() bool { return hasToken(q.upgrade, "websocket") }

// parse reads a whole header block, more strictly than RFC 9112 asks a server to
// be: what two programs might read in two ways is refused.
func (q *Request) parse(head []byte) *Reject {
	*q = Request{scratch: q.scratch[:0]}
	line, rest, ok := cutLine(head)
	if !ok {
		return rejectLine
	}
	if reject := q.parseLine(line); reject != nil {
		return reject
	}
	for lines := 0; ; lines++ {
		line, rest, ok = cutLine(rest)
		if !ok {
			return rejectHeader
		}
		if lines > maxLines {
			return rejectLines
		}
		if len(line) == 0 {
			break
		}
		if reject := q.parseHeader(line); reject != nil {
			return reject
		}
	}
	if len(rest) > 0 {
		return rejectHeader
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
	line = b[:i]
	for _, c := range line {
		if classes[c]&control != 0 {
			return nil, nil, false
		}
	}
	return line, b[i+2:], true
}

// parseLine reads METHOD TARGET HTTP/1.x.
func (q *Request) parseLine(line []byte) *Reject {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !all(method, nameChar) || !all(target, targetChar) {
		return rejectLine
	}
	q.Method = method
	// HTTP/1.2 would be answered as 1.1 (RFC 9110, 2.5).
	const form = "HTTP/1."
	switch {
	case len(version) != len(form)+1 || string(version[:5]) != form[:5] || !digit(version[5]) || version[6] != '.' || !digit(version[7]):
		return rejectLine
	case version[5] != '1':
		return rejectVersionHTTP
	}
	q.old = version[7] == '0'
	if target[0] != '/' {
		return q.parseTarget(target)
	}
	q.Path, q.RawQuery, _ = bytes.Cut(target, []byte("?"))
	return nil
}

// parseTarget reads a target in a form that proxies use: an absolute URL, whose
// host is then the one that counts (RFC 9112, 3.2.2), or * of OPTIONS.
func (q *Request) parseTarget(target []byte) *Reject {
	if string(target) == "*" {
		q.Path = target
		return nil
	}
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok || !fold(scheme, "http") && !fold(scheme, "https") && !fold(scheme, "ws") && !fold(scheme, "wss") {
		return rejectLine
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 || !all(rest[:end], hostChar) {
		return rejectLine
	}
	q.Host, q.absolute = rest[:end:end], true
	q.Path, q.RawQuery, _ = bytes.Cut(rest[end:], []byte("?"))
	if len(q.Path) == 0 {
		q.Path = []byte("/")
	}
	return nil
}

// parseHeader reads NAME: VALUE.
func (q *Request) parseHeader(line []byte) *Reject {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !all(name, nameChar) {
		return rejectHeader
	}
	value = trim(value)
	switch len(name) { // most headers have none of these lengths
	case 4:
		if fold(name, "host") {
			return q.host(value)
		}
	case 6:
		switch {
		case fold(name, "origin"):
			return q.once(seenOrigin, &q.Origin, value)
		case fold(name, "cookie"):
			// A proxy between HTTP/2 and 1.1 may have left it in pieces (RFC 9113, 8.2.3).
			q.Cookie = join(q.Cookie, "; ", value)
		}
	case 7:
		if fold(name, "upgrade") {
			q.upgrade = join(q.upgrade, ",", value)
		}
	case 9:
		if fold(name, "forwarded") {
			q.Forwarded = join(q.Forwarded, ",", value)
		}
	case 10:
		switch {
		case fold(name, "connection"):
			q.connection = join(q.connection, ",", value)
		case fold(name, "user-agent") && q.UserAgent == nil:
			q.UserAgent = value
		}
	case 13:
		if fold(name, "authorization") {
			return q.once(seenAuthorization, &q.Authorization, value)
		}
	case 14:
		if fold(name, "content-length") {
			var length []byte
			q.body = q.body || string(value) != "0"
			return q.once(seenLength, &length, value)
		}
	case 15:
		if fold(name, "x-forwarded-for") {
			q.XForwardedFor = join(q.XForwardedFor, ",", value)
		}
	case 17:
		switch {
		case fold(name, "sec-websocket-key"):
			return q.once(seenKey, &q.key, value)
		case fold(name, "transfer-encoding"):
			q.body = true
		}
	case 21:
		if fold(name, "sec-websocket-version") {
			return q.once(seenVersion, &q.version, value)
		}
	case 22:
		if fold(name, "sec-websocket-protocol") {
			q.Protocols = join(q.Protocols, ",", value)
		}
	case 24:
		if fold(name, "sec-websocket-extensions") {
			q.Extensions = join(q.Extensions, ",", value)
		}
	}
	return nil
}

// Headers that may come once, as bits of Request.seen.
const (
	seenHost = 1 << iota
	seenOrigin
	seenAuthorization
	seenKey
	seenVersion
	seenLength
)

func (q *Request) once(bit uint8, to *[]byte, value []byte) *Reject {
	if q.seen&bit != 0 {
		return rejectTwice
	}
	q.seen |= bit
	*to = value
	return nil
}

func (q *Request) host(value []byte) *Reject {
	if len(value) > 0 && !all(value, hostChar) {
		return rejectHost
	}
	if q.absolute {
		var ignored []byte
		return q.once(seenHost, &ignored, value)
	}
	return q.once(seenHost, &q.Host, value)
}

// join joins the values of a header that may come several times.
func join(a []byte, sep string, b []byte) []byte {
	if a == nil {
		return b
	}
	out := make([]byte, 0, len(a)+len(sep)+len(b))
	return append(append(append(out, a...), sep...), b...)
}

// checkPlain says what is wrong with a plain request. HTTP/1.0 is right here: load
// balancers ask for /healthz with it.
func (q *Request) checkPlain() *Reject {
	switch {
	case string(q.Method) != "GET" && string(q.Method) != "HEAD":
		return rejectMethod
	case q.Path[0] != '/':
		return rejectLine
	case q.body:
		return rejectBody
	case !q.old && q.seen&seenHost == 0:
		return rejectHost
	}
	return nil
}

// checkUpgrade says what is wrong with a request for an upgrade (RFC 6455, 4.2.1).
func (q *Request) checkUpgrade() *Reject {
	switch {
	case q.old:
		return rejectVersionHTTP
	case string(q.Method) != "GET":
		return rejectMethod
	case q.Path[0] != '/':
		return rejectLine
	case q.body:
		return rejectBody
	case q.seen&seenHost == 0:
		return rejectHost
	case !hasToken(q.connection, "upgrade"):
		return rejectConnection
	case string(q.version) != "13":
		return rejectVersion
	case !validKey(q.key):
		return rejectKey
	case !validEscapes(q.RawQuery):
		return ErrQuery
	}
	return nil
}

func validKey(key []byte) bool {
	var b [18]byte // what 24 characters decode to at most
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(b[:], key)
	return err == nil && n == 16
}
