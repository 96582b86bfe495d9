package rate

import "hash/maphash"

// A table has a count for each key, by open hashing: a key stands in the slot that
// its hash says or, where that is taken, in the next that was free, without a gap
// between. Keys and counts stand apart, so that a slot has 12 bytes and no padding.
type table struct {
	keys   []uint64
	counts []uint32 // 0: the slot is free
	n      int      // slots that are taken
}

const (
	slotBytes = 12
	minSlots  = 8
	// A table doubles when more than grow of 64 slots are taken, and halves at less
	// than shrink: either leaves 26, which is 29.5 bytes a key. At grow, a key that is
	// not there is looked for in some 14 slots.
	grow, shrink = 52, 13
)

// find gives the slot of a key.
func (t *table) find(key uint64, home uint32) (int, bool) {
	if t.n == 0 {
		return 0, false
	}
	mask := len(t.keys) - 1
	for i := int(home) & mask; t.counts[i] != 0; i = (i + 1) & mask {
		if t.keys[i] == key {
			return i, true
		}
	}
	return 0, false
}

// insert puts a key that is not there in, with a count of 1.
func (t *table) insert(key uint64, home uint32, seed maphash.Seed) {
	if (t.n+1)*64 > len(t.keys)*grow {
		t.resize(max(minSlots, 2*len(t.keys)), seed)
	}
	t.put(key, 1, home)
	t.n++
}

// put takes the first free slot for a key.
func (t *table) put(key uint64, count, home uint32) {
	mask := len(t.keys) - 1
	i := int(home) & mask
	for t.counts[i] != 0 {
		i = (i + 1) & mask
	}
	t.keys[i], t.counts[i] = key, count
}

// remove frees a slot. Keys behind it that would not be found across the gap move
// into it.
func (t *table) remove(i int, seed maphash.Seed) {
	t.n--
	if t.n == 0 {
		*t = table{}
		return
	}
	mask := len(t.keys) - 1
	t.counts[i] = 0
	for k := (i + 1) & mask; t.counts[k] != 0; k = (k + 1) & mask {
		// It may stand at i if that is no further from k than where it belongs.
		if (k-int(homeOf(seed, t.keys[k])))&mask >= (k-i)&mask {
			t.keys[i], t.counts[i] = t.keys[k], t.counts[k]
			t.counts[k] = 0
			i = k
		}
	}
	if t.n*64 < len(t.keys)*shrink && len(t.keys) > minSlots {
		t.resize(len(t.keys)/2, seed)
	}
}

// resize moves all keys to a table of as many slots, a power of two.
func (t *table) resize(slots int, seed maphash.Seed) {
	old := *t
	t.keys, t.counts = make([]uint64, slots), make([]uint32, slots)
	for i, count := range old.counts {
		if count != 0 {
			t.put(old.keys[i], count, homeOf(seed, old.keys[i]))
		}
	}
}

// homeOf is the slot of a key, as far as a table has so many.
func homeOf(seed maphash.Seed, key uint64) uint32 { return uint32(hash(seed, key) >> 32) }

func hash(seed maphash.Seed, key uint64) uint64 { return maphash.Comparable(seed, key) }
