package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"

	library "github.com/pires/go-proxyproto"
)

// header2 makes a header of version 2; block is what stands behind its length.
func header2(command, family byte, block ...byte) []byte {
	b := append([]byte(signature2), command, family, 0, 0)
	binary.BigEndian.PutUint16(b[14:], uint16(len(block)))
	return append(b, block...)
}

var (
	block4 = []byte{192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 1, 187}
	block6 = append(append(append([]byte{}, netip.MustParseAddr("2001:db8::1").AsSlice()...),
		netip.MustParseAddr("2001:db8::2").AsSlice()...), 0x12, 0x34, 1, 187)
	mapped6 = append(append(append([]byte{}, netip.MustParseAddr("::ffff:192.0.2.1").AsSlice()...),
		netip.MustParseAddr("::ffff:192.0.2.2").AsSlice()...), 0x12, 0x34, 1, 187)
)

// with gives a block with entries behind it.
func with(block []byte, entries ...byte) []byte {
	return append(append([]byte{}, block...), entries...)
}

// summed gives a header whose last entry is its right checksum.
func summed(command, family byte, block ...byte) []byte {
	b := header2(command, family, with(block, typeCRC32C, 0, 4, 0, 0, 0, 0)...)
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// sound are headers by the source that they name; "" is none.
var sound = map[string]struct {
	header []byte
	src    string
}{
	"v1":                 {[]byte("PROXY TCP4 192.0.2.1 192.0.2.2 4660 443\r\n"), "192.0.2.1:4660"},
	"v1 longest v4":      {[]byte("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
	"v1 port 0":          {[]byte("PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n"), "192.0.2.1:0"},
	"v1 v6":              {[]byte("PROXY TCP6 2001:db8::1 2001:DB8::2 4660 443\r\n"), "[2001:db8::1]:4660"},
	"v1 mapped":          {[]byte("PROXY TCP6 ::ffff:192.0.2.1 ::1 4660 443\r\n"), "192.0.2.1:4660"},
	"v1 longest v6":      {[]byte("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	"v1 unknown":         {[]byte("PROXY UNKNOWN\r\n"), ""},
	"v1 longest unknown": {[]byte("PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n"), ""},

	"v2":               {header2(proxy, 0x11, block4...), "192.0.2.1:4660"},
	"v2 v6":            {header2(proxy, 0x21, block6...), "[2001:db8::1]:4660"},
	"v2 mapped":        {header2(proxy, 0x21, mapped6...), "192.0.2.1:4660"},
	"v2 datagram":      {header2(proxy, 0x12, block4...), "192.0.2.1:4660"},
	"v2 unix":          {header2(proxy, 0x31, make([]byte, 216)...), ""},
	"v2 unspecified":   {header2(proxy, 0x00), ""},
	"v2 unspecified +": {header2(proxy, 0x00, 1, 2, 3), ""},
	"v2 local":         {header2(local, 0x00), ""},
	"v2 local +":       {header2(local, 0x11, block4...), ""},
	"v2 local, odd":    {header2(local, 0xff, 1, 2, 3), ""},
	"v2 entries":       {header2(proxy, 0x11, with(block4, 1, 0, 2, 'h', '2', 4, 0, 0, 0xee, 0, 1, 9)...), "192.0.2.1:4660"},
	"v2 checksum":      {summed(proxy, 0x11, block4...), "192.0.2.1:4660"},
	"v2 checksum v6":   {summed(proxy, 0x21, with(block6, 1, 0, 2, 'h', '2')...), "[2001:db8::1]:4660"},
	"v2 longest":       {header2(proxy, 0x11, with(block4, append([]byte{0xee, 0x0f, 0xe1}, make([]byte, 4065)...)...)...), "192.0.2.1:4660"},
}

// Whatever of it came so far, a sound header is never called bad; once it is whole,
// what stands behind it changes nothing.
func TestParse_Sound(t *testing.T) {
	for name, c := range sound {
		var want netip.AddrPort
		if c.src != "" {
			want = netip.MustParseAddrPort(c.src)
		}
		for i := range c.header {
			if src, n, err := Parse(c.header[:i]); src.IsValid() || n != 0 || err != nil {
				t.Fatalf("%s: %d of %d bytes: %v, %d, %v", name, i, len(c.header), src, n, err)
			}
		}
		for _, behind := range []string{"", "\n", "GET / HTTP/1.1\r\n"} {
			if src, n, err := Parse(with(c.header, []byte(behind)...)); src != want || n != len(c.header) || err != nil {
				t.Errorf("%s: %v, %d of %d, %v; expected %v", name, src, n, len(c.header), err, want)
			}
		}
	}
}

// Each is refused, and as soon as its last byte is there.
func TestParse_Invalid(t *testing.T) {
	v1 := func(s string) []byte { return []byte(s) }
	flipped := summed(proxy, 0x11, block4...)
	flipped[17] ^= 1
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"another protocol": {v1("G"), errMissing},
		"small letters":    {v1("p"), errMissing},
		"no space":         {v1("PROXYT"), errMissing},
		"TLS":              {[]byte{0x16}, errMissing},
		"v1 a bare LF":     {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 443\n"), errLine},
		"v1 a bare CR":     {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 443\rG"), errLine},
		"v1 too long":      {v1("PROXY UNKNOWN " + strings.Repeat("f", 93)), errLine},
		"v1 CR at 107":     {v1("PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r"), errLine},
		"v1 nothing":       {v1("PROXY \r\n"), errFamily1},
		"v1 UDP":           {v1("PROXY UDP4 192.0.2.1 192.0.2.2 4660 443\r\n"), errFamily1},
		"v1 unknownx":      {v1("PROXY UNKNOWNX\r\n"), errFamily1},
		"v1 two spaces":    {v1("PROXY  TCP4 192.0.2.1 192.0.2.2 4660 443\r\n"), errFamily1},
		"v1 family alone":  {v1("PROXY TCP4\r\n"), errFields},
		"v1 three fields":  {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660\r\n"), errFields},
		"v1 five fields":   {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 443 1\r\n"), errFields},
		"v1 space at end":  {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 443 \r\n"), errFields},
		"v1 spaces within": {v1("PROXY TCP4 192.0.2.1  192.0.2.2 4660 443\r\n"), errFields},
		"v1 zeros":         {v1("PROXY TCP4 192.0.2.01 192.0.2.2 4660 443\r\n"), errAddress},
		"v1 v6 as v4":      {v1("PROXY TCP4 2001:db8::1 192.0.2.2 4660 443\r\n"), errAddress},
		"v1 v4 as v6":      {v1("PROXY TCP6 192.0.2.1 2001:db8::1 4660 443\r\n"), errAddress},
		"v1 bad dst":       {v1("PROXY TCP4 192.0.2.1 192.0.2.256 4660 443\r\n"), errAddress},
		"v1 zone":          {v1("PROXY TCP6 fe80::1%1 fe80::2 4660 443\r\n"), errAddress},
		"v1 a name":        {v1("PROXY TCP4 localhost 192.0.2.2 4660 443\r\n"), errAddress},
		"v1 no port":       {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 \r\n"), errPort},
		"v1 port":          {v1("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n"), errPort},
		"v1 port dst":      {v1("PROXY TCP4 192.0.2.1 192.0.2.2 4660 100000\r\n"), errPort},
		"v1 port zeros":    {v1("PROXY TCP4 192.0.2.1 192.0.2.2 080 443\r\n"), errPort},
		"v1 port signed":   {v1("PROXY TCP4 192.0.2.1 192.0.2.2 +80 443\r\n"), errPort},

		"v2 signature":     {v1("\r\n\r\n\x00\r\nQUIT\r"), errMissing},
		"v2 version":       {header2(0x11, 0x11)[:13], errVersion},
		"v2 command":       {header2(0x22, 0x11)[:13], errVersion},
		"v2 family":        {header2(proxy, 0x41)[:14], errFamily2},
		"v2 transport":     {header2(proxy, 0x13)[:14], errFamily2},
		"v2 no transport":  {header2(proxy, 0x10)[:14], errFamily2},
		"v2 no family":     {header2(proxy, 0x01)[:14], errFamily2},
		"v2 too long":      {append(header2(proxy, 0x11)[:14], 0x0f, 0xf1), errLong},
		"v2 local long":    {append(header2(local, 0x00)[:14], 0xff, 0xff), errLong},
		"v2 short v4":      {append(header2(proxy, 0x11)[:14], 0, 11), errShort},
		"v2 short v6":      {append(header2(proxy, 0x21)[:14], 0, 35), errShort},
		"v2 short unix":    {append(header2(proxy, 0x31)[:14], 0, 215), errShort},
		"v2 half an entry": {header2(proxy, 0x11, with(block4, 1, 0)...), errEntries},
		"v2 long entry":    {header2(proxy, 0x11, with(block4, 1, 0, 3, 'h', '2')...), errEntries},
		"v2 checksum":      {flipped, errChecksum},
		"v2 checksum of 3": {header2(proxy, 0x11, with(block4, 3, 0, 3, 0, 0, 0)...), errChecksum},
		"v2 no checksum":   {header2(proxy, 0x11, with(block4, 3, 0, 0)...), errChecksum},
	} {
		src, n, err := Parse(c.in)
		if err != c.want || !errors.Is(err, ErrInvalid) || n != 0 || src.IsValid() {
			t.Errorf("%s: %v, %d, %v; expected %v", name, src, n, err, c.want)
		}
		if _, n, err := Parse(c.in[:len(c.in)-1]); err != nil && err != c.want || n != 0 {
			t.Errorf("%s, cut short: %d, %v", name, n, err)
		}
	}
}

func TestParse_Allocs(t *testing.T) {
	for name, c := range sound {
		if n := testing.AllocsPerRun(100, func() { _, _, _ = Parse(c.header) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"v1", "v1 longest v6", "v2", "v2 checksum"} {
		in := sound[name].header
		name = strings.ReplaceAll(name, " ", "-")
		b.Run(name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, n, _ := Parse(in); n == 0 {
					b.Fatal()
				}
			}
		})
		b.Run(name+"/library", func(b *testing.B) {
			r := bytes.NewReader(nil)
			buffered := bufio.NewReaderSize(nil, 512)
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(in)
				buffered.Reset(r)
				if _, err := library.Read(buffered); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
