package edge

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestUsers_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u users
		model := map[uint64][]where{}
		// Few hashes, near each other and at both ends of a part, so that they collide.
		hash := rapid.SampledFrom([]uint64{64, 128, 192, 1 << 40, 1<<63 + 64, ^uint64(0) &^ 63, ^uint64(0)&^63 - 64})
		place := rapid.Uint32Range(0, 60)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				h, w, most := hash.Draw(t, "hash"), where(place.Draw(t, "where")), rapid.IntRange(0, 4).Draw(t, "most")
				if slices.Contains(model[h], w) {
					return
				}
				want := most == 0 || len(model[h]) < most
				if u.add(h, w, most) != want {
					t.Fatalf("added to %d of %d: %v", len(model[h]), most, !want)
				}
				if want {
					model[h] = append(model[h], w)
				}
			},
			"remove": func(t *rapid.T) {
				h, w := hash.Draw(t, "hash"), where(place.Draw(t, "where"))
				u.remove(h, w)
				model[h] = slices.DeleteFunc(model[h], func(x where) bool { return x == w })
			},
			"": func(t *rapid.T) {
				n := 0
				for h, list := range model {
					got := u.of(h)
					slices.Sort(got)
					want := slices.Sorted(slices.Values(list))
					if !slices.Equal(got, want) {
						t.Fatalf("%x has %v, expected %v", h, got, want)
					}
					n += len(list)
				}
				if u.len() != n {
					t.Fatalf("%d are there, expected %d", u.len(), n)
				}
			},
		})
	})
}

// An entry costs at most 40 bytes a connection, however many there are, and what was
// large is given back.
func TestUsers_Bytes(t *testing.T) {
	var u users
	const n = 300_000
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = max(rand.Uint64(), 1)
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
	if u.len() != 0 || u.bytes() > userParts*leastUsers*12 {
		t.Errorf("%d left over, %d bytes", u.len(), u.bytes())
	}
}

func BenchmarkUsers_AddRemove(b *testing.B) {
	var u users
	for i := range 100_000 {
		u.add(max(rand.Uint64(), 1), where(i), 0)
	}
	b.ReportAllocs()
	for i := range b.N {
		h := uint64(i)*0x9e3779b97f4a7c15 | 1
		u.add(h, where(i), 0)
		u.remove(h, where(i))
	}
}
