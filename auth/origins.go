package auth

import (
	"fmt"
	"net"
	"strings"
)

// Origins decides which Origins of browsers are allowed (RFC 6455, 10.2). A
// request without one does not come from a browser, and passes.
type Origins struct {
	patterns []string // in lower case; none: the same host
}

// NewOrigins takes patterns such as https://example.com, https://*.example.com,
// http://localhost:3000, null, or * for all. Without any, an Origin must be of
// the host that the request is for.
func NewOrigins(patterns []string) (*Origins, error) {
	o := &Origins{}
	for _, p := range patterns {
		lower := strings.ToLower(p)
		if lower != "*" && lower != "null" && !validOrigin(lower) {
			return nil, fmt.Errorf("origin %q is not one: https://example.com, https://*.example.com, null or * would be right", p)
		}
		o.patterns = append(o.patterns, lower)
	}
	return o, nil
}

// validOrigin says whether p is scheme://host or scheme://host:port.
func validOrigin(p string) bool {
	scheme, host, ok := strings.Cut(p, "://")
	return ok && scheme != "" && host != "" && strings.IndexFunc(p, func(r rune) bool { return r <= ' ' || r > '~' }) < 0 &&
		!strings.ContainsAny(host, "/?#@") && !strings.ContainsAny(scheme, ":/*?#")
}

// Allow says whether a request with these headers may come in. The slices are
// not kept.
func (o *Origins) Allow(origin, host []byte) bool {
	if len(origin) == 0 {
		return true
	}
	got := strings.ToLower(string(origin))
	if len(o.patterns) == 0 {
		return sameHost(got, strings.ToLower(string(host)))
	}
	for _, p := range o.patterns {
		// A star stands for parts of a host, never for an end of it.
		if p == "*" || p == got || validOrigin(got) && match(p, got) {
			return true
		}
	}
	return false
}

// sameHost compares an Origin with the header Host; the scheme's own port may be
// left out in either.
func sameHost(origin, host string) bool {
	scheme, at, ok := strings.Cut(origin, "://")
	if !ok || at == "" || strings.ContainsAny(at, "/?#@") {
		return false
	}
	port := ""
	switch scheme {
	case "http":
		port = "80"
	case "https":
		port = "443"
	}
	return withPort(at, port) == withPort(host, port)
}

func withPort(host, port string) string {
	if h, p, err := net.SplitHostPort(host); err == nil {
		return net.JoinHostPort(h, p)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}
