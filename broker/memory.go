package broker

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how much Memory keeps. A field of 0 or less means its default.
type Config struct {
	// MaxRooms is how many rooms' offsets are kept. Default 1,048,576. Of those
	// that share a lock with the next the longest idle goes first; where there is
	// none the number is passed by one, by 63 at most.
	MaxRooms int
	// IdleTTL is how long they are kept after the last message. Default 5 min.
	IdleTTL time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxRooms <= 0 {
		c.MaxRooms = 1 << 20
	}
	if c.IdleTTL <= 0 {
		c.IdleTTL = 5 * time.Minute
	}
	return c
}

// Memory is the broker of a single node.
type Memory struct {
	// Static after construction.
	seed     maphash.Seed
	maxRooms int64
	idle     int64 // nanoseconds
	prefix   string
	parts    []part // a power of two

	// Atomic.
	epochs  atomic.Uint64
	rooms   atomic.Int64
	evicted atomic.Uint64
}

const (
	// manyParts is how many locks there are, so that those who publish to
	// different rooms seldom wait for each other.
	manyParts = 64
	// tidiedByPublish is how many idle rooms a publish drops: more than it adds.
	tidiedByPublish = 2
	// tidiedAtOnce is how many idle rooms Tidy drops under one lock.
	tidiedAtOnce = 1000
	// mapKept is up to how many rooms' place a map keeps once it is empty. One that
	// was larger is given back.
	mapKept = 1024
)

// NewMemory makes an empty broker.
func NewMemory(cfg Config) *Memory {
	cfg = cfg.withDefaults()
	n := manyParts
	if cfg.MaxRooms < manyParts*manyParts {
		n = 1 // one lock for few rooms, so that the bound is exact
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand ends the program rather than fail
	m := &Memory{
		seed:     maphash.MakeSeed(),
		maxRooms: int64(cfg.MaxRooms),
		idle:     int64(cfg.IdleTTL),
		prefix:   strconv.FormatUint(binary.LittleEndian.Uint64(b[:])>>16, 36) + ".",
		parts:    make([]part, n),
	}
	for i := range m.parts {
		m.parts[i].rooms = make(map[string]*room)
	}
	return m
}

func (m *Memory) part(name string) *part {
	return &m.parts[maphash.String(m.seed, name)&uint64(len(m.parts)-1)]
}

// Publish gives a message its place at the time now, in Unix nanoseconds, and
// hands it on. A broker in memory never refuses one.
func (m *Memory) Publish(name string, now int64, d Delivery) (Position, error) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock() // also when Deliver panics
	m.tidy(p, now, tidiedByPublish)
	r := p.rooms[name]
	if r == nil {
		r = m.open(p, name)
	}
	r.at.Offset++
	r.last = now
	p.toNewest(r)
	d.Deliver(r.at)
	return r.at, nil
}

// Top gives the place of a room's last message; ok is false where nothing is
// known of the room.
func (m *Memory) Top(name string) (at Position, ok bool) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[name]; r != nil {
		return r.at, true
	}
	return Position{}, false
}

// Rooms is the number of rooms of which something is kept.
func (m *Memory) Rooms() int { return int(m.rooms.Load()) }

// Evicted is how many rooms were dropped before their time, for others' sake.
func (m *Memory) Evicted() uint64 { return m.evicted.Load() }

// Tidy drops rooms that have been idle for too long at the time now, in Unix
// nanoseconds: at most a thousand under each lock, so that no publisher waits
// long. It is to be called now and then.
func (m *Memory) Tidy(now int64) {
	for i := range m.parts {
		p := &m.parts[i]
		p.mu.Lock()
		m.tidy(p, now, tidiedAtOnce)
		p.mu.Unlock()
	}
}

// tidy drops up to most idle rooms of a part. A room whose last message is so far
// ahead of now was published to before the clock was set back: it would stand
// before the others, who are behind it, until the clock has caught up.
func (m *Memory) tidy(p *part, now int64, most int) {
	for range most {
		r := p.oldest
		if r == nil {
			return
		}
		if age := now - r.last; -m.idle < age && age < m.idle {
			return
		}
		m.drop(p, r)
	}
}

// open begins a room under a new epoch. Its name is copied: it may be a piece of
// something large.
func (m *Memory) open(p *part, name string) *room {
	if m.rooms.Add(1) > m.maxRooms {
		m.evict(p)
	}
	r := &room{
		name: strings.Clone(name),
		at:   Position{Epoch: m.prefix + strconv.FormatUint(m.epochs.Add(1), 36)},
	}
	p.rooms[r.name] = r
	p.most = max(p.most, len(p.rooms))
	p.push(r)
	return r
}

// evict makes place for a room that is counted and not in the part yet. Two may
// go, so that what was too many at a time when the part was empty becomes less.
func (m *Memory) evict(p *part) {
	for range 2 {
		if p.oldest == nil || m.rooms.Load() <= m.maxRooms {
			return
		}
		m.drop(p, p.oldest)
		m.evicted.Add(1)
	}
}

func (m *Memory) drop(p *part, r *room) {
	p.unlink(r)
	delete(p.rooms, r.name)
	if len(p.rooms) == 0 && p.most > mapKept {
		p.rooms, p.most = make(map[string]*room), 0
	}
	m.rooms.Add(-1)
}

// A part has the rooms whose names fall into it.
type part struct {
	// Guarded by mu.
	mu     sync.Mutex
	rooms  map[string]*room
	oldest *room // the list of rooms, by their last message
	newest *room
	most   int // rooms that the map had at a time: it never shrinks

	_ [24]byte // keeps two parts' locks off one cache line
}

// A room is what is kept of one: its epoch, and the offset of its last message.
// 64 bytes, guarded by its part's mu.
type room struct {
	name         string
	at           Position
	last         int64 // when the last message came, in Unix nanoseconds
	older, newer *room
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

func (p *part) toNewest(r *room) {
	if p.newest != r {
		p.unlink(r)
		p.push(r)
	}
}
