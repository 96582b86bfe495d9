package broker

import (
	"strings"
	"time"
)

// onceTTL is how long a repeat of a message is known as one.
const onceTTL = int64(5 * time.Minute)

type onceKey struct{ room, key string }

// A once is a message that came with an idempotency key. It outlives its room.
// 72 bytes, guarded by its part's mu.
type once struct {
	onceKey
	at   Position
	time int64
	next *once
}

// find gives the message that came under a key of a room, if it is still known.
func (p *part) find(room, key string, now int64) *once {
	if o := p.once[onceKey{room, key}]; o != nil && !past(now, o.time, onceTTL) {
		return o
	}
	return nil
}

// note keeps the key of a room's last message. Where the same key was kept until
// now, its time is over, and it only waits in the list.
func (m *Memory) note(p *part, r *room, t Terms) {
	m.onceKeys.Add(1)
	for range 2 { // as with rooms
		if p.firstOnce == nil || m.onceKeys.Load() <= int64(m.cfg.MaxOnce) {
			break
		}
		m.dropOnce(p)
		m.onceEvicted.Add(1)
	}
	o := &once{onceKey: onceKey{r.name, strings.Clone(t.Once)}, at: r.at, time: t.Now}
	if p.once == nil {
		p.once = make(map[onceKey]*once)
	}
	p.once[o.onceKey] = o
	p.mostOnce = max(p.mostOnce, len(p.once))
	if p.lastOnce != nil {
		p.lastOnce.next = o
	} else {
		p.firstOnce = o
	}
	p.lastOnce = o
}

// tidyOnce drops up to most keys of a part that are past their time.
func (m *Memory) tidyOnce(p *part, now int64, most int) {
	for range most {
		if p.firstOnce == nil || !past(now, p.firstOnce.time, onceTTL) {
			return
		}
		m.dropOnce(p)
	}
}

// dropOnce drops the oldest key of a part.
func (m *Memory) dropOnce(p *part) {
	o := p.firstOnce
	p.firstOnce = o.next
	if p.firstOnce == nil {
		p.lastOnce = nil
	}
	if p.once[o.onceKey] == o { // and not one that came later
		delete(p.once, o.onceKey)
	}
	if p.firstOnce == nil && p.mostOnce > mapKept {
		p.once, p.mostOnce = nil, 0
	}
	m.onceKeys.Add(-1)
}
