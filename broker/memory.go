package broker

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Position is a message's place in its room.
type Position struct {
	Offset uint64 // from 1 within the epoch
	Epoch  string
}

// A Delivery is a message on its way.
type Delivery interface {
	// Deliver is called once the message has its place, in the order of the
	// offsets, with the room held: it must not block or publish.
	Deliver(Position)
}

// Config says how much Memory keeps. The zero value of a field means its default.
type Config struct {
	MaxRooms int           // rooms whose offsets are kept. Default 1,048,576
	IdleTTL  time.Duration // how long after the last message. Default 5 min
}

// Memory is the broker of a single node.
type Memory struct {
	// Static after construction.
	seed    maphash.Seed
	perPart int
	idle    int64 // nanoseconds
	prefix  string

	// Atomic.
	epochs  atomic.Uint64
	rooms   atomic.Int64
	evicted atomic.Uint64

	parts [parts]part
}

const parts = 64

// A part has the rooms whose names fall into it.
type part struct {
	// Guarded by mu.
	mu     sync.Mutex
	rooms  map[string]*room
	oldest *room // the list of rooms, by their last message
	newest *room
}

// A room is what is kept of one: its epoch, and the offset of its last message.
type room struct {
	name         string
	at           Position
	last         int64 // when the last message came, in Unix nanoseconds
	older, newer *room
}

// NewMemory makes an empty broker.
func NewMemory(cfg Config) *Memory {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	m := &Memory{
		seed:    maphash.MakeSeed(),
		perPart: max(cmp.Or(cfg.MaxRooms, 1<<20)/parts, 1),
		idle:    int64(cmp.Or(cfg.IdleTTL, 5*time.Minute)),
		prefix:  strconv.FormatUint(binary.LittleEndian.Uint64(b[:])>>24, 36) + ".",
	}
	for i := range m.parts {
		m.parts[i].rooms = make(map[string]*room)
	}
	return m
}

func (m *Memory) part(name string) *part { return &m.parts[maphash.String(m.seed, name)%parts] }

// Publish gives a message its place at the time now, in Unix nanoseconds, and
// hands it on. A broker in memory never refuses one.
func (m *Memory) Publish(name string, now int64, d Delivery) (Position, error) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	m.tidy(p, now, 2) // more than it can add
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
// nanoseconds: at most a thousand in each part, so that no publisher waits long.
// It is to be called now and then.
func (m *Memory) Tidy(now int64) {
	for i := range m.parts {
		p := &m.parts[i]
		p.mu.Lock()
		m.tidy(p, now, 1000)
		p.mu.Unlock()
	}
}

// tidy drops up to most idle rooms of a part.
func (m *Memory) tidy(p *part, now int64, most int) {
	for range most {
		if r := p.oldest; r == nil || now-r.last < m.idle {
			return
		}
		m.drop(p, p.oldest)
	}
}

func (m *Memory) open(p *part, name string) *room {
	if len(p.rooms) >= m.perPart {
		m.drop(p, p.oldest)
		m.evicted.Add(1)
	}
	r := &room{name: name, at: Position{Epoch: m.prefix + strconv.FormatUint(m.epochs.Add(1), 36)}}
	p.rooms[name] = r
	p.push(r)
	m.rooms.Add(1)
	return r
}

func (m *Memory) drop(p *part, r *room) {
	p.unlink(r)
	delete(p.rooms, r.name)
	m.rooms.Add(-1)
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
