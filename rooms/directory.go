package rooms

import (
	"hash/maphash"
	"sync"
)

// MaxLoops is how many loops a Directory can tell apart.
const MaxLoops = 64

// A Directory knows which loops have members of a room. It may be used from any
// goroutine.
type Directory struct {
	seed  maphash.Seed
	parts [directoryParts]part
}

const directoryParts = 64

// A part has the rooms whose names fall into it, so that those who publish to
// different rooms seldom wait for each other.
type part struct {
	mu    sync.RWMutex
	rooms map[string]uint64 // a bit for each loop
	most  int               // rooms that the map had at a time: it never shrinks
	_     [24]byte          // keeps two parts' locks off one cache line
}

// NewDirectory makes an empty Directory for loops numbered below loops.
func NewDirectory(loops int) *Directory {
	if loops > MaxLoops {
		panic("rooms: a Directory is for up to 64 loops")
	}
	d := &Directory{seed: maphash.MakeSeed()}
	for i := range d.parts {
		d.parts[i].rooms = make(map[string]uint64)
	}
	return d
}

func (d *Directory) part(room string) *part {
	return &d.parts[maphash.String(d.seed, room)%directoryParts]
}

// Add notes that a loop has members of a room.
func (d *Directory) Add(room string, loop int) {
	p := d.part(room)
	p.mu.Lock()
	p.rooms[room] |= 1 << loop
	p.most = max(p.most, len(p.rooms))
	p.mu.Unlock()
}

// Remove notes that a loop has none any more.
func (d *Directory) Remove(room string, loop int) {
	p := d.part(room)
	p.mu.Lock()
	if set := p.rooms[room] &^ (1 << loop); set != 0 {
		p.rooms[room] = set
	} else {
		delete(p.rooms, room)
		if len(p.rooms) == 0 && p.most > mapKept {
			p.rooms, p.most = make(map[string]uint64), 0
		}
	}
	p.mu.Unlock()
}

// Loops gives a bit for each loop that has members of a room.
func (d *Directory) Loops(room string) uint64 {
	p := d.part(room)
	p.mu.RLock()
	set := p.rooms[room]
	p.mu.RUnlock()
	return set
}

// Rooms is the number of rooms with members on any loop.
func (d *Directory) Rooms() (n int) {
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.RLock()
		n += len(p.rooms)
		p.mu.RUnlock()
	}
	return n
}
