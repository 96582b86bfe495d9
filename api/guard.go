package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// knows says whether a request brings the secret. Both sides are hashed first, so
// that the time it takes tells nothing, not even the length.
func (s *service) knows(q *http.Request) bool {
	if s.cfg.Secret == "" {
		return true
	}
	given := sha256.Sum256([]byte(bearer(q)))
	return subtle.ConstantTimeCompare(given[:], s.secret[:]) == 1
}

// bearer is the token of the header Authorization (RFC 6750, section 2.1).
func bearer(q *http.Request) string {
	values := q.Header["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

// challenge is the header WWW-Authenticate (RFC 6750, section 3): it names an
// error only where there was a token.
func challenge(q *http.Request) []string {
	if bearer(q) == "" {
		return []string{`Bearer realm="roost"`}
	}
	return []string{`Bearer realm="roost", error="invalid_token"`}
}

func wrongSecret(q *http.Request) string {
	if bearer(q) == "" {
		return "the secret is missing: Authorization: Bearer SECRET, with the value of --admin-secret, would be right"
	}
	return "the secret is wrong: the value of --admin-secret would be right"
}

// foreign refuses what a page of somebody else makes a browser send. A browser
// names the page's origin; and a name that was made to point to this machine
// (DNS rebinding) stands in Host.
func foreign(q *http.Request) *failure {
	host := hostname(q.Host)
	if atLoopback(q) && !local(host) {
		return &failure{status: http.StatusForbidden, message: fmt.Sprintf("Host %q is not this machine: 127.0.0.1, localhost or an IP address would be right", shorten(q.Host))}
	}
	origins := q.Header["Origin"]
	if len(origins) > 1 || len(origins) == 1 && !sameHost(origins[0], q.Host) {
		return &failure{status: http.StatusForbidden, message: fmt.Sprintf("Origin %q is not this server: pages of other servers may not use the API", shorten(origins[0]))}
	}
	if site := q.Header["Sec-Fetch-Site"]; len(site) > 0 && len(origins) == 0 && q.Method != http.MethodGet && q.Method != http.MethodHead &&
		site[0] != "same-origin" && site[0] != "none" {
		return &failure{status: http.StatusForbidden, message: "pages of other servers may not use the API"}
	}
	return nil
}

// atLoopback says whether a request came to a loopback address. What has no
// address of TCP no browser can reach.
func atLoopback(q *http.Request) bool {
	at, ok := q.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// local says whether a name cannot be another one's: an address, or localhost.
// A request of HTTP/1.0 may name none; a browser always does.
func local(host string) bool {
	if host == "" || strings.EqualFold(host, "localhost") || hasSuffixFold(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// hostname is the part of host:port before the port, without brackets.
func hostname(hostport string) string {
	host := hostport
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// sameHost says whether an Origin names the host of the request. The scheme is
// not compared: a proxy before roost may have ended TLS.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return strings.EqualFold(u.Host, host) || u.Port() == "" && strings.EqualFold(u.Host+defaultPort(u.Scheme), host)
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}
