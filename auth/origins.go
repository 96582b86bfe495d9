package auth

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Origins are the web pages that may connect, by their Origin (RFC 6454). This
// guards users of browsers, whose cookies go with every request, against the
// pages of others; it keeps out no other client.
type Origins struct {
	patterns []origin
	all      bool // * is listed
	null     bool // null is listed
	listed   bool // there are patterns
}

// An origin is a pattern, in lower case.
type origin struct {
	scheme string
	host   string // without the star where wild: ".example.com", or "" for every host
	port   string // never the empty one of a scheme that has a default; "*": every port
	wild   bool
}

// NewOrigins takes patterns: an Origin as browsers send it (https://a.example:8443);
// a * in place of its first label or labels (https://*.example.com, which
// https://example.com is not of), of its host (https://*) or of its port
// (http://localhost:*); * for all; null for the Origin of that name. An
// error names each bad pattern. The slice is not kept.
func NewOrigins(patterns []string) (*Origins, error) {
	o := &Origins{listed: len(patterns) > 0}
	var errs []error
	for _, p := range patterns {
		switch p {
		case "*":
			o.all = true
		case "null":
			o.null = true
		default:
			x, err := newOrigin(p)
			if err != nil {
				errs = append(errs, err)
			}
			o.patterns = append(o.patterns, x)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return o, nil
}

func newOrigin(pattern string) (origin, error) {
	bad := func(right string) (origin, error) {
		return origin{}, fmt.Errorf("%q is no Origin: %s would be right", pattern, right)
	}
	lower := strings.ToLower(pattern)
	scheme, rest, ok := strings.Cut(lower, "://")
	switch {
	case !ok:
		return bad("a scheme and a host, such as https://a.example or https://*.example.com,")
	case scheme == "ws" || scheme == "wss":
		return bad("the page's scheme, http or https,")
	case !validScheme(scheme):
		return bad("a scheme such as https")
	case strings.IndexByte(rest, '/') >= 0:
		return bad("no path and no slash at the end")
	}
	host, port, ok := splitHost([]byte(rest))
	switch {
	case !ok || len(host) == 0:
		return bad("a host, with or without a port,")
	case !validPort(string(port)):
		return bad("a port of 1 to 65535, or *,")
	}
	x := origin{scheme: scheme, host: string(host), port: string(port)}
	if x.port == "" {
		x.port = defaultPort([]byte(scheme))
	}
	if x.host == "*" {
		x.host, x.wild = "", true
	} else if after, ok := strings.CutPrefix(x.host, "*."); ok && after != "" {
		x.host, x.wild = "."+after, true
	}
	switch {
	case strings.IndexByte(x.host, '*') >= 0:
		return bad("a * in place of whole labels at the front, as in https://*.example.com,")
	case !validHost(x.host):
		return bad("a host of a-z, 0-9, - and dots (a name in other letters as xn--...)")
	}
	return x, nil
}

// Allow says whether a page of this Origin may connect; host is the Host of the
// request. Without an Origin it is no browser's request, and may. Without patterns
// the Origin must be of the same host and port. Both are only read. It costs no
// allocation.
func (o *Origins) Allow(origin, host []byte) bool {
	switch {
	case len(origin) == 0 || o.all:
		return true
	case string(origin) == "null":
		return o.null
	}
	scheme, rest, ok := bytes.Cut(origin, []byte("://"))
	if !ok || !clean(rest) {
		return false
	}
	name, port, ok := splitHost(rest)
	if !ok || len(name) == 0 {
		return false
	}
	standard := defaultPort(scheme)
	if !o.listed {
		return (standard == "80" || standard == "443") && sameHost(name, port, host, standard)
	}
	for i := range o.patterns {
		if o.patterns[i].match(scheme, name, port, standard) {
			return true
		}
	}
	return false
}

func (x *origin) match(scheme, name, port []byte, standard string) bool {
	if !foldEqual(scheme, x.scheme) {
		return false
	}
	if x.port != "*" && string(port) != x.port && (len(port) > 0 || standard != x.port) {
		return false
	}
	if !x.wild {
		return foldEqual(name, x.host)
	}
	n := len(name) - len(x.host)
	return n > 0 && foldEqual(name[n:], x.host)
}

// sameHost compares with a Host header. Where a port is missing it is the standard
// one of the Origin's scheme: what a proxy in front speaks cannot be seen here.
func sameHost(name, port, header []byte, standard string) bool {
	host, hostPort, ok := splitHost(header)
	if !ok || len(host) == 0 || !bytes.EqualFold(name, host) {
		return false
	}
	if len(port) == 0 {
		return len(hostPort) == 0 || string(hostPort) == standard
	}
	return bytes.Equal(port, hostPort) || len(hostPort) == 0 && string(port) == standard
}

// defaultPort is the port of a scheme, empty where it has none.
func defaultPort(scheme []byte) string {
	switch {
	case foldEqual(scheme, "https"):
		return "443"
	case foldEqual(scheme, "http"):
		return "80"
	}
	return ""
}

// splitHost takes host, host:port, [v6] and [v6]:port apart. The results are parts
// of b; the brackets stay on.
func splitHost(b []byte) (host, port []byte, ok bool) {
	end := 0
	if len(b) > 0 && b[0] == '[' {
		if end = bytes.IndexByte(b, ']') + 1; end == 0 {
			return nil, nil, false
		}
	} else if end = bytes.IndexByte(b, ':'); end < 0 {
		end = len(b)
	}
	host, port = b[:end], b[end:]
	if len(port) == 0 {
		return host, nil, true
	}
	if port[0] != ':' || bytes.IndexByte(port[1:], ':') >= 0 {
		return nil, nil, false
	}
	return host, port[1:], true
}

// clean says that b has nothing a host and a port cannot have, so that nothing can
// stand before the suffix of a pattern but a name.
func clean(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

func validScheme(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// validHost is asked of what follows a star too: ".example.com" or "".
func validHost(s string) bool {
	if strings.HasPrefix(s, "[") {
		return strings.HasSuffix(s, "]") && len(s) > 3 && strings.Trim(s[1:len(s)-1], "0123456789abcdef:.") == ""
	}
	return clean([]byte(s)) && !strings.ContainsAny(s, ":[]") && !strings.Contains(s, "..")
}

func validPort(s string) bool {
	if s == "" || s == "*" {
		return true
	}
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 6553 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n >= 1 && n <= 65535 && s[0] != '0'
}
