package proxyproto

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// maxAddr is the longest address in text: IPv6 that ends in IPv4.
const maxAddr = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")

// parseAddr reads an address without a zone: a zone is of the machine that wrote it.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > maxAddr || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	// This spares a string for each address. An address keeps nothing of its text
	// but a zone, and the error is dropped.
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return a, err == nil
}

// parsePort reads 0 to 65535.
func parsePort(b []byte) (uint16, bool) {
	if len(b) == 0 || len(b) > 5 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 65535
}

// parseNode reads an address of a header: alone, in brackets if it is IPv6, and
// with a port that is a number or, in Forwarded, hidden: _ and a name. IPv6 without
// brackets and a port is what X-Forwarded-For has. IPv4 comes in its own form.
func parseNode(b []byte) (netip.Addr, bool) {
	host, port, bracket := b, []byte(nil), false
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || end+1 < len(b) && b[end+1] != ':' {
			return netip.Addr{}, false
		}
		host, bracket = b[1:end], true
		if end+1 < len(b) {
			port = b[end+2:]
			if !validPort(port) {
				return netip.Addr{}, false
			}
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 && i == bytes.LastIndexByte(b, ':') {
		host, port = b[:i], b[i+1:]
		if !validPort(port) {
			return netip.Addr{}, false
		}
	}
	a, ok := parseAddr(host)
	if !ok || bracket && !a.Is6() {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// validPort is asked of a port in a header (RFC 7239, 6).
func validPort(b []byte) bool {
	if len(b) > 1 && b[0] == '_' {
		for _, c := range b[1:] {
			if !nodeChar(c) {
				return false
			}
		}
		return true
	}
	_, ok := parsePort(b)
	return ok
}

func nodeChar(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
