package broker

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What calls may answer.
var (
	ErrRooms  = errors.New("rooms with documents take all the places there are for rooms")
	ErrMemory = errors.New("documents take all the memory they may")
)

// Config says how much Memory keeps. A field of 0 or less means its default.
type Config struct {
	// MaxRooms is how many rooms' offsets are kept. Default 1,048,576. Of those
	// that share a lock with the next and have no document the longest idle goes
	// first; where there is none the number is passed by one, by 63 at most.
	MaxRooms int
	// IdleTTL is how long they are kept after the last message or Snapshot.
	// Default 1 min.
	IdleTTL time.Duration
	// HistoryMemory is how many bytes all histories together take. Default 64 MiB.
	// Past it the rooms longest without a message lose theirs first.
	HistoryMemory int64
	// DocumentMemory is how many bytes all documents together take. Default 64 MiB.
	DocumentMemory int64
	// MaxOnce is how many idempotency keys are kept. Default 262,144. Of those that
	// share a lock with the next the oldest goes first; where there is none the
	// number is passed by one, by 63 at most.
	MaxOnce int
	// Needed says whether a room has members, so that it is not forgotten for being
	// idle. It is called with the room held: it must not block or call the broker.
	// Nil: no room has.
	Needed func(room string) bool
}

func (c Config) withDefaults() Config {
	if c.MaxRooms <= 0 {
		c.MaxRooms = 1 << 20
	}
	if c.IdleTTL <= 0 {
		c.IdleTTL = time.Minute
	}
	if c.HistoryMemory <= 0 {
		c.HistoryMemory = 64 << 20
	}
	if c.DocumentMemory <= 0 {
		c.DocumentMemory = 64 << 20
	}
	if c.MaxOnce <= 0 {
		c.MaxOnce = 1 << 18
	}
	if c.Needed == nil {
		c.Needed = func(string) bool { return false }
	}
	return c
}

// Memory is the broker of a single node.
type Memory struct {
	// Static after construction.
	cfg    Config // with defaults
	seed   maphash.Seed
	prefix string
	parts  []part // a power of two

	// Held while a history is dropped for the bound's sake, so that no two are
	// dropped where one is enough. Taken before a part's mu, never with one held.
	fitting sync.Mutex

	// Atomic.
	epochs        atomic.Uint64
	kept          atomic.Uint64 // messages that went into a history: the order of histories
	rooms         atomic.Int64
	historyBytes  atomic.Int64
	documentBytes atomic.Int64
	onceKeys      atomic.Int64

	// Atomic: totals.
	repeated         atomic.Uint64
	roomsEvicted     atomic.Uint64
	historiesEvicted atomic.Uint64
	onceEvicted      atomic.Uint64
}

const (
	// manyParts is how many locks there are, so that those who publish to
	// different rooms seldom wait for each other.
	manyParts = 64
	// tidiedByCall is how many idle rooms, or keys, a call drops: more than it adds.
	tidiedByCall = 2
	// tidiedAtOnce is how many of each kind Tidy drops under one lock.
	tidiedAtOnce = 1000
	// mapKept is up to how many entries' place a map or list keeps once it is empty.
	// One that was larger is given back.
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
		cfg:    cfg,
		seed:   maphash.MakeSeed(),
		prefix: strconv.FormatUint(binary.LittleEndian.Uint64(b[:])>>16, 36) + ".",
		parts:  make([]part, n),
	}
	for i := range m.parts {
		m.parts[i].rooms = make(map[string]*room)
	}
	return m
}

func (m *Memory) part(name string) *part {
	return &m.parts[maphash.String(m.seed, name)&uint64(len(m.parts)-1)]
}

// epoch is one that no room has had.
func (m *Memory) epoch() string {
	return m.prefix + strconv.FormatUint(m.epochs.Add(1), 36)
}

// Publish gives a message its place, keeps it as the terms say, and hands it on.
// A repeat of a message with the same key is not handed on: it has the first one's
// place. ErrRooms: the room is unknown, and nothing may be forgotten for it.
func (m *Memory) Publish(name string, d Delivery, t Terms) (Position, error) {
	at, size, err := m.publish(name, d, t)
	if m.historyBytes.Load() > m.cfg.HistoryMemory {
		m.fit(size)
	}
	return at, err
}

// publish does it with the room held. Size is that of a message that was to be kept.
func (m *Memory) publish(name string, d Delivery, t Terms) (at Position, size int64, err error) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock() // also when Deliver panics
	m.tidy(p, t.Now, tidiedByCall)
	if t.Once != "" {
		m.tidyOnce(p, t.Now, tidiedByCall)
		if first := p.find(name, t.Once, t.Now); first != nil {
			m.repeated.Add(1)
			return first.at, 0, nil
		}
	}
	r := p.rooms[name]
	if r == nil {
		if r, err = m.open(p, name); err != nil {
			return Position{}, 0, err
		}
	}
	if t.keep() {
		size = int64(d.Size())
	}
	r.at.Offset++
	p.use(r, t.Now)
	// All is noted before Deliver, so that one that panics leaves no gap.
	m.keep(p, r, d, size, t)
	if t.Once != "" {
		m.note(p, r, t)
	}
	d.Deliver(r.at)
	return r.at, size, nil
}

// A Snapshot is what is known of a room at one moment.
type Snapshot struct {
	Position         // of the last message
	Recovered bool   // Messages is all that came after the position asked for
	Messages  []Kept // oldest first, valid until the function that got it returns; not to be changed
	Document  []byte // of a room that has one; not to be changed
	Version   uint64 // of the document; 0: none was set yet
}

// Snapshot calls f with the room held: all that was delivered before has an offset
// up to the Snapshot's, all that comes after a higher one. Since is the last
// position that is known to whoever asks; nil: none. It opens a room that was not
// known; where there is no place for one, f gets an epoch that no message ever has.
// F must not block or call the broker.
func (m *Memory) Snapshot(name string, now int64, since *Position, f func(s Snapshot)) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock() // also when f panics
	m.tidy(p, now, tidiedByCall)
	r := p.rooms[name]
	if r == nil {
		var err error
		if r, err = m.open(p, name); err != nil {
			f(Snapshot{Position: Position{Epoch: m.epoch()}})
			return
		}
	}
	p.use(r, now)
	s := Snapshot{Position: r.at}
	if r.document != nil {
		s.Document, s.Version = r.document.data, r.document.version
	}
	if since != nil && since.Epoch == r.at.Epoch {
		defer p.clearScratch()
		s.Messages, s.Recovered = m.missed(p, r, now, since.Offset)
	}
	f(s)
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

// Tidy drops what is past its time at the time now, in Unix nanoseconds: rooms,
// histories and idempotency keys, at most a thousand of each under one lock, so
// that no publisher waits long. It is to be called now and then.
func (m *Memory) Tidy(now int64) {
	kinds := [...]func(*part, int64, int){m.tidyHistories, m.tidy, m.tidyOnce}
	for i := range m.parts {
		p := &m.parts[i]
		for _, tidy := range kinds {
			p.mu.Lock()
			tidy(p, now, tidiedAtOnce)
			p.mu.Unlock()
		}
	}
}

// Stats are numbers of a broker at one moment, and totals since it began.
type Stats struct {
	Rooms           int // of which something is kept
	HistoryMessages int
	HistoryBytes    int64
	Documents       int
	DocumentBytes   int64
	OnceKeys        int

	Repeated         uint64 // messages that came again under the same key
	RoomsEvicted     uint64 // dropped before their time, for others' sake
	HistoriesEvicted uint64 // dropped or cut for HistoryMemory's sake
	OnceEvicted      uint64 // keys dropped before their time
}

// Stats takes each lock once.
func (m *Memory) Stats() Stats {
	s := Stats{
		Rooms:            int(m.rooms.Load()),
		HistoryBytes:     m.historyBytes.Load(),
		DocumentBytes:    m.documentBytes.Load(),
		OnceKeys:         int(m.onceKeys.Load()),
		Repeated:         m.repeated.Load(),
		RoomsEvicted:     m.roomsEvicted.Load(),
		HistoriesEvicted: m.historiesEvicted.Load(),
		OnceEvicted:      m.onceEvicted.Load(),
	}
	for i := range m.parts {
		p := &m.parts[i]
		p.mu.Lock()
		s.HistoryMessages += p.messages
		s.Documents += p.documents
		p.mu.Unlock()
	}
	return s
}
