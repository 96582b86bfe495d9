package poller

import (
	"cmp"
	"math"
	"slices"

	"github.com/roostws/roost/tlsrecord"
)

// An outbox is what waits for one slow reader. A connection has one only while
// something waits.
type outbox struct {
	slot  Slot
	first int    // the part that goes out next
	parts []part // the first may be torn
	bytes int    // of all parts, with partCost for each, and of sealed

	// What of TLS records the socket did not take: it goes out before the parts, which
	// are sealed when they do.
	sealed []byte
}

// A part is one run of whole messages of an outbox.
type part struct {
	b   []byte
	off int  // how much of b has gone out
	own bool // a copy, which may be added to
}

const (
	// partCost is what a part counts for besides its bytes, so that many small
	// ones stay within the bound too.
	partCost = 64
	// copyBelow is the size under which a copy costs less than a reference.
	copyBelow = partCost
	// keptParts is how long a list an unused outbox keeps.
	keptParts = 64
	// flushBytes is what one event may send of an outbox, so that a fast reader
	// with much to take does not hold up the others.
	flushBytes = 1 << 20
)

// next is what goes out next.
func (b *outbox) next() []byte { p := &b.parts[b.first]; return p.b[p.off:] }

// behind is what waits behind the part under way.
func (b *outbox) behind() int {
	if b.first == len(b.parts) {
		return 0
	}
	return b.bytes - len(b.sealed) - len(b.next()) - partCost
}

// enqueue keeps b, of which the socket took off bytes. One message always finds
// room: the bound is for what waits behind the first.
func (l *Loop) enqueue(s Slot, r *record, b []byte, off int, shared bool) bool {
	if r.box == 0 {
		l.newBox(s, r)
	}
	box := l.boxes.At(r.box)
	if box.behind()+len(b) > l.group.cfg.Outbox && l.throttled != s {
		r.state, r.cause = choked, CauseOutbox
		l.full = append(l.full, s)
		return false
	}
	before := box.bytes
	box.add(b, off, shared)
	l.charge(box.bytes - before)
	return true
}

func (l *Loop) charge(n int) {
	l.Stats.Outbox.Add(int64(n))
	l.group.outbox.Add(int64(n))
}

func (b *outbox) add(p []byte, off int, shared bool) {
	b.bytes += len(p) - off
	if n := len(b.parts); n > b.first+1 { // what is added to the first would not count
		last := &b.parts[n-1]
		if last.own && (len(p) < copyBelow || !shared) && len(last.b)+len(p) <= corkSize {
			last.b = append(last.b, p...)
			return
		}
		if shared && !last.own && continues(last.b, p) {
			last.b = last.b[:len(last.b)+len(p)]
			return
		}
	}
	b.bytes += partCost
	if !shared || len(p) < copyBelow {
		b.parts = append(b.parts, part{b: append(make([]byte, 0, max(len(p), 256)), p...), off: off, own: true})
		return
	}
	b.parts = append(b.parts, part{b: p, off: off})
}

// continues says whether q lies in memory right behind p, in the same array.
func continues(p, q []byte) bool {
	if len(q) == 0 || cap(p)-len(p) < len(q) {
		return false
	}
	return &p[:len(p)+1][len(p)] == &q[0]
}

func (l *Loop) newBox(s Slot, r *record) {
	i, box := l.boxes.Take()
	r.box, box.slot = i, s
	r.flags |= wantWrite
	l.arm(s, r)
}

func (l *Loop) dropBox(s Slot, r *record) {
	box := l.boxes.At(r.box)
	l.charge(-box.bytes)
	clear(box.parts)
	parts := box.parts[:0]
	if cap(parts) > keptParts {
		parts = nil
	}
	l.boxes.Give(r.box, outbox{parts: parts})
	r.box = 0
	r.flags &^= wantWrite | notify
	if r.state == open && r.flags&noRead != 0 {
		r.flags &^= noRead
	}
	if r.state == open || r.state == finishing {
		l.arm(s, r)
	}
}

// flush sends what waits, now that s takes more.
func (l *Loop) flush(s Slot, r *record) {
	if r.box == 0 || r.state == choked {
		return
	}
	box := l.boxes.At(r.box)
	for sent := 0; sent < flushBytes; {
		n, whole := l.sendNext(s, r, box)
		if !whole {
			return
		}
		sent += n
		if box.first == len(box.parts) && len(box.sealed) == 0 {
			told := r.flags&(noRead|notify) != 0
			l.dropBox(s, r)
			switch {
			case r.state == finishing:
				l.shut(s, r)
			case told:
				l.drained(s)
			}
			return
		}
	}
}

// sendNext sends the next of what waits, and says whether the socket took the whole: of
// the sealed, of a part, or by TLS of a record of it.
func (l *Loop) sendNext(s Slot, r *record, box *outbox) (n int, whole bool) {
	if len(box.sealed) > 0 {
		n, _ = l.sendNow(s, box.sealed)
		box.sealed = box.sealed[n:]
		box.bytes -= n
		l.charge(-n)
		return n, len(box.sealed) == 0
	}
	p := &box.parts[box.first]
	if r.flags&secure == 0 {
		left := len(p.b) - p.off
		n, _ = l.sendNow(s, p.b[p.off:])
		l.wentOut(box, n)
		return n, n == left
	}
	b := p.b[p.off:min(p.off+tlsrecord.MaxPlain, len(p.b))]
	record := l.seal(s, b)
	n, ok := l.sendNow(s, record)
	if !ok {
		return 0, false
	}
	box.sealed = append([]byte(nil), record[n:]...)
	box.bytes += len(box.sealed)
	l.charge(len(box.sealed))
	l.wentOut(box, len(b))
	return n, len(box.sealed) == 0
}

// wentOut takes n bytes off the first part.
func (l *Loop) wentOut(box *outbox, n int) {
	p := &box.parts[box.first]
	if p.off += n; p.off == len(p.b) {
		*p = part{}
		box.first++
		n += partCost
	}
	box.bytes -= n
	l.charge(-n)
}

// drained tells who asked for it that all that waited for s has gone out.
func (l *Loop) drained(s Slot) {
	l.corked = s
	l.handler.Data(s, nil)
	l.uncork()
}

// Truncate throws away what waits for s, but for the rest of the message that
// is going out. Boundary is given some whole messages and how many of their bytes
// have gone out; it says where the message ends that those end in, or are at the
// end of.
func (l *Loop) Truncate(s Slot, boundary func(messages []byte, off int) int) {
	r := l.recs.At(s)
	if r.box == 0 || (r.state != open && r.state != choked) {
		return
	}
	box := l.boxes.At(r.box)
	if box.first == len(box.parts) {
		return
	}
	p := &box.parts[box.first]
	end := min(max(boundary(p.b, p.off), p.off), len(p.b))
	before := box.bytes
	box.bytes = len(box.sealed)
	switch {
	case end > p.off:
		clear(box.parts[box.first+1:])
		box.parts = box.parts[:box.first+1]
		p.b, p.own = p.b[:end:end], false
		box.bytes += end - p.off + partCost
	case len(box.sealed) > 0:
		clear(box.parts)
		box.parts, box.first = box.parts[:0], 0
	default:
		box.bytes = before
		l.dropBox(s, r)
		return
	}
	l.charge(box.bytes - before)
}

// EachWaiting calls f for each run of whole messages that waits for s, in order,
// and says how many of its bytes have gone out. F must not change or keep it.
func (l *Loop) EachWaiting(s Slot, f func(messages []byte, off int)) {
	if r := l.recs.At(s); r.box != 0 {
		box := l.boxes.At(r.box)
		for i := range box.parts[box.first:] {
			p := &box.parts[box.first+i]
			f(p.b, p.off)
		}
	}
}

// Spare is how many bytes can be written to s now without being refused.
func (l *Loop) Spare(s Slot) int {
	r := l.recs.At(s)
	if r.box == 0 {
		return math.MaxInt
	}
	return max(l.group.cfg.Outbox-l.boxes.At(r.box).behind(), 0)
}

// Notify has Data called without a byte once nothing waits for s any more.
func (l *Loop) Notify(s Slot) {
	if r := l.recs.At(s); r.box != 0 {
		r.flags |= notify
	}
}

// Waiting is what waits for s, in bytes.
func (l *Loop) Waiting(s Slot) int {
	if r := l.recs.At(s); r.box != 0 {
		return l.boxes.At(r.box).bytes
	}
	return 0
}

// tellFull ends those for whom more waits than may.
func (l *Loop) tellFull() {
	if l.group.outbox.Load() > l.group.cfg.OutboxMemory {
		l.chokeLargest()
	}
	for len(l.full) > 0 {
		s := l.full[len(l.full)-1]
		l.full = l.full[:len(l.full)-1]
		r := l.recs.At(s)
		if r.state != choked {
			continue // closed meanwhile
		}
		l.current = s
		cause := r.cause
		r.state = open
		l.worker.Full(s, cause)
		l.current = noSlot
		if r.state == open || r.state == choked {
			l.Close(s, cause)
		}
	}
}

// chokeLargest picks those for whom most waits, until all that waits would be a
// sixteenth below the budget.
func (l *Loop) chokeLargest() {
	var waiting []*outbox
	for _, box := range l.boxes.all {
		if box.bytes > 0 && l.recs.At(box.slot).state == open {
			waiting = append(waiting, box)
		}
	}
	slices.SortFunc(waiting, func(a, b *outbox) int { return cmp.Compare(b.bytes, a.bytes) })
	over := l.group.outbox.Load() - l.group.cfg.OutboxMemory*15/16
	for _, box := range waiting {
		if over <= 0 {
			return
		}
		over -= int64(box.bytes)
		r := l.recs.At(box.slot)
		r.state, r.cause = choked, CauseBudget
		l.full = append(l.full, box.slot)
	}
}
