package rate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// v4 gives one of 2^32 addresses.
func v4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestAddresses_Size(t *testing.T) {
	if n := unsafe.Sizeof(part{}); n != 64 {
		t.Errorf("a part has %d bytes: a cache line has 64", n)
	}
}

func TestAddresses_Add_OneNetworkCountsAsOne(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		same          bool
	}{
		"an address":           {"192.0.2.1", "192.0.2.1", true},
		"two addresses":        {"192.0.2.1", "192.0.2.2", false},
		"IPv4 as IPv6":         {"192.0.2.1", "::ffff:192.0.2.1", true},
		"a /64":                {"2001:db8::1", "2001:db8::ffff:0:0:1", true},
		"two of a /63":         {"2001:db8::1", "2001:db8:0:1::1", false},
		"zones":                {"fe80::1%eth0", "fe80::1%eth1", true},
		"loopbacks":            {"127.0.0.1", "::1", false},
		"IPv4 and its look":    {"192.0.2.1", "::ffff:c000:201:0:0", false},
		"0.0.0.0 and ::":       {"0.0.0.0", "::", false},
		"the last of each":     {"255.255.255.255", "ffff:ffff:ffff:ffff::", false},
		"IPv4-compatible IPv6": {"192.0.2.1", "::192.0.2.1", false},
	} {
		a := NewAddresses(10)
		if !a.Add(addr(c.first), 1) || a.Add(addr(c.second), 1) == c.same {
			t.Errorf("%s: %s and %s", name, c.first, c.second)
		}
	}
	a := NewAddresses(10)
	if !a.Add(netip.Addr{}, 1) || a.Add(netip.Addr{}, 1) || !a.Add(addr("::"), 1) || !a.Add(addr("0.0.0.0"), 1) {
		t.Error("what is no address counts as one of its own")
	}
}

func TestAddresses_Add_Most(t *testing.T) {
	a := NewAddresses(10)
	x := addr("192.0.2.1")
	for i := range 5 {
		if ok := a.Add(x, 3); ok != (i < 3) {
			t.Fatalf("%d: %v", i, ok)
		}
	}
	if a.Add(x, 2) || !a.Add(x, 4) || !a.Add(x, 0) || !a.Add(x, -1) {
		t.Error("a new limit, or none, is not kept to")
	}
	for range 6 {
		a.Remove(x)
	}
	if a.Len() != 0 {
		t.Errorf("%d addresses are left", a.Len())
	}
	a.Remove(x)
	if !a.Add(x, 1) || a.Add(x, 1) || a.Len() != 1 {
		t.Error("one that was removed too often counts on from nothing")
	}
}

// Past the bound, new addresses share one count; known ones have their own.
func TestAddresses_Overflow(t *testing.T) {
	a := NewAddresses(2)
	for i := range uint32(6) {
		if ok := a.Add(v4(i), 3); ok != (i < 5) { // 0 and 1 are known
			t.Errorf("address %d: %v", i, ok)
		}
	}
	if a.Len() != 2 || a.Overflow() != 3 {
		t.Fatalf("%d addresses, %d connections past them; expected 2, 3", a.Len(), a.Overflow())
	}
	if a.Add(v4(9), 3) || !a.Add(v4(0), 3) {
		t.Error("the shared count is full, but not that of who is known")
	}
	a.Remove(v4(2))
	if a.Overflow() != 2 || !a.Add(v4(9), 3) || a.Add(v4(9), 3) {
		t.Error("one left, one comes")
	}
	// Known ones leave, and one that has connections in the shared count comes again.
	a.Remove(v4(1))
	if !a.Add(v4(9), 1) || a.Add(v4(9), 1) || a.Len() != 2 {
		t.Error("there is room for one more")
	}
	for _, n := range []uint32{9, 9, 3, 4, 0, 0} {
		a.Remove(v4(n))
	}
	if a.Len() != 0 || a.Overflow() != 0 {
		t.Errorf("%d addresses, %d connections past them are left", a.Len(), a.Overflow())
	}
	a.Remove(v4(9))
	if a.Overflow() != 0 {
		t.Errorf("%d connections past them", a.Overflow())
	}
}

// The counts against a map; few addresses, so that tables meet all of their ends.
func TestAddresses_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.SampledFrom([]int{0, 1, 20, 1000}).Draw(t, "bound")
		a := NewAddresses(bound)
		model := map[netip.Addr]int{} // those that are told apart
		var open []netip.Addr         // an entry for each connection
		overflow := 0
		one := rapid.Custom(func(t *rapid.T) netip.Addr { return v4(rapid.Uint32Range(0, 600).Draw(t, "n")) })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 50, 400}).Draw(t, "times") {
					x, most := one.Draw(t, "addr"), rapid.IntRange(0, 3).Draw(t, "most")
					have, known := model[x]
					room := known || len(model) < bound
					if !room {
						have = overflow
					}
					want := most == 0 || have < most
					if got := a.Add(x, most); got != want {
						t.Fatalf("%v, which has %d of %d: %v", x, have, most, got)
					}
					if want {
						open = append(open, x)
						if room {
							model[x]++
						} else {
							overflow++
						}
					}
				}
			},
			"remove": func(t *rapid.T) {
				for range min(len(open), rapid.SampledFrom([]int{1, 50, 400}).Draw(t, "times")) {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
					x := open[i]
					open[i] = open[len(open)-1]
					open = open[:len(open)-1]
					a.Remove(x)
					if _, known := model[x]; !known {
						overflow--
					} else if model[x]--; model[x] == 0 {
						delete(model, x)
					}
				}
			},
			"": func(t *rapid.T) {
				if a.Len() != len(model) || a.Overflow() != overflow {
					t.Fatalf("%d addresses, %d connections past them; expected %d, %d", a.Len(), a.Overflow(), len(model), overflow)
				}
			},
		})
	})
}

// Keys that all belong at the end of a table: they go around its end, and stay
// found whichever is removed.
func TestTable_AgainstAModel(t *testing.T) {
	seed := NewAddresses(0).seed
	var keys []uint64
	for k := uint64(0); len(keys) < 12; k++ {
		if homeOf(seed, k)%16 >= 13 {
			keys = append(keys, k)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var tab table
		model := map[uint64]bool{}
		for range 100 {
			k := rapid.SampledFrom(keys).Draw(t, "key")
			i, ok := tab.find(k, homeOf(seed, k))
			if ok != model[k] || ok && tab.keys[i] != k {
				t.Fatalf("%d: %v, expected %v", k, ok, model[k])
			}
			if ok {
				tab.remove(i, seed)
				delete(model, k)
			} else {
				tab.insert(k, homeOf(seed, k), seed)
				model[k] = true
			}
			for _, k := range keys {
				if _, ok := tab.find(k, homeOf(seed, k)); ok != model[k] {
					t.Fatalf("%d: %v, expected %v, of %v", k, ok, model[k], tab)
				}
			}
		}
	})
}

// What an address costs, while they come and after most have gone.
func TestAddresses_Bytes(t *testing.T) {
	const n = 300_000
	a := NewAddresses(n)
	empty := a.Bytes()
	for i := range uint32(n) {
		a.Add(v4(i*2654435761), 1)
		if known := a.Len(); known > 20_000 && known%997 == 0 && a.Bytes() > 32*known {
			t.Fatalf("%d addresses cost %d bytes each", known, a.Bytes()/known)
		}
	}
	if a.Len() != n {
		t.Fatalf("%d addresses of %d", a.Len(), n)
	}
	for i := range uint32(n) {
		a.Remove(v4(i * 2654435761))
		if known := a.Len(); known > 20_000 && known%997 == 0 && a.Bytes() > 60*known {
			t.Fatalf("%d addresses that are left cost %d bytes each", known, a.Bytes()/known)
		}
	}
	if a.Bytes() != empty {
		t.Errorf("%d bytes are left of %d", a.Bytes(), empty)
	}
}

// Goroutines add and remove the same addresses: no limit is passed at any time, and
// nothing is left.
func TestAddresses_FromManyGoroutines(t *testing.T) {
	const most, addresses = 4, 50
	a := NewAddresses(40) // some always share the count past it
	var held [addresses]atomic.Int32
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			var mine []int
			for range 5000 {
				if i := r.IntN(addresses); r.IntN(2) == 0 && a.Add(v4(uint32(i)), most) {
					if n := held[i].Add(1); n > 2*most { // its own count, and the shared one
						t.Errorf("address %d has %d connections", i, n)
					}
					mine = append(mine, i)
				} else if len(mine) > 0 {
					i := mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					held[i].Add(-1)
					a.Remove(v4(uint32(i)))
				}
			}
			for _, i := range mine {
				held[i].Add(-1)
				a.Remove(v4(uint32(i)))
			}
		})
	}
	wg.Wait()
	if a.Len() != 0 || a.Overflow() != 0 {
		t.Errorf("%d addresses, %d connections past them are left", a.Len(), a.Overflow())
	}
}

func TestAddresses_Allocs(t *testing.T) {
	a := NewAddresses(1000)
	for i := range uint32(100) {
		a.Add(v4(i), 0)
	}
	x := v4(7)
	if n := testing.AllocsPerRun(100, func() { a.Add(x, 9); a.Remove(x) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAddresses_Add(b *testing.B) {
	for _, n := range []uint32{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := NewAddresses(int(n) + 1)
			for i := range n {
				a.Add(v4(i), 0)
			}
			i := uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				i += 2654435761
				a.Add(v4(i%n), 0)
				a.Remove(v4(i % n))
			}
			b.ReportMetric(float64(a.Bytes())/float64(n), "B/address")
		})
	}
}

// Addresses come that were not known, and go: what the slots that are taken cost.
func BenchmarkAddresses_Add_New(b *testing.B) {
	const n = 1_000_000
	a := NewAddresses(2 * n)
	for i := range uint32(n) {
		a.Add(v4(i), 0)
	}
	i := uint32(n)
	b.ReportAllocs()
	for b.Loop() {
		i++
		a.Add(v4(i), 1)
		a.Remove(v4(i))
	}
}

func BenchmarkAddresses_Add_Parallel(b *testing.B) {
	a := NewAddresses(1 << 20)
	b.RunParallel(func(pb *testing.PB) {
		i := rand.Uint32()
		for pb.Next() {
			i += 2654435761
			a.Add(v4(i%100_000), 0)
			a.Remove(v4(i % 100_000))
		}
	})
}
