package poller

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// lingerSeconds is how long a finishing connection may take to take its last
// bytes and close its side.
const lingerSeconds = 5

// ID gives the name of s that is valid outside its loop and after its end.
func (l *Loop) ID(s Slot) ConnID { return makeID(l.index, s, l.recs.At(s).generation()) }

// Lookup finds the connection of id, which must be one of this loop.
func (l *Loop) Lookup(id ConnID) (Slot, bool) {
	s := id.slot()
	if id.loop() != int(l.index) || int(s) >= l.recs.Len() {
		return 0, false
	}
	// The generation is looked at first: where it differs, the record may be
	// another loop's, and nothing else of it may be read.
	r := l.recs.At(s)
	if r.generation() != id.gen() || r.state != open {
		return 0, false
	}
	return s, true
}

// Write sends b to s, or keeps a copy of what the socket does not take. It says
// false where s is closing or can take no more. Within the Data of s it gathers,
// and what is gathered goes out in one piece.
func (l *Loop) Write(s Slot, b []byte) bool {
	r := l.recs.At(s)
	if r.state != open || r.mute() {
		return false
	}
	if l.corked == s {
		if len(l.cork)+len(b) <= cap(l.cork) {
			l.cork = append(l.cork, b...)
			return true
		}
		l.flushCork(s, r)
		if r.state != open {
			return false
		}
	}
	return l.put(s, r, b, false)
}

// WriteShared is Write for bytes that nobody will ever change: what the socket
// does not take is kept by reference. It does not gather.
func (l *Loop) WriteShared(s Slot, b []byte) bool {
	r := l.recs.At(s)
	if r.state != open || r.mute() {
		return false
	}
	if l.corked == s && len(l.cork) > 0 {
		l.flushCork(s, r)
	}
	return r.state == open && l.put(s, r, b, true)
}

// put writes b past the cork.
func (l *Loop) put(s Slot, r *record, b []byte, shared bool) bool {
	if r.flags&viaTLS != 0 {
		return l.putTLS(s, r, b, shared)
	}
	if r.box != 0 {
		return l.enqueue(s, r, b, 0, shared)
	}
	n, ok := l.sendNow(s, b)
	if !ok || n == len(b) {
		return ok
	}
	return l.enqueue(s, r, b, n, shared)
}

// sendNow sends what the socket takes of b. Ok is false where s ends, since it is broken.
func (l *Loop) sendNow(s Slot, b []byte) (n int, ok bool) {
	n, e := send(s, b)
	switch e {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		n = 0
	default:
		l.Close(s, CauseReset)
		return 0, false
	}
	l.Stats.BytesOut.Add(uint64(n))
	return n, true
}

// uncork sends what Data gathered.
func (l *Loop) uncork() {
	s := l.corked
	if len(l.cork) > 0 {
		l.flushCork(s, l.recs.At(s))
	}
	l.corked = noSlot
	if l.throttled == s {
		l.throttled = noSlot
		l.pauseReading(s, l.recs.At(s))
	}
}

func (l *Loop) flushCork(s Slot, r *record) {
	b := l.cork
	l.cork = l.cork[:0]
	switch r.state {
	case open:
		l.put(s, r, b, false)
	case closing: // Data wrote a last word and closed: the kernel delivers what it takes
		if r.box == 0 && r.cause >= CauseUser {
			if r.flags&secure != 0 {
				b = l.seal(s, b)
			}
			n, _ := send(s, b)
			l.Stats.BytesOut.Add(uint64(max(n, 0)))
		}
	}
}

// SetTimer has Timer called for s in the second at (see Second) or, where that
// has passed, in the next one. It replaces what was set before.
func (l *Loop) SetTimer(s Slot, at uint32) {
	if l.recs.At(s).state == open {
		l.wheel.set(s, at)
	}
}

// Heard is the second in which s last sent anything.
func (l *Loop) Heard(s Slot) uint32 { return l.recs.At(s).heard }

// Opened is the second in which s was accepted.
func (l *Loop) Opened(s Slot) uint32 { return l.recs.At(s).opened }

// Live says whether s can be written to.
func (l *Loop) Live(s Slot) bool { return l.recs.At(s).state == open }

// Choked says whether s was just refused a write, and its Full is still to come.
func (l *Loop) Choked(s Slot) bool { return l.recs.At(s).state == choked }

// Addr asks the kernel for the peer's address: an idle connection keeps none. It is
// not valid where the kernel has forgotten it, since the peer reset the connection.
func (l *Loop) Addr(s Slot) netip.AddrPort { return peer(s) }

// Throttle, within the Data of s, makes its writes pay for themselves: s is not
// read again until all that waits for it has gone out, and for that nothing that
// this Data writes to s is refused. Then Data is called without a byte.
func (l *Loop) Throttle(s Slot) {
	if l.corked == s {
		l.throttled = s
	}
}

// pauseReading reads no more of s until its outbox is empty.
func (l *Loop) pauseReading(s Slot, r *record) {
	if r.state == open && r.box != 0 && r.flags&noRead == 0 {
		r.flags |= noRead
		l.arm(s, r)
	}
}

// Pause reads no more of s until Resume. A reset is noticed all the same.
func (l *Loop) Pause(s Slot) {
	if r := l.recs.At(s); r.state == open && r.flags&held == 0 {
		r.flags |= held
		l.arm(s, r)
	}
}

// Resume ends a Pause.
func (l *Loop) Resume(s Slot) {
	if r := l.recs.At(s); r.state == open && r.flags&held != 0 {
		r.flags &^= held
		l.arm(s, r)
	}
}

// Corked runs f, in a callback other than Data, as the Data of s would run: what
// f writes to s is gathered, and f may call Throttle.
func (l *Loop) Corked(s Slot, f func()) {
	if l.corked != noSlot {
		f()
		return
	}
	l.corked = s
	before := l.current
	l.current = s // whom a panic is about
	f()
	l.current = before
	l.uncork()
}

// Flush, within the Data of s or what runs as it, sends what was gathered so far.
func (l *Loop) Flush(s Slot) {
	if l.corked == s && len(l.cork) > 0 {
		l.flushCork(s, l.recs.At(s))
	}
}

// Close ends s with the turn: what the socket took is delivered, what waits is
// thrown away. The first cause counts.
func (l *Loop) Close(s Slot, cause Cause) {
	r := l.recs.At(s)
	if !r.live() {
		return
	}
	if r.state != finishing || r.cause == CauseNone {
		r.cause = cause
	}
	r.state = closing
	l.ending = append(l.ending, s)
}

// Finish ends s once all that waits for it has gone out and the peer has closed
// its side, or after 5 seconds. Nothing more is read of it or can be written.
func (l *Loop) Finish(s Slot, cause Cause) {
	r := l.recs.At(s)
	if r.state != open && r.state != choked {
		return
	}
	if r.flags&shaking != 0 {
		l.Close(s, cause)
		return
	}
	if l.corked == s && r.state == open {
		l.flushCork(s, r)
		if r.state == closing {
			return
		}
	}
	r.state, r.cause = finishing, cause
	l.dropFragmentOf(s, r) // nothing more is read
	if r.flags&unread != 0 {
		r.flags &^= unread
		l.arm(s, r)
	}
	l.wheel.clear(s)
	l.wheel.set(s, l.second+lingerSeconds)
	if r.box == 0 {
		l.shut(s, r)
	}
}

// arm tells the kernel which events of s are wanted.
func (l *Loop) arm(s Slot, r *record) {
	var events uint32
	if r.flags&unread == 0 {
		events |= unix.EPOLLIN
	}
	if r.flags&wantWrite != 0 {
		events |= unix.EPOLLOUT
	}
	if e := l.poll.ctl(unix.EPOLL_CTL_MOD, s, events); e != 0 {
		l.log.Error("epoll_ctl failed; closing the connection", "error", e)
		l.Close(s, CauseReset)
	}
}

// reap ends what was closed in this turn. Only here are descriptors closed, and
// only after their records can no longer be found.
func (l *Loop) reap() {
	for i := 0; i < len(l.ending); i++ { // Closed may close others
		s := l.ending[i]
		r := l.recs.At(s)
		cause := r.cause
		l.guard(func() { l.handler.Closed(s, cause) })
		l.wheel.clear(s)
		if cause != CauseReset {
			l.endTLS(s, r)
		}
		if r.box != 0 {
			l.dropBox(s, r)
		}
		l.forget(s, r)
		r.turnOver()
		r.state, r.flags, r.cause = free, 0, CauseNone
		l.own(s, false)
		l.group.open.Add(-1)
		l.Stats.Open.Add(-1)
		closeFD(s)
	}
	l.ending = l.ending[:0]
}
