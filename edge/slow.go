package edge

import (
	"container/list"

	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/rooms"
)

// A lagKey names a member who does not keep up, in a room whose policy spares it.
type lagKey struct {
	slot poller.Slot
	room *rooms.Room[backlog]
}

// A lag is what such a member does not get: the messages with the offsets from and to
// and all between. It lasts until all that waits for the member has gone out.
type lag struct{ from, to uint64 }

// visitSparing writes to a member of the n messages from the first on what there is
// room for, and keeps the rest from it.
func (l *loop) visitSparing(f *feed, m *rooms.Member, first, n int) (messages uint64) {
	key := lagKey{m.Slot, f.room}
	g, lags := l.lags[key]
	if end := f.marks[first+n-1].end; !lags && l.Spare(m.Slot) >= int(end-m.At) {
		return l.writeTo(f, m, end, n)
	}
	for _, k := range f.marks[first : first+n] {
		switch {
		case k.offset == 0, !lags && l.Spare(m.Slot) >= int(k.end-m.At):
			messages += l.writeTo(f, m, k.end, 1)
		default:
			if !lags {
				g.from, lags = k.offset, true
			}
			g.to = k.offset
			m.At = k.end
		}
		if !l.Live(m.Slot) {
			break
		}
	}
	if m.At != f.room.Data.end {
		f.again, f.behind = true, true
	}
	if lags {
		l.lags[key] = g
		l.Notify(m.Slot)
	}
	return messages
}

// catchUpLag tells a member, now that nothing waits for it, what it did not get, and
// gives it what a room that conflates has kept.
func (l *loop) catchUpLag(s poller.Slot, ses *session) {
	if len(l.lags) == 0 || ses.seats == 0 {
		return
	}
	l.shardOf(ses).Each(ses.seats, func(r *rooms.Room[backlog], m *rooms.Member) bool {
		key := lagKey{s, r}
		g, ok := l.lags[key]
		switch {
		case !ok:
		case r.Data.policy.Slow == SlowConflate:
			l.giveLatest(s, ses, m, key, g)
		default:
			delete(l.lags, key)
			l.dropped[dropPolicy].Add(g.to + 1 - g.from)
			l.tellGap(s, ses, r.Name, g)
		}
		return l.Live(s)
	})
}

// tellGap tells a native member which messages it will not get.
func (l *loop) tellGap(s poller.Slot, ses *session, room string, g lag) {
	if ses.kind != kindNative {
		return
	}
	b := native.AppendRoom(l.said("gap", nil), room)
	b = native.AppendUint(native.AppendUint(b, "from", g.from), "to", g.to)
	l.reply = append(b, '}')
	l.say(s, l.reply)
}

// giveLatest gives a member who lags the latest message of each key, as far as there is
// room; the rest when that has gone out.
func (l *loop) giveLatest(s poller.Slot, ses *session, m *rooms.Member, key lagKey, g lag) {
	for e := l.latest[key.room.Name].from(g.from); e != nil; e = e.Next() {
		p := e.Value.(*publication)
		frame := p.frame(l, ses.form())
		if l.Spare(s) < len(frame)+gapSize {
			l.lags[key] = g
			l.Notify(s)
			return
		}
		if p.offset > g.from {
			l.dropped[dropConflated].Add(p.offset - g.from)
			l.tellGap(s, ses, key.room.Name, lag{g.from, p.offset - 1})
		}
		g.from = p.offset + 1
		if p.exclude == l.ID(s) {
			continue
		}
		if !l.WriteShared(s, frame) {
			return
		}
		l.delivered.Add(1)
	}
	// What was published and not yet visited was among them.
	m.At = key.room.Data.end
	delete(l.lags, key)
}

// gapSize is the most that the frame of a gap takes.
const gapSize = 300

// forgive forgets what a member did not get, since it leaves.
func (l *loop) forgive(s poller.Slot, r *rooms.Room[backlog]) {
	if len(l.lags) == 0 {
		return
	}
	key := lagKey{s, r}
	if g, ok := l.lags[key]; ok {
		l.dropped[dropPolicy].Add(g.to + 1 - g.from)
		delete(l.lags, key)
	}
}

const (
	// maxKeys and maxKeyBytes are what a room that conflates keeps on a loop: past them
	// the key that was published to longest ago is dropped.
	maxKeys     = 10000
	maxKeyBytes = 4 << 20
)

// A latest has the latest message of each key of a room; those without a key count as
// of one.
type latest struct {
	byKey  map[string]*list.Element
	byTime list.List // of *publication, by offset
	bytes  int
}

func newLatest() *latest { return &latest{byKey: make(map[string]*list.Element)} }

// put takes a message. A nil latest takes none.
func (t *latest) put(p *publication) {
	if t == nil {
		return
	}
	if e := t.byKey[p.key]; e != nil {
		t.bytes -= e.Value.(*publication).Size()
		e.Value = p
		t.byTime.MoveToBack(e)
	} else {
		t.byKey[p.key] = t.byTime.PushBack(p)
	}
	t.bytes += p.Size()
	for len(t.byKey) > maxKeys || t.bytes > maxKeyBytes && len(t.byKey) > 1 {
		e := t.byTime.Front()
		old := e.Value.(*publication)
		t.bytes -= old.Size()
		delete(t.byKey, old.key)
		t.byTime.Remove(e)
	}
}

// from gives the first message of the list with an offset or a later one; nil where
// there is none.
func (t *latest) from(offset uint64) (first *list.Element) {
	for e := t.byTime.Back(); e != nil && e.Value.(*publication).offset >= offset; e = e.Prev() {
		first = e
	}
	return first
}
