package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const (
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
	fixed      = len(signature2) + 4 // version and command, family, length
)

// The byte behind the signature: version and command.
const (
	local = 0x20 // the proxy connects for itself
	proxy = 0x21 // it connects for a client
)

// The family byte: the upper half says of what family the addresses are, the lower
// how the client came to the proxy: 1 by a stream, 2 by datagrams, as over QUIC.
const (
	unspec = 0x0
	inet   = 0x1
	inet6  = 0x2
	unix   = 0x3
)

// addresses is how many bytes source and destination take, by family.
var addresses = [...]int{unspec: 0, inet: 12, inet6: 36, unix: 216}

const (
	typeCRC32C = 0x03
	entryHead  = 3 // type and length
)

var (
	errVersion  = invalid("version 2 with the command LOCAL or PROXY would be right")
	errFamily2  = invalid("a family and a transport that proxy-protocol.txt knows would be right")
	errShort    = invalid("it is shorter than the addresses of its family")
	errEntries  = invalid("the entries behind the addresses do not end where the header does")
	errChecksum = invalid("its checksum is wrong")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      = make([]byte, crc32.Size) // stand for the checksum in its own sum
)

// parse2 reads a header of version 2. Each byte of the fixed part is judged as soon
// as it is there.
func parse2(b []byte) (src netip.AddrPort, n int, err error) {
	const command, family = len(signature2), len(signature2) + 1
	if len(b) > command && b[command] != local && b[command] != proxy {
		return src, 0, errVersion
	}
	// The family of LOCAL is to be ignored.
	named := len(b) > family && b[command] == proxy
	if named && !knownFamily(b[family]) {
		return src, 0, errFamily2
	}
	if len(b) < fixed {
		return src, 0, nil
	}
	n = fixed + int(binary.BigEndian.Uint16(b[fixed-2:]))
	switch {
	case n > MaxHeader:
		return src, 0, errLong
	case named && n < fixed+addresses[b[family]>>4]:
		return src, 0, errShort
	case len(b) < n:
		return src, 0, nil
	case !named || b[family]>>4 == unspec:
		return src, n, nil // it says nothing that is used
	}
	if err := check(b[:n], fixed+addresses[b[family]>>4]); err != nil {
		return src, 0, err
	}
	return source(b[fixed:n], b[family]>>4), n, nil
}

// knownFamily says whether a family byte is one of those that the specification
// lists: any other must be refused.
func knownFamily(c byte) bool {
	family, transport := c>>4, c&0xf
	return c == unspec || family >= inet && family <= unix && (transport == 1 || transport == 2)
}

// source reads the source from the addresses.
func source(b []byte, family byte) netip.AddrPort {
	switch family {
	case inet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[8:]))
	case inet6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), binary.BigEndian.Uint16(b[32:]))
	}
	return netip.AddrPort{}
}

// check walks the entries (type, length, value) from at to the end of a header, and
// verifies its CRC32c where it has one. What else they say is not used.
func check(header []byte, at int) error {
	for at < len(header) {
		if len(header)-at < entryHead {
			return errEntries
		}
		value := at + entryHead
		next := value + int(binary.BigEndian.Uint16(header[at+1:]))
		if next > len(header) {
			return errEntries
		}
		if header[at] == typeCRC32C && !sumIsRight(header, value, next) {
			return errChecksum
		}
		at = next
	}
	return nil
}

// sumIsRight verifies the checksum at header[from:to], which is of the whole header
// with zeros in that place.
func sumIsRight(header []byte, from, to int) bool {
	if to-from != crc32.Size {
		return false
	}
	sum := crc32.Update(0, castagnoli, header[:from])
	sum = crc32.Update(sum, castagnoli, zeros)
	sum = crc32.Update(sum, castagnoli, header[to:])
	return sum == binary.BigEndian.Uint32(header[from:])
}
