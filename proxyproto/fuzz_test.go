package proxyproto

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	library "github.com/pires/go-proxyproto"
)

// readLibrary reads a header as the library does. Judged is false where the two
// differ on purpose.
func readLibrary(b []byte, ours error) (src netip.AddrPort, n int, sound, judged bool) {
	in := bytes.NewReader(b)
	buffered := bufio.NewReaderSize(in, MaxHeader)
	h, err := library.Read(buffered)
	switch {
	case len(b) > 13 && begins(b, signature2) && (b[12] == local || b[13] == 0):
		// The library refuses LOCAL of an unknown family, and PROXY of none.
		return src, 0, false, false
	case ours == errLine && bytes.HasPrefix(b, []byte("PROXY UNKNOWN")):
		// The library lets control characters pass that end the line for us.
		return src, 0, false, false
	case ours == errEntries || ours == errChecksum || ours == errLong:
		return src, 0, false, false
	case err != nil:
		return src, 0, false, true
	}
	switch a := h.SourceAddr.(type) {
	case *net.TCPAddr:
		src = a.AddrPort()
	case *net.UDPAddr:
		src = a.AddrPort()
	}
	if src.IsValid() {
		src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
	}
	return src, len(b) - in.Len() - buffered.Buffered(), true, true
}

func FuzzParse(f *testing.F) {
	for _, c := range sound {
		f.Add(c.header)
		f.Add(with(c.header, 'G'))
	}
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.02 4660 443\r\n"))
	f.Add(header2(proxy, 0x11, with(block4, 3, 0, 4, 1, 2, 3, 4)...))
	f.Add(header2(0x22, 0x11, block4...))
	f.Fuzz(func(t *testing.T, b []byte) {
		src, n, err := Parse(b)
		if n < 0 || n > min(len(b), MaxHeader) || n > 0 && err != nil || src.IsValid() && n == 0 || src.Addr().Is4In6() {
			t.Fatalf("%v, %d of %d, %v", src, n, len(b), err)
		}
		if n == 0 && err == nil && len(b) >= MaxHeader {
			t.Fatalf("%d bytes are not enough", len(b))
		}
		// However it is cut: what was called good, bad or too little stays so.
		for i := range min(len(b), MaxHeader) {
			src2, n2, err2 := Parse(b[:i])
			whole := n > 0 && i >= n
			if whole && (src2 != src || n2 != n || err2 != nil) || !whole && (n2 != 0 || err2 != nil && err2 != err) {
				t.Fatalf("%d bytes: %v, %d, %v; all: %v, %d, %v", i, src2, n2, err2, src, n, err)
			}
		}
		want, wantN, ok, judged := readLibrary(b, err)
		if judged && (ok != (n > 0) || ok && (src != want || n != wantN)) {
			t.Fatalf("%v, %d, %v; the library: %v, %d, %v", src, n, err, want, wantN, ok)
		}
	})
}

var (
	strictPair  = `[!#$%&'*+\-.^_|~0-9A-Za-z` + "`" + `]+=(?:[!#$%&'*+\-.^_|~0-9A-Za-z` + "`" + `]+|"(?:[^"\\]|\\.)*")`
	strictEntry = regexp.MustCompile(`^(?s:` + strictPair + `)?(?s:;(?:` + strictPair + `)?)*$`)
	onePair     = regexp.MustCompile(`(?s)` + strictPair)
	strictNode  = regexp.MustCompile(`^(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\])(?::(?:([0-9]{1,5})|_[A-Za-z0-9._\-]+))?$`)
)

// readEntry reads an entry of Forwarded by the grammar of RFC 7239. Judged is false
// where it does not keep to that.
func readEntry(entry string) (a netip.Addr, judged bool) {
	if !strictEntry.MatchString(entry) {
		return a, false
	}
	var nodes []string
	for _, pair := range onePair.FindAllString(entry, -1) {
		if name, value, _ := strings.Cut(pair, "="); strings.EqualFold(name, "for") {
			if strings.HasPrefix(value, `"`) {
				value = value[1 : len(value)-1]
			}
			nodes = append(nodes, value)
		}
	}
	if len(nodes) != 1 {
		return a, true
	}
	m := strictNode.FindStringSubmatch(nodes[0])
	if m == nil {
		return a, false // IPv6 without brackets is taken, though the RFC has it not
	}
	if port, err := strconv.Atoi(m[3]); err == nil && strconv.Itoa(port) != m[3] || port > 65535 {
		return a, true
	}
	a, err := netip.ParseAddr(m[1] + m[2])
	if err != nil || a.Is4() == (m[1] == "") {
		return netip.Addr{}, true
	}
	return a.Unmap(), true
}

func FuzzParseForwarded(f *testing.F) {
	for _, s := range []string{`for=192.0.2.1`, `for="[2001:db8::1]:4711";proto=https`, `by="a;b\"c";;FOR="192.0.2.1:_x";`,
		`for=unknown`, `for=1.1.1.1;for=2.2.2.2`, `for="1.1.1.1`, `for=[::1]`, `a="\\";for=1.1.1.1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		a, ok := parseForwarded([]byte(entry))
		if ok != a.IsValid() || a.Is4In6() || a.Zone() != "" {
			t.Fatalf("%v, %v", a, ok)
		}
		if want, judged := readEntry(entry); judged && a != want {
			t.Fatalf("%v, by the grammar %v", a, want)
		}
	})
}

// Whatever a client writes, its proxies' entries behind it are read as if it had
// written nothing; and who is no proxy changes nothing at all.
func FuzzTrusted_Client(f *testing.F) {
	for _, s := range []string{"", "6.6.6.6", "for=6.6.6.6", `for="6.6.6.6`, `for="\`, `"`, `\`, ",", ", 10.0.0.9", `for="[fd00::1]`} {
		f.Add(s)
	}
	trusted := trust(f, "10.0.0.0/8", "fd00::/8")
	peer, stranger := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.9")
	f.Fuzz(func(t *testing.T, wrote string) {
		b := []byte(wrote)
		if a := trusted.Client(stranger, b, b); a != stranger {
			t.Fatalf("a stranger is believed: %v", a)
		}
		for _, list := range [][2]string{{wrote, ""}, {"", wrote}} {
			if a := trusted.Client(peer, []byte(list[0]), []byte(list[1])); !a.IsValid() || a.Is4In6() || a.Zone() != "" {
				t.Fatalf("the client is %v", a)
			}
		}
		if a := trusted.Client(peer, []byte(wrote+", 192.0.2.1, fd00::2"), b); a.String() != "192.0.2.1" {
			t.Fatalf("X-Forwarded-For: %v", a)
		}
		if a := trusted.Client(peer, nil, []byte(wrote+`, for="[2001:db8::1]:4711";host="a, \"b\\", for="10.0.0.2";proto=https`)); a.String() != "2001:db8::1" {
			t.Fatalf("Forwarded: %v", a)
		}
		if string(b) != wrote {
			t.Fatal("it was written to")
		}
	})
}
