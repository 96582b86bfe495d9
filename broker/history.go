package broker

import (
	"container/heap"
	"unsafe"
)

const (
	// maxRecovery is how many bytes of messages a Snapshot gives. Whoever missed more
	// loads the state anew, which is less to send.
	maxRecovery = 8 << 20
	// maxKept is how many messages a room keeps, whatever its terms say.
	maxKept = 1 << 20
	// firstRing is how many messages have place at first.
	firstRing = 2
	// evictedAtOnce is how many histories a publish drops beside those whose place
	// its message takes.
	evictedAtOnce = 1000

	keptCost    = int64(unsafe.Sizeof(Kept{}))
	historyCost = int64(unsafe.Sizeof(history{}))
	// loneCost is the most that a history of one message takes beside the message.
	loneCost = historyCost + 4*keptCost
)

// A Kept is a message in a room's history.
type Kept struct {
	Offset   uint64
	Time     int64 // when it was published, in Unix nanoseconds
	Delivery Delivery
}

// A history has the last messages of a room, without a gap, and has at least one:
// a room that keeps none has no history. 96 bytes, guarded by its part's mu.
type history struct {
	room     *room
	quieter  *history // in the part's list
	busier   *history
	turn     uint64 // ascends with every message that any room keeps
	ring     []Kept
	first, n int32 // where in the ring the oldest is, and how many there are
	bytes    int64 // with the ring, and this
	ttl      int64
	due      int64 // when Tidy looks at it: not after its last message is over
	place    int   // among the part's due histories
}

// keep puts a room's last message into its history, or drops the history where
// the terms say that none is kept. A message that takes more than all may leaves
// nothing, since there is to be no gap.
func (m *Memory) keep(p *part, r *room, d Delivery, size int64, t Terms) {
	h := r.history
	tooLarge := size > m.cfg.HistoryMemory-loneCost
	if !t.keep() || tooLarge {
		if h != nil {
			m.dropHistory(p, h)
		}
		if tooLarge {
			m.historiesEvicted.Add(1)
		}
		return
	}
	if h == nil {
		h = &history{room: r, bytes: historyCost}
		m.historyBytes.Add(historyCost)
	}
	bytes, n := h.bytes, h.n
	h.ttl = int64(t.TTL)
	h.expire(t.Now)
	h.push(Kept{r.at.Offset, t.Now, d}, size, int32(min(t.Size, maxKept)))
	h.turn = m.kept.Add(1)
	m.account(p, h, bytes, n)
	if r.history == nil {
		r.history = h
		h.due = t.Now + h.ttl
		heap.Push(&p.due, h)
		p.pushHistory(h)
	} else {
		if due := t.Now + h.ttl; due < h.due { // the TTL is less than it was, or the clock was set back
			h.due = due
			heap.Fix(&p.due, h.place)
		}
		if p.busiest != h {
			p.unlinkHistory(h)
			p.pushHistory(h)
		}
	}
	p.noteQuiet()
}

// account carries what has changed of a history into what is kept of all.
func (m *Memory) account(p *part, h *history, bytes int64, n int32) {
	p.messages += int(h.n - n)
	if h.bytes != bytes {
		m.historyBytes.Add(h.bytes - bytes)
	}
}

// fresh gives a room's history without what is past its time; nil: none is left.
func (m *Memory) fresh(p *part, r *room, now int64) *history {
	h := r.history
	if h == nil {
		return nil
	}
	bytes, n := h.bytes, h.n
	h.expire(now)
	h.shrink()
	m.account(p, h, bytes, n)
	if h.n == 0 {
		m.dropHistory(p, h)
		return nil
	}
	return h
}

func (m *Memory) dropHistory(p *part, h *history) {
	m.historyBytes.Add(-h.bytes)
	p.messages -= int(h.n)
	p.unlinkHistory(h)
	heap.Remove(&p.due, h.place)
	h.room.history = nil
	p.noteQuiet()
}

// missed gives the messages of a room after an offset, if it has them all.
func (m *Memory) missed(p *part, r *room, now int64, since uint64) ([]Kept, bool) {
	if since >= r.at.Offset {
		return nil, since == r.at.Offset
	}
	h := m.fresh(p, r, now)
	if h == nil || h.at(0).Offset > since+1 {
		return nil, false
	}
	i := int32(since + 1 - h.at(0).Offset)
	if h.bytes > maxRecovery && h.size(i) > maxRecovery {
		return nil, false
	}
	p.scratch = h.appendTo(p.scratch, i, h.n)
	return p.scratch, true
}

// clearScratch lets go of what a Snapshot handed out.
func (p *part) clearScratch() {
	clear(p.scratch)
	p.scratch = p.scratch[:0]
	if cap(p.scratch) > mapKept {
		p.scratch = nil
	}
}

// History gives a copy of up to limit messages of a room after the offset since,
// oldest first, and the place of its last message. Whole says that nothing is
// missing between since and what is given.
func (m *Memory) History(name string, now int64, since uint64, limit int) (at Position, kept []Kept, whole bool) {
	p := m.part(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[name]
	if r == nil {
		return Position{}, nil, since == 0
	}
	if since >= r.at.Offset {
		return r.at, nil, since == r.at.Offset
	}
	h := m.fresh(p, r, now)
	if h == nil {
		return r.at, nil, false
	}
	first := h.at(0).Offset
	from := int32(max(since+1, first) - first)
	n := min(h.n-from, int32(min(max(limit, 0), maxKept)))
	if n > 0 {
		kept = h.appendTo(make([]Kept, 0, n), from, from+n)
	}
	return r.at, kept, first <= since+1
}

// tidyHistories drops up to most histories of a part that are past their time.
func (m *Memory) tidyHistories(p *part, now int64, most int) {
	for range most {
		if len(p.due) == 0 || p.due[0].due > now {
			return
		}
		h := p.due[0]
		if h.due = h.at(h.n-1).Time + h.ttl; h.due <= now {
			m.dropHistory(p, h)
		} else {
			heap.Fix(&p.due, 0) // there were messages since
		}
	}
}

// fit drops histories until all together take no more than they may: those longest
// without a message first. No part is held. Each drop gives back more than
// historyCost, so that added/historyCost of them outweigh what was added.
func (m *Memory) fit(added int64) {
	for range evictedAtOnce + added/historyCost {
		if !m.evictHistory() {
			return
		}
	}
}

// evictHistory drops one history, or cuts it where it is the only one. It is false
// where nothing was to be done.
func (m *Memory) evictHistory() bool {
	m.fitting.Lock()
	defer m.fitting.Unlock()
	if m.historyBytes.Load() <= m.cfg.HistoryMemory {
		return false
	}
	p, turn, only := m.quietest()
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch h := p.quietest; {
	case h == nil || h.turn != turn:
		return true // it is over or had a message since: look again
	case only && h == p.busiest:
		m.cut(p, h)
	default:
		m.dropHistory(p, h)
	}
	m.historiesEvicted.Add(1)
	return true
}

// quietest gives the part with the room that is longest without a message, of those
// with a history, the turn of that message, and whether no other part has any.
func (m *Memory) quietest() (p *part, turn uint64, only bool) {
	for i := range m.parts {
		t := m.parts[i].quiet.Load()
		if t == 0 {
			continue
		}
		only = p == nil
		if p == nil || t < turn {
			p, turn = &m.parts[i], t
		}
	}
	return p, turn, only
}

// cut drops the oldest messages of the only history until it takes no more than it
// may. Its last one always has place: see keep.
func (m *Memory) cut(p *part, h *history) {
	bytes, n := h.bytes, h.n
	most := bytes - (m.historyBytes.Load() - m.cfg.HistoryMemory)
	for h.n > 1 && h.bytes > most {
		h.pop()
	}
	h.shrink()
	m.account(p, h, bytes, n)
}
