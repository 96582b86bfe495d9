package proxyproto

import (
	"errors"
	"fmt"
	"net/netip"
)

// MaxHeader is the longest PROXY header that is read, in bytes. One with addresses
// alone has 52, what balancers add makes some 200 of it; the rest is room for the
// client's certificate, which HAProxy can be told to add.
const MaxHeader = 4096

// ErrInvalid says that a connection does not begin with a sound PROXY header. What
// Parse returns wraps it and says what is wrong.
var ErrInvalid = errors.New("invalid PROXY header")

var (
	errMissing = invalid("PROXY or the signature of version 2 would be right at the beginning")
	errLong    = invalid("it is longer than 4096 bytes")
)

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }

// Parse reads the PROXY header (versions 1 and 2 of HAProxy's proxy-protocol.txt)
// that a connection begins with; b is all that came so far, and is only read. n is
// the header's length: 0 without an error asks for more bytes, which is at most
// until there are MaxHeader. An error wraps ErrInvalid and is final: a connection
// without a header is one, since only a proxy may connect where headers are read.
//
// src is the client's address, IPv4 in its own form. It is not valid where the
// header names none (UNKNOWN, LOCAL, as health checks are; a Unix socket): then the
// connection's own address is the one that counts. Sound headers cost no allocation.
//
// github.com/pires/go-proxyproto v0.15.0 is not used here but as what the fuzz test
// compares with: it reads from a bufio.Reader, cannot tell a header that is cut
// short from a bad one, allocates 7 or 8 times for each, and leaves the entries
// behind the addresses and their checksum unread.
func Parse(b []byte) (src netip.AddrPort, n int, err error) {
	switch {
	case begins(b, signature1):
		return parse1(b)
	case begins(b, signature2):
		return parse2(b)
	}
	return netip.AddrPort{}, 0, errMissing
}

// begins says whether b begins with s, as far as it goes.
func begins(b []byte, s string) bool {
	n := min(len(b), len(s))
	return string(b[:n]) == s[:n]
}
