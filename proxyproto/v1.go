package proxyproto

import (
	"bytes"
	"net/netip"
)

const (
	signature1 = "PROXY "
	// maxLine is the longest line of version 1, with its CR LF.
	maxLine = 107
)

var (
	errLine    = invalid("a line of at most 107 bytes that ends in CR LF would be right")
	errFamily1 = invalid("TCP4, TCP6 or UNKNOWN would be right behind PROXY")
	errFields  = invalid("two addresses and two ports, each behind one space, would be right")
	errAddress = invalid("an address is not of the family that it is said to be of")
	errPort    = invalid("a port of 0 to 65535 without a leading zero would be right")
)

// parse1 reads PROXY TCP4 SRC DST SPORT DPORT, TCP6 likewise, or PROXY UNKNOWN with
// anything behind it.
func parse1(b []byte) (src netip.AddrPort, n int, err error) {
	end := bytes.IndexAny(b[:min(len(b), maxLine)], "\r\n")
	switch {
	case end < 0 && len(b) < maxLine || end >= 0 && end == len(b)-1 && end < maxLine-1 && b[end] == '\r':
		return src, 0, nil
	case end < 0 || end+2 > maxLine || b[end] != '\r' || b[end+1] != '\n':
		return src, 0, errLine
	case end < len(signature1):
		return src, 0, errFamily1
	}
	n = end + 2
	family, rest, more := bytes.Cut(b[len(signature1):end], []byte(" "))
	switch {
	case string(family) == "UNKNOWN":
		return src, n, nil
	case string(family) != "TCP4" && string(family) != "TCP6":
		return src, 0, errFamily1
	case !more:
		return src, 0, errFields
	}
	src, err = parseFields(rest, family[3] == '4')
	if err != nil {
		n = 0
	}
	return src, n, err
}

// parseFields reads SRC DST SPORT DPORT.
func parseFields(b []byte, four bool) (src netip.AddrPort, err error) {
	var fields [4][]byte
	for i := range fields {
		var more bool
		fields[i], b, more = bytes.Cut(b, []byte(" "))
		if more == (i == len(fields)-1) {
			return src, errFields
		}
	}
	from, okFrom := parseAddr(fields[0])
	to, okTo := parseAddr(fields[1])
	if !okFrom || !okTo || from.Is4() != four || to.Is4() != four {
		return src, errAddress
	}
	port, okFrom := parsePort(fields[2])
	_, okTo = parsePort(fields[3])
	if !okFrom || !okTo {
		return src, errPort
	}
	return netip.AddrPortFrom(from.Unmap(), port), nil
}
