package poller

import "math/bits"

// own notes that s is, or is no more, a connection of this loop. Records are
// shared between loops, so that a walk over them would read other loops' ones;
// this is a bit for each.
func (l *Loop) own(s Slot, yes bool) {
	word := int(s >> 6)
	if word >= len(l.owned) {
		l.owned = append(l.owned, make([]uint64, word+1-len(l.owned))...)
	}
	if yes {
		l.owned[word] |= 1 << (s & 63)
	} else {
		l.owned[word] &^= 1 << (s & 63)
	}
}

// Owns says whether s is a connection of this loop.
func (l *Loop) Owns(s Slot) bool {
	word := int(s >> 6)
	return word < len(l.owned) && l.owned[word]&(1<<(s&63)) != 0
}

// Next gives the first connection of this loop from the slot on; ok is false
// where there is none.
func (l *Loop) Next(from Slot) (s Slot, ok bool) {
	word := int(from >> 6)
	if word >= len(l.owned) {
		return 0, false
	}
	set := l.owned[word] &^ (1<<(from&63) - 1)
	for set == 0 {
		if word++; word >= len(l.owned) {
			return 0, false
		}
		set = l.owned[word]
	}
	return Slot(word<<6 | bits.TrailingZeros64(set)), true
}
