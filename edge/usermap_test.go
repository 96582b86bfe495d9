package edge

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func newTestUsers(t interface{ Fatal(...any) }, slots int) *users {
	u, err := newUsers(slots)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUsers_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := newTestUsers(t, 100)
		defer u.links.Free()
		model := map[uint64][]where{}
		taken := map[where]uint64{}
		// Few hashes of one part, near each other and at both ends of it, so that they collide.
		hash := rapid.SampledFrom([]uint64{1 << 32, 2 << 32, 3 << 32, 1 << 63, 1<<63 + 1<<32, 0xffffffff << 32, 0xfffffffe << 32})
		place := rapid.Uint32Range(0, 60)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				h, w, most := hash.Draw(t, "hash"), where(place.Draw(t, "where")), rapid.IntRange(0, 4).Draw(t, "most")
				if _, ok := taken[w]; ok {
					return
				}
				want := most == 0 || len(model[h]) < most
				if u.add(h, w, most) != want {
					t.Fatalf("added to %d of %d: %v", len(model[h]), most, !want)
				}
				if want {
					model[h] = append(model[h], w)
					taken[w] = h
				}
			},
			"remove": func(t *rapid.T) {
				w := where(place.Draw(t, "where"))
				h, ok := taken[w]
				if !ok {
					return
				}
				u.remove(h, w)
				delete(taken, w)
				model[h] = slices.DeleteFunc(model[h], func(x where) bool { return x == w })
			},
			"": func(t *rapid.T) {
				for h, list := range model {
					got := u.of(h)
					slices.Sort(got)
					want := slices.Sorted(slices.Values(list))
					if !slices.Equal(got, want) {
						t.Fatalf("%x has %v, expected %v", h, got, want)
					}
				}
				if u.len() != len(taken) {
					t.Fatalf("%d are there, expected %d", u.len(), len(taken))
				}
			},
		})
	})
}

// An entry costs at most 40 bytes a connection, however many there are, and what was
// large is given back.
func TestUsers_Bytes(t *testing.T) {
	const n = 300_000
	u := newTestUsers(t, n)
	defer u.links.Free()
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = rand.Uint64()
		u.add(hashes[i], where(i), 0)
		if i > 20_000 && i%5000 == 0 {
			if each := u.bytes() / int64(i+1); each > 40 {
				t.Fatalf("%d bytes each of %d", each, i+1)
			}
		}
	}
	t.Logf("%.1f bytes each of %d", float64(u.bytes())/n, n)
	for i, h := range hashes {
		if got := u.of(h); !slices.Contains(got, where(i)) {
			t.Fatalf("%d is not found: %v", i, got)
		}
	}
	for i, h := range hashes {
		u.remove(h, where(i))
	}
	if u.len() != 0 || u.bytes() > userParts*leastUsers*8 {
		t.Errorf("%d left over, %d bytes", u.len(), u.bytes())
	}
}

// One more connection costs the same whether a user has one or a hundred thousand.
func BenchmarkUsers_AddRemove(b *testing.B) {
	const n = 100_000
	for name, hash := range map[string]func(i int) uint64{
		"many_users": func(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 },
		"one_user":   func(int) uint64 { return 1 << 40 },
	} {
		b.Run(name, func(b *testing.B) {
			u := newTestUsers(b, n+1)
			defer u.links.Free()
			for i := range n {
				u.add(hash(i), where(i), 0)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				k := i % n
				u.remove(hash(k), where(k))
				u.add(hash(k), where(k), 0)
			}
		})
	}
}
