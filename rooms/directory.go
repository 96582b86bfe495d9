package rooms

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// MaxLoops is how many loops a Directory can tell apart.
const MaxLoops = 64

// A Directory knows which loops have members of a room, and how many members it
// has on all. It may be used from any goroutine.
type Directory struct {
	seed  maphash.Seed
	parts [directoryParts]part
}

const directoryParts = 256

// A part has the rooms whose names fall into it, so that those who publish to
// different rooms seldom wait for each other, and nobody long for a listing.
type part struct {
	mu    sync.RWMutex
	rooms map[string]listing
	most  int      // rooms that the map had at a time: it never shrinks
	_     [24]byte // keeps two parts' locks off one cache line
}

// An listing is a room: 16 bytes besides its name.
type listing struct {
	loops   uint64 // a bit for each loop
	members int64
}

// NewDirectory makes an empty Directory for loops numbered below loops.
func NewDirectory(loops int) *Directory {
	if loops > MaxLoops {
		panic("rooms: a Directory is for up to 64 loops")
	}
	d := &Directory{seed: maphash.MakeSeed()}
	for i := range d.parts {
		d.parts[i].rooms = make(map[string]listing)
	}
	return d
}

func (d *Directory) place(room string) int {
	return int(maphash.String(d.seed, room) % directoryParts)
}

func (d *Directory) part(room string) *part { return &d.parts[d.place(room)] }

// Join notes one more member of a room, on a loop, unless it has most members
// already; most 0 is any number. First: it is the room's only one.
func (d *Directory) Join(room string, loop, most int) (first, ok bool) {
	p := d.part(room)
	p.mu.Lock()
	defer p.mu.Unlock()
	e, known := p.rooms[room]
	if most > 0 && e.members >= int64(most) {
		return false, false
	}
	if !known {
		room = strings.Clone(room) // it may be a piece of something large
	}
	e.loops |= 1 << loop
	e.members++
	p.rooms[room] = e
	p.most = max(p.most, len(p.rooms))
	return !known, true
}

// Leave notes one member less; lastHere: the loop has no other. Vacated: no loop
// has.
func (d *Directory) Leave(room string, loop int, lastHere bool) (vacated bool) {
	p := d.part(room)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.rooms[room]
	e.members--
	if lastHere {
		e.loops &^= 1 << loop
	}
	if e.members > 0 {
		p.rooms[room] = e
		return false
	}
	delete(p.rooms, room)
	if len(p.rooms) == 0 && p.most > mapKept {
		p.rooms, p.most = make(map[string]listing), 0
	}
	return true
}

// Loops gives a bit for each loop that has members of a room.
func (d *Directory) Loops(room string) uint64 {
	p := d.part(room)
	p.mu.RLock()
	set := p.rooms[room].loops
	p.mu.RUnlock()
	return set
}

// Members is the number of members of a room on all loops.
func (d *Directory) Members(room string) int {
	p := d.part(room)
	p.mu.RLock()
	n := p.rooms[room].members
	p.mu.RUnlock()
	return int(n)
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

// List gives up to limit rooms whose names begin with prefix: those behind the
// room after, or from the beginning where it is empty, in an order that stays the
// same. A room that has members all the while is in it once. More: there are others.
func (d *Directory) List(prefix, after string, limit int) (list []string, more bool) {
	first := 0
	if after != "" {
		first = d.place(after)
	}
	for i := first; i < directoryParts; i++ {
		from := len(list)
		p := &d.parts[i]
		p.mu.RLock()
		for name := range p.rooms {
			if strings.HasPrefix(name, prefix) && (i > first || name > after) {
				list = append(list, name)
			}
		}
		p.mu.RUnlock()
		slices.Sort(list[from:])
		if len(list) > limit {
			clear(list[limit:])
			return list[:limit], true
		}
	}
	return list, false
}
