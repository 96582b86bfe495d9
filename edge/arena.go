package edge

import (
	"encoding/binary"

	"github.com/roostws/roost/poller"
)

// An arena keeps short byte strings of one loop's connections, such as the name
// of a user, outside the heap: a string costs its length and two bytes, rounded
// up to 16, and no pointer.
type arena struct {
	units *poller.Table[unit]
	top   uint32               // the first unit that was never used
	free  [maxUnits + 1]uint32 // the first free block of each size, as ref
	used  int64                // bytes, of blocks that are in use
}

// A unit is the step in which blocks are sized.
type unit [16]byte

// A ref names a string of an arena; 0 is the empty one.
type ref = uint32

const (
	// maxString is the longest string: what a token can hold.
	maxString = 28 << 10
	maxUnits  = (maxString + 2 + 15) / 16
	// unitsPerSlot is how much room there is, on average, for a connection.
	unitsPerSlot = 24
)

func newArena(slots int) (*arena, error) {
	units, err := poller.NewTable[unit](max(slots*unitsPerSlot, maxUnits))
	if err != nil {
		return nil, err
	}
	return &arena{units: units}, nil
}

// put keeps a copy of b. It says false where b is too long or there is no room.
func (a *arena) put(b []byte) (ref, bool) {
	if len(b) == 0 {
		return 0, true
	}
	if len(b) > maxString {
		return 0, false
	}
	n := unitsFor(len(b))
	at := a.free[n]
	if at != 0 {
		a.free[n] = binary.LittleEndian.Uint32(a.block(at, n))
	} else {
		if int(a.top)+n > a.units.Len() {
			return 0, false
		}
		at = a.top + 1
		a.top += uint32(n)
	}
	block := a.block(at, n)
	binary.LittleEndian.PutUint16(block, uint16(len(b)))
	copy(block[2:], b)
	a.used += int64(n) * int64(len(unit{}))
	return at, true
}

func unitsFor(n int) int { return (n + 2 + len(unit{}) - 1) / len(unit{}) }

// block gives the n units at r.
func (a *arena) block(r ref, n int) []byte {
	return a.units.Bytes(r-1, n)
}

// get gives the string of r, not copied: valid until r is dropped.
func (a *arena) get(r ref) []byte {
	if r == 0 {
		return nil
	}
	n := int(binary.LittleEndian.Uint16(a.units.At(r - 1)[:]))
	return a.block(r, unitsFor(n))[2 : 2+n]
}

// drop gives the room of r back.
func (a *arena) drop(r ref) {
	if r == 0 {
		return
	}
	n := unitsFor(int(binary.LittleEndian.Uint16(a.units.At(r - 1)[:])))
	binary.LittleEndian.PutUint32(a.block(r, n), a.free[n])
	a.free[n] = r
	a.used -= int64(n) * int64(len(unit{}))
}
