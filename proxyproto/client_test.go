package proxyproto

import (
	"net/netip"
	"strings"
	"testing"
)

// In the tests 10.0.0.0/8 and fd00::/8 are proxies; the request comes from 10.0.0.1.
func client(t *testing.T, peer, xForwardedFor, forwarded string) string {
	t.Helper()
	trusted := trust(t, "10.0.0.0/8", "fd00::/8")
	return trusted.Client(netip.MustParseAddr(peer), []byte(xForwardedFor), []byte(forwarded)).String()
}

func TestTrusted_Client_Peer(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.9":        "192.0.2.9", // not trusted: what it says is nothing
		"::ffff:192.0.2.9": "192.0.2.9",
		"2001:db8::9":      "2001:db8::9",
		"10.0.0.1":         "192.0.2.1",
		"::ffff:10.0.0.1":  "192.0.2.1",
		"fd00::1":          "192.0.2.1",
	} {
		if got := client(t, peer, "192.0.2.1", ""); got != want {
			t.Errorf("X-Forwarded-For from %s: %s", peer, got)
		}
		if got := client(t, peer, "", "for=192.0.2.1"); got != want {
			t.Errorf("Forwarded from %s: %s", peer, got)
		}
	}
	if a := trust(t, "10.0.0.0/8").Client(netip.Addr{}, []byte("192.0.2.1"), nil); a.IsValid() {
		t.Errorf("without a peer: %v", a)
	}
}

func TestTrusted_Client_XForwardedFor(t *testing.T) {
	for list, want := range map[string]string{
		"":                                 "10.0.0.1",
		"192.0.2.1":                        "192.0.2.1",
		"192.0.2.1:4660":                   "192.0.2.1",
		"2001:db8::1":                      "2001:db8::1",
		"[2001:db8::1]":                    "2001:db8::1",
		"[2001:db8::1]:4660":               "2001:db8::1",
		"::ffff:192.0.2.1":                 "192.0.2.1",
		" \t192.0.2.1 ":                    "192.0.2.1",
		"6.6.6.6, 192.0.2.1":               "192.0.2.1", // the client made the first up
		"6.6.6.6,192.0.2.1,10.0.0.2":       "192.0.2.1",
		"192.0.2.1, fd00::2,10.0.0.2":      "192.0.2.1",
		"10.0.0.3, 10.0.0.2":               "10.0.0.3", // all are proxies: the first of them asks
		"192.0.2.1, unknown, 10.0.0.2":     "10.0.0.2",
		"192.0.2.1, , 10.0.0.2":            "10.0.0.2",
		"192.0.2.1,":                       "10.0.0.1",
		",192.0.2.1":                       "192.0.2.1",
		"192.0.2.1 10.0.0.2":               "10.0.0.1",
		"192.0.2.1, 10.0.0.02":             "10.0.0.1",
		"192.0.2.1, 10.0.0.2:":             "10.0.0.1",
		"192.0.2.1, 10.0.0.2:65536":        "10.0.0.1",
		"192.0.2.1, [10.0.0.2]":            "10.0.0.1",
		"192.0.2.1, [fd00::2":              "10.0.0.1",
		"192.0.2.1, [fd00::2]4660":         "10.0.0.1",
		"192.0.2.1, [fd00::2]:":            "10.0.0.1",
		"192.0.2.1, fd00::2%eth0":          "10.0.0.1",
		`192.0.2.1, "10.0.0.2"`:            "10.0.0.1",
		"192.0.2.1, proxy.example":         "10.0.0.1",
		strings.Repeat("1", 4096):          "10.0.0.1",
		strings.Repeat(",", 4096):          "10.0.0.1",
		"192.0.2.1" + proxies(MaxHops-1):   "192.0.2.1",
		"192.0.2.1" + proxies(MaxHops):     "10.0.9.9",
		"192.0.2.1" + proxies(100*MaxHops): "10.0.9.9",
	} {
		if got := client(t, "10.0.0.1", list, ""); got != want {
			t.Errorf("%.80q: %s, expected %s", list, got, want)
		}
	}
}

func proxies(n int) string { return strings.Repeat(", 10.0.9.9", n) }

func TestTrusted_Client_Forwarded(t *testing.T) {
	for list, want := range map[string]string{
		`for=192.0.2.1`:                                             "192.0.2.1",
		`FOR="192.0.2.1"`:                                           "192.0.2.1",
		`For=192.0.2.1:4660`:                                        "192.0.2.1",
		`for="192.0.2.1:_port"`:                                     "192.0.2.1",
		`for="[2001:db8::1]"`:                                       "2001:db8::1",
		`for="[2001:db8::1]:4660"`:                                  "2001:db8::1",
		`for="[2001:db8::1]:_p.1-x"`:                                "2001:db8::1",
		`for=[2001:db8::1]`:                                         "2001:db8::1",
		`for="[::ffff:192.0.2.1]"`:                                  "192.0.2.1",
		`proto=https;by=10.0.0.1;for=192.0.2.1;host=a`:              "192.0.2.1",
		`by=10.0.0.1; for=192.0.2.1 ; host="a"`:                     "192.0.2.1",
		`;;for=192.0.2.1;`:                                          "192.0.2.1",
		`for=6.6.6.6, for=192.0.2.1`:                                "192.0.2.1",
		`for=192.0.2.1, for="[fd00::2]" , for=10.0.0.2`:             "192.0.2.1",
		`for=192.0.2.1,for=10.0.0.2;host="a, for=1"`:                "192.0.2.1",
		`for=192.0.2.1,for=10.0.0.2;host="a\", for=1"`:              "192.0.2.1",
		`for=192.0.2.1,for=10.0.0.2;host="a\\"`:                     "192.0.2.1",
		`for=192.0.2.1,for=10.0.0.2;host="\\\""`:                    "192.0.2.1",
		`for=192.0.2.1,for=10.0.0.2;host="a;for=1"`:                 "192.0.2.1",
		`for=6.6.6.6;by=", for=192.0.2.1`:                           "192.0.2.1", // a quote that the client left open
		`for=6.6.6.6;by="\, for="[2001:db8::1]"`:                    "2001:db8::1",
		`for="6.6.6.6, for=192.0.2.1,for="10.0.0.2"`:                "192.0.2.1",
		`for=192.0.2.1, for=unknown, for=10.0.0.2`:                  "10.0.0.2",
		`for=192.0.2.1, for=_hidden, for=10.0.0.2`:                  "10.0.0.2",
		`for=192.0.2.1, for="_hidden:80", for=10.0.0.2`:             "10.0.0.2",
		`for=192.0.2.1, proto=https, for=10.0.0.2`:                  "10.0.0.2",
		`for=192.0.2.1, for=10.0.0.2;for=10.0.0.3`:                  "10.0.0.1",
		`for=192.0.2.1, for=10.0.0.2;host`:                          "10.0.0.1",
		`for=192.0.2.1, for=10.0.0.2;="a"`:                          "10.0.0.1",
		`for=192.0.2.1, for="10.0.0.2"x`:                            "10.0.0.1",
		`for=192.0.2.1, for=10"."0.0.2`:                             "10.0.0.1",
		`for=192.0.2.1, for="10.0.0.\2"`:                            "10.0.0.1",
		`for=192.0.2.1, for =10.0.0.2`:                              "10.0.0.1",
		`for=192.0.2.1, for="[fd00::2]:65536"`:                      "10.0.0.1",
		`for=192.0.2.1, for="[fd00::2]:_"`:                          "10.0.0.1",
		`for=192.0.2.1, for="[fd00::2]:_a b"`:                       "10.0.0.1",
		`for=192.0.2.1, for=`:                                       "10.0.0.1",
		`for=192.0.2.1, for=""`:                                     "10.0.0.1",
		`for=192.0.2.1, for="`:                                      "10.0.0.1",
		`for=192.0.2.1, for="\`:                                     "10.0.0.1",
		`192.0.2.1`:                                                 "10.0.0.1",
		strings.Repeat(`"`, 4096):                                   "10.0.0.1",
		strings.Repeat(`\`, 4096):                                   "10.0.0.1",
		strings.Repeat(`;`, 4096):                                   "10.0.0.1",
		strings.Repeat(`a=b;`, 2000) + `for=192.0.2.1`:              "192.0.2.1",
		"for=192.0.2.1" + strings.Repeat(", for=10.0.9.9", MaxHops): "10.0.9.9",
	} {
		if got := client(t, "10.0.0.1", "", list); got != want {
			t.Errorf("%.80q: %s, expected %s", list, got, want)
		}
	}
}

// nginx and HAProxy hand a client's Forwarded on beside the X-Forwarded-For that
// they write: it must not make the client another.
func TestTrusted_Client_BothHeaders(t *testing.T) {
	if got := client(t, "10.0.0.1", "192.0.2.1", "for=6.6.6.6"); got != "192.0.2.1" {
		t.Errorf("both: %s", got)
	}
	if got := client(t, "10.0.0.1", "unknown", "for=6.6.6.6"); got != "10.0.0.1" {
		t.Errorf("both, one of them without an address: %s", got)
	}
}

var typical = map[string]struct{ xForwardedFor, forwarded []byte }{
	"x-forwarded-for":    {xForwardedFor: []byte("203.0.113.7")},
	"x-forwarded-for-v6": {xForwardedFor: []byte("2001:db8:85a3::8a2e:370:7334, fd00::2")},
	"forwarded":          {forwarded: []byte(`for="[2001:db8:85a3::8a2e:370:7334]:4711";proto=https;by=10.0.0.1, for=10.0.0.2;host="push.example"`)},
	"none":               {},
}

func TestTrusted_Client_Allocs(t *testing.T) {
	trusted, peer := trust(t, "10.0.0.0/8", "fd00::/8"), netip.MustParseAddr("10.0.0.1")
	for name, c := range typical {
		if n := testing.AllocsPerRun(100, func() { trusted.Client(peer, c.xForwardedFor, c.forwarded) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkTrusted_Client(b *testing.B) {
	trusted, peer := trust(b, "10.0.0.0/8", "fd00::/8"), netip.MustParseAddr("10.0.0.1")
	for name, c := range typical {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				trusted.Client(peer, c.xForwardedFor, c.forwarded)
			}
		})
	}
}
