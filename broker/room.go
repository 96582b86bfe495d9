package broker

import (
	"strings"
	"sync"
	"sync/atomic"
)

// A part has the rooms whose names fall into it.
type part struct {
	// Guarded by mu.
	mu        sync.Mutex
	rooms     map[string]*room
	oldest    *room // the list of rooms without a document, by their last use
	newest    *room
	most      int // rooms that the map had at a time: it never shrinks
	documents int

	// Guarded by mu: histories.
	quietest *history // the list of histories, by their room's last message
	busiest  *history
	due      dueHistories
	messages int
	scratch  []Kept // what a Snapshot hands out

	// Guarded by mu: idempotency keys.
	once      map[onceKey]*once
	firstOnce *once // the list of keys, by when they came
	lastOnce  *once
	mostOnce  int

	// Atomic, changed with mu held.
	quiet atomic.Uint64 // quietest.turn; 0: no room has a history

	_ [32]byte // keeps two parts' locks off one cache line
}

// A room is what is kept of one: its epoch, and the offset of its last message.
// 80 bytes, guarded by its part's mu.
type room struct {
	name         string
	at           Position
	last         int64 // when it was last used, in Unix nanoseconds
	older, newer *room // none where it has a document
	history      *history
	document     *document
}

// open begins a room under a new epoch. Its name is copied: it may be a piece of
// something large.
func (m *Memory) open(p *part, name string) (*room, error) {
	if m.rooms.Add(1) > int64(m.cfg.MaxRooms) && !m.evict(p) {
		m.rooms.Add(-1)
		return nil, ErrRooms
	}
	r := &room{name: strings.Clone(name), at: Position{Epoch: m.epoch()}}
	p.rooms[r.name] = r
	p.most = max(p.most, len(p.rooms))
	p.push(r)
	return r, nil
}

// evict makes place for a room that is counted and not in the part yet. Two may
// go, so that what was too many at a time when the part was empty becomes less.
func (m *Memory) evict(p *part) bool {
	for range 2 {
		n := int(m.rooms.Load())
		if n <= m.cfg.MaxRooms {
			return true
		}
		if p.oldest == nil {
			return n < m.cfg.MaxRooms+len(m.parts)
		}
		m.drop(p, p.oldest)
		m.roomsEvicted.Add(1)
	}
	return true
}

// tidy drops up to most idle rooms of a part; those that are kept for what they
// have are looked at again after another such time. A room whose last use is so
// far ahead of now was used before the clock was set back: it would stand before
// the others, who are behind it, until the clock has caught up.
func (m *Memory) tidy(p *part, now int64, most int) {
	for range most {
		r := p.oldest
		if r == nil || !past(now, r.last, int64(m.cfg.IdleTTL)) {
			return
		}
		if m.fresh(p, r, now) != nil || m.cfg.Needed(r.name) {
			p.use(r, now)
		} else {
			m.drop(p, r)
		}
	}
}

// past says whether what began at a time is over after ttl, or was begun by a
// clock that has been set back by as much.
func past(now, begun, ttl int64) bool {
	age := now - begun
	return age >= ttl || age <= -ttl
}

func (m *Memory) drop(p *part, r *room) {
	if r.history != nil {
		m.dropHistory(p, r.history)
	}
	p.unlink(r)
	delete(p.rooms, r.name)
	if len(p.rooms) == 0 && p.most > mapKept {
		p.rooms, p.most = make(map[string]*room), 0
	}
	m.rooms.Add(-1)
}

// use makes a room the last one to be forgotten.
func (p *part) use(r *room, now int64) {
	r.last = now
	if r.document == nil && p.newest != r {
		p.unlink(r)
		p.push(r)
	}
}

func (p *part) push(r *room) {
	r.older = p.newest
	if p.newest != nil {
		p.newest.newer = r
	} else {
		p.oldest = r
	}
	p.newest = r
}

func (p *part) unlink(r *room) {
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		p.oldest = r.newer
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		p.newest = r.older
	}
	r.older, r.newer = nil, nil
}
