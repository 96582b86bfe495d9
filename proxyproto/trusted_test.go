package proxyproto

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func trust(t testing.TB, items ...string) Trusted {
	t.Helper()
	trusted, err := NewTrusted(items)
	if err != nil {
		t.Fatal(err)
	}
	return trusted
}

func TestTrusted_Has(t *testing.T) {
	trusted := trust(t, "10.0.0.0/8", "192.0.2.7", "fd00::/8", "10.1.0.0/16", "::ffff:198.51.100.0/120", "fe80::/10", "10.0.0.0/8", "::ffff:203.0.113.9")
	for addr, want := range map[string]bool{
		"10.0.0.0": true, "10.255.255.255": true, "9.255.255.255": false, "11.0.0.0": false,
		"10.1.2.3": true, "10.2.0.0": true, "::ffff:10.2.3.4": true,
		"192.0.2.7": true, "192.0.2.6": false, "192.0.2.8": false,
		"fd12::1": true, "fc00::1": false, "fe00::1": false,
		"198.51.100.9": true, "198.51.101.0": false, "203.0.113.9": true,
		"fe80::1%eth0": true, "0.0.0.0": false, "::": false, "255.255.255.255": false,
	} {
		if got := trusted.Has(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if trusted.Has(netip.Addr{}) || (Trusted{}).Has(netip.MustParseAddr("127.0.0.1")) {
		t.Error("what is no address is trusted, or nobody trusts somebody")
	}
	all := trust(t, "0.0.0.0/0")
	if !all.Has(netip.MustParseAddr("::ffff:1.2.3.4")) || all.Has(netip.MustParseAddr("::1")) || all.Has(netip.Addr{}) {
		t.Error("0.0.0.0/0 is all of IPv4 and nothing else")
	}
}

// A search among networks that are apart finds what a walk over all of them does.
func TestTrusted_Has_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := rapid.Custom(func(t *rapid.T) netip.Addr {
			b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 127, 128, 255}), 4, 4).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "v6") {
				return netip.AddrFrom16([16]byte{0: 0xfd, 12: b[0], b[1], b[2], b[3]})
			}
			return netip.AddrFrom4([4]byte(b))
		})
		var model []netip.Prefix
		var items []string
		for range rapid.IntRange(0, 12).Draw(t, "networks") {
			a := addr.Draw(t, "network")
			p := netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
			model, items = append(model, p), append(items, p.String())
		}
		trusted, err := NewTrusted(items)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a, want := addr.Draw(t, "addr"), false
			for _, p := range model {
				want = want || p.Contains(a)
			}
			if got := trusted.Has(a); got != want {
				t.Fatalf("%v in %v: %v", a, items, got)
			}
		}
	})
}

func TestNewTrusted_Errors(t *testing.T) {
	for item, right := range map[string]string{
		"":                     "an address such as",
		"proxy.example":        "an address such as",
		"10.0.0":               "an address such as",
		"fe80::1%eth0":         "an address such as",
		" 10.0.0.1":            "an address such as",
		"10.0.0.0/33":          "a network such as",
		"10.0.0.0/":            "a network such as",
		"10.0.0.0/08":          "a network such as",
		"fe80::%eth0/10":       "a network such as",
		"10.0.0.1/8":           "10.0.0.0/8 or 10.0.0.1 would be right",
		"fd00::1/64":           "fd00::/64 or fd00::1 would be right",
		"::ffff:10.0.0.0/64":   "IPv4 in its own form",
		"::ffff:10.0.0.1/104":  "10.0.0.0/8 or 10.0.0.1 would be right",
		"10.0.0.0/8,fd00::/8":  "a network such as",
		"10.0.0.0/8 fd00::/16": "a network such as",
	} {
		_, err := NewTrusted([]string{"10.0.0.0/8", item})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is no network", item)) || !strings.Contains(err.Error(), right) {
			t.Errorf("%q: %v", item, err)
		}
	}
	if _, err := NewTrusted([]string{"a", "10.0.0.1", "b"}); err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("two bad items: %v", err)
	}
	if _, err := NewTrusted(make([]string, MaxTrusted+1)); err == nil || !strings.Contains(err.Error(), "at most 4096") {
		t.Errorf("too many items: %v", err)
	}
}

func BenchmarkTrusted_Has(b *testing.B) {
	for _, n := range []int{1, 20, MaxTrusted} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var items []string
			for i := range n {
				items = append(items, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
			}
			trusted, a := trust(b, items...), netip.MustParseAddr("10.0.0.1")
			b.ReportAllocs()
			for b.Loop() {
				if !trusted.Has(a) {
					b.Fatal()
				}
			}
		})
	}
}
