package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/roostws/roost/poller"
)

// An address is where to listen: a host, which may be empty for all addresses,
// and a port, which may be 0 for any free one.
type address struct {
	host string
	port int
	tls  bool
}

// parseListen reads HOST:PORT of a listener of clients, or tls://HOST:PORT.
func parseListen(s string) (address, error) {
	rest, tls := strings.CutPrefix(s, poller.SchemeTLS)
	if scheme, _, ok := strings.Cut(rest, "://"); ok {
		return address{}, fmt.Errorf("%q begins with %s://: host:port such as 127.0.0.1:8080, or tls://:8443, would be right", s, scheme)
	}
	a, err := parseAddress(rest)
	a.tls = tls
	return a, err
}

// scheme is that of URLs to a: http and ws become https and wss by TLS.
func (a address) scheme(plain string) string {
	if a.tls {
		return plain + "s"
	}
	return plain
}

// parseAddress reads HOST:PORT. Names of ports are not taken: what they mean
// depends on the machine.
func parseAddress(s string) (address, error) {
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return address{}, fmt.Errorf("%q begins with %s://: host:port such as 127.0.0.1:8080 would be right", s, scheme)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if digits(s) {
			return address{}, fmt.Errorf("%q has no colon: :%s for all addresses, or 127.0.0.1:%s, would be right", s, s, s)
		}
		if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
			return address{}, fmt.Errorf("%q has no port: [%s]:8080 would be right", s, s)
		}
		if !strings.Contains(s, ":") {
			return address{}, fmt.Errorf("%q has no port: %s:8080 would be right", s, s)
		}
		return address{}, fmt.Errorf("%q is no address: host:port such as 127.0.0.1:8080 would be right", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !digits(port) {
		return address{}, fmt.Errorf("%q has a wrong port: 0 to 65535 would be right", s)
	}
	if err := checkHost(host); err != nil {
		return address{}, fmt.Errorf("%q %w", s, err)
	}
	return address{host: host, port: int(n)}, nil
}

// checkHost lets an IP address pass, a name that DNS could know, and nothing.
func checkHost(host string) error {
	if host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if len(host) > 253 || strings.Trim(host, "0123456789.") == "" {
		return errors.New("has a wrong host: an IP address or a name would be right")
	}
	for i := range len(host) {
		c := host[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			return errors.New("has a wrong host: an IP address or a name would be right")
		}
	}
	return nil
}

// everywhere says whether a listens at all addresses.
func (a address) everywhere() bool {
	ip, err := netip.ParseAddr(a.host)
	return a.host == "" || err == nil && ip.IsUnspecified()
}

// loopback says whether a can be reached from this machine alone. Of names only
// localhost counts: any other may mean another address tomorrow.
func (a address) loopback() bool {
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(a.host, "localhost")
}

// dialable is an address under which this machine reaches a, as host:port.
func (a address) dialable() string {
	host := a.host
	if a.everywhere() {
		host = "127.0.0.1"
		if ip, err := netip.ParseAddr(a.host); err == nil && ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(a.port))
}
