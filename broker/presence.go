package broker

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// PresenceConfig says how Presence tells of changes. A field of 0 or less means
// its default.
type PresenceConfig struct {
	// Grace is for how long a user whose connection broke counts as present, so
	// that those who come right back are told of to nobody. Default 5 s.
	Grace time.Duration
	// MaxTold is how many who joined, and how many who left, are told of a room at
	// a time. Default 256.
	MaxTold int
}

func (c PresenceConfig) withDefaults() PresenceConfig {
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.MaxTold <= 0 {
		c.MaxTold = 256
	}
	return c
}

// Presence knows which users are in which rooms, and folds who came and went
// into what is to be told. It may be used from any goroutine, also from an event
// loop; Flush by one at a time.
//
// A user is in a room from the first Join until the last connection left, and
// where that one had grace, until the grace is over. Who came and went again
// before it was told is not told of, nor who went and came back.
type Presence struct {
	// Static after construction.
	seed    maphash.Seed
	grace   int64 // nanoseconds
	maxTold int
	parts   []presencePart

	// Atomic.
	rooms   atomic.Int64
	users   atomic.Int64 // in all rooms
	waiting atomic.Int64 // bytes of changes that wait to be told, and of absences
}

const (
	// tellEvery is the least time between two tellings of a room.
	tellEvery = int64(time.Second)
	// maxWaiting is up to how many bytes of changes and absences the members' JSON
	// is kept. Past it rooms are told only that more changed.
	maxWaiting = 64 << 20
	// endedAtOnce is how many graces Flush ends under one lock.
	endedAtOnce = 256

	// What Bytes takes things for, as measured.
	bytesOfRoom    = 125
	bytesOfUser    = 24
	bytesOfChange  = 80
	bytesOfAbsence = 120
)

// NewPresence makes one that knows of nobody.
func NewPresence(cfg PresenceConfig) *Presence {
	cfg = cfg.withDefaults()
	p := &Presence{
		seed:    maphash.MakeSeed(),
		grace:   int64(cfg.Grace),
		maxTold: cfg.MaxTold,
		parts:   make([]presencePart, manyParts),
	}
	for i := range p.parts {
		p.parts[i].rooms = make(map[string]*presenceRoom)
	}
	return p
}

func (p *Presence) part(room string) *presencePart {
	return &p.parts[maphash.String(p.seed, room)&(manyParts-1)]
}

// Join notes that one more connection of a user is in a room at the time now, in
// Unix nanoseconds. User is a hash that is the user's alone; a connection without
// a user is a user of its own. Told is called, within the call, only where the
// change is to be told: it gives the member as JSON, which is kept and must not be
// changed. It must not call Presence.
func (p *Presence) Join(room string, user uint64, now int64, told func() []byte) {
	part := p.part(room)
	part.mu.Lock()
	defer part.mu.Unlock() // also when told panics
	r := part.rooms[room]
	if r == nil {
		r = p.open(part, room)
	}
	r.connections++
	n, known := r.seats.get(user)
	r.seats.set(user, n+1)
	switch {
	case !known:
		p.users.Add(1)
		p.change(part, r, user, false, told)
	case n == 0:
		p.endAbsence(part, r.away.of[user])
	}
}

// Leave notes that one is gone at the time now, in Unix nanoseconds. With grace, a
// user whose last connection it was is told to have left only if no Join of the
// user comes within the grace. Told is as in Join. A Leave without a Join is
// ignored.
func (p *Presence) Leave(room string, user uint64, now int64, grace bool, told func() []byte) {
	part := p.part(room)
	part.mu.Lock()
	defer part.mu.Unlock()
	r := part.rooms[room]
	if r == nil {
		return
	}
	n, _ := r.seats.get(user)
	switch {
	case n == 0:
		return
	case n > 1:
		r.seats.set(user, n-1)
	case grace:
		p.beginAbsence(part, r, user, now, told)
		r.seats.set(user, 0)
	}
	r.connections--
	if n == 1 && !grace {
		p.left(part, r, user, told)
	}
}

// left takes a user out of a room.
func (p *Presence) left(part *presencePart, r *presenceRoom, user uint64, told func() []byte) {
	r.seats.drop(user)
	p.users.Add(-1)
	p.change(part, r, user, true, told)
}

// Listed notes that somebody is given the list of a room's members. What that list
// may show is not undone in silence.
func (p *Presence) Listed(room string) {
	part := p.part(room)
	part.mu.Lock()
	defer part.mu.Unlock()
	if r := part.rooms[room]; r != nil && r.fold != nil {
		r.fold.listed = true
	}
}

// Count gives the number of users in a room, those in their grace included, and
// that of their connections.
func (p *Presence) Count(room string) (users, connections int) {
	part := p.part(room)
	part.mu.Lock()
	defer part.mu.Unlock()
	if r := part.rooms[room]; r != nil {
		return r.seats.len(), r.connections
	}
	return 0, 0
}

// Gone gives the members of a room who have no connection but are within their
// grace, as JSON that must not be changed: at most MaxTold of them.
func (p *Presence) Gone(room string) [][]byte {
	part := p.part(room)
	part.mu.Lock()
	defer part.mu.Unlock()
	r := part.rooms[room]
	if r == nil || r.away == nil || len(r.away.listed) == 0 {
		return nil
	}
	members := make([][]byte, len(r.away.listed))
	for i, a := range r.away.listed {
		members[i] = a.member
	}
	return members
}

// Rooms is the number of rooms with users, or with something to tell.
func (p *Presence) Rooms() int { return int(p.rooms.Load()) }

// Bytes is about what all this takes.
func (p *Presence) Bytes() int64 {
	return p.rooms.Load()*bytesOfRoom + p.users.Load()*bytesOfUser + p.waiting.Load()
}

// Changes are what happened in a room since it was last told of.
type Changes struct {
	Joined, Left [][]byte // members as JSON, at most MaxTold each; not to be changed
	Users        int      // now in the room, those in their grace included
	Connections  int
	More         bool // there were more: the lists are not whole
}

// Flush ends the graces that are over at the time now, in Unix nanoseconds, and
// calls tell for each room that has something to tell, at most once a second for a
// room. No lock is held meanwhile. It is to be called several times a second.
func (p *Presence) Flush(now int64, tell func(room string, c Changes)) {
	for i := range p.parts {
		part := &p.parts[i]
		for p.endGraces(part, now) {
		}
		for {
			f, ok := p.due(part, now)
			if !ok {
				break
			}
			if len(f.list) > 0 || f.more {
				tell(f.room.name, f.changes())
			}
		}
	}
}

// open begins a room. Its name is copied: it may be a piece of something large.
func (p *Presence) open(part *presencePart, name string) *presenceRoom {
	r := &presenceRoom{name: strings.Clone(name)}
	part.rooms[r.name] = r
	part.most = max(part.most, len(part.rooms))
	p.rooms.Add(1)
	return r
}

func (p *Presence) drop(part *presencePart, r *presenceRoom) {
	delete(part.rooms, r.name)
	if len(part.rooms) == 0 && part.most > mapKept {
		part.rooms, part.most = make(map[string]*presenceRoom), 0
	}
	p.rooms.Add(-1)
}

// A presencePart has the rooms whose names fall into it.
type presencePart struct {
	// Guarded by mu.
	mu      sync.Mutex
	rooms   map[string]*presenceRoom
	most    int         // rooms that the map had at a time: it never shrinks
	fresh   foldQueue   // what is to be told at once
	told    foldQueue   // what was told less than a second ago, in that order
	absence absenceList // of all rooms, in the order of their beginning

	_ [56]byte // keeps two parts' locks off one cache line
}

// A presenceRoom is a room that has users, or something to tell. 72 bytes, guarded
// by its part's mu.
type presenceRoom struct {
	name        string
	seats       seats
	connections int
	fold        *fold // nil: nothing to tell, and nothing was for a second
	away        *away // nil: nobody is in their grace
}

// pastBy says whether at least span lies between then and now. Loops' clocks are
// a little apart; a then that is far ahead was before the clock was set back.
func pastBy(now, then, span int64) bool {
	age := now - then
	return age <= -span || age >= span
}
