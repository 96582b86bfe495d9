package poller

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/tlsrecord"
	"golang.org/x/sys/unix"
)

// A Loop owns the connections that it accepted. One goroutine runs it.
type Loop struct {
	// Static after construction.
	group     *Group
	index     uint8
	recs      *Table[record]
	handler   Handler
	worker    Worker
	log       *slog.Logger
	listeners []Slot

	// Owned by the loop.
	poll      *epoll
	wheel     *wheel
	buf       []byte        // what was read
	cork      []byte        // what Data wrote to corked so far
	corked    Slot          // whose Data runs; none where noSlot
	throttled Slot          // whose writes pay for themselves; none where noSlot
	boxes     Sides[outbox] // what waits for slow readers
	full      []Slot        // connections in state choked
	ending    []Slot        // connections in state closing
	owned     []uint64      // a bit for each slot: whether it is a connection of this loop
	current   Slot          // whom a panic is about; none where noSlot
	nano      int64         // monotonic nanoseconds since the group began, at the turn's beginning
	second    uint32        // the same in seconds, from 1
	paused    int64         // when accepting goes on, by nano; 0 where it is not paused
	spare     int           // a descriptor kept for when there are none; -1 where it is spent
	stopping  bool
	more      bool // the turn left something to do

	// Owned by the loop, of TLS.
	lobby      lobby
	fragments  Sides[fragment] // what came of TLS records that are not whole
	keys       []*keyslot      // by slot, modulo their number; nil where unused
	usedKeys   []uint32        // those of keys that are there
	keysLooked uint32          // the second in which they were looked through
	passing    tlsrecord.Keys  // of a connection whose ciphers are not kept
	sealed     []byte          // the last record that was made

	// For any goroutine.
	inbox inbox
	stop  atomic.Bool
	Stats LoopStats
}

const (
	noSlot   = ^Slot(0)
	readSize = 64 << 10
	// corkSize is what Data may write before a part of it goes out.
	corkSize = 64 << 10
	// maxPosts is how many posts a turn handles, so that events do not wait behind a flood.
	maxPosts = 1024
	// maxTimers is the same for timers: after a herd all heartbeats fall due at once.
	maxTimers = 512
)

func newLoop(g *Group, index int) (*Loop, error) {
	l := &Loop{
		group: g, index: uint8(index), recs: g.recs, log: g.cfg.Logger,
		buf: make([]byte, readSize), cork: make([]byte, 0, corkSize), corked: noSlot, throttled: noSlot, current: noSlot, spare: -1,
	}
	var err error
	if l.poll, err = newEpoll(); err != nil {
		return nil, fmt.Errorf("create an epoll set: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		l.poll.close()
		return nil, fmt.Errorf("create an eventfd: %w", err)
	}
	l.inbox = inbox{bell: bell, limit: g.cfg.MaxPosts}
	l.tick()
	l.wheel = newWheel(g.recs, l.second)
	l.spare, _ = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if e := l.watch(Slot(bell), doorbell); e != 0 {
		l.destroy()
		return nil, fmt.Errorf("watch an eventfd: %w", e)
	}
	return l, nil
}

// watch adds a descriptor that is not a connection.
func (l *Loop) watch(fd Slot, st state) unix.Errno {
	r := l.recs.At(fd)
	r.state, r.loop = st, l.index
	return l.poll.ctl(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
}

// tick reads the clock, once a turn.
func (l *Loop) tick() {
	l.nano = int64(time.Since(l.group.began))
	l.second = uint32(l.nano/int64(time.Second)) + 1
}

// Nano is the turn's time: nanoseconds since the group began, on a clock that
// is never set back.
func (l *Loop) Nano() int64 { return l.nano }

// Second is the turn's time in seconds since the group began, from 1.
func (l *Loop) Second() uint32 { return l.second }

// Index is the loop's number, from 0.
func (l *Loop) Index() int { return int(l.index) }

// Post hands p to the loop's Worker. It may be called from any goroutine; posts
// of one goroutine are handled in their order, also those that wait when the loop
// ends. ErrBusy: more than MaxPosts
// wait. ErrClosed: the loop has ended.
func (l *Loop) Post(p Post) error { return l.inbox.put(p, true) }

// PostAll is Post without MaxPosts: for what the caller bounds itself and must not
// lose.
func (l *Loop) PostAll(p Post) error { return l.inbox.put(p, false) }

// run serves until the group stops.
func (l *Loop) run() error {
	defer l.destroy()
	for !l.stopping {
		n, err := l.poll.wait(l.patience())
		l.inbox.asleep.Store(false)
		if err != nil {
			return fmt.Errorf("wait for events: %w", err)
		}
		l.turn(n)
		l.Stats.Turns.Observe(int64(time.Since(l.group.began)) - l.nano)
	}
	// Nobody is there any more, and whoever has posted learns that.
	l.inbox.shut()
	for !l.inbox.empty() {
		l.guard(l.drainInbox)
	}
	return nil
}

// turn serves n events, then all that is not an event.
func (l *Loop) turn(n int) {
	l.tick()
	for i := 0; i < n; {
		i = l.handle(i, n)
	}
	l.guard(l.drainInbox)
	l.guard(l.fireTimers)
	l.guard(l.workTurn)
	l.guard(l.tellFull)
	l.control()
	l.reap()
}

// patience is how long the next wait may take, in milliseconds.
func (l *Loop) patience() int {
	if l.more || l.stop.Load() {
		return 0
	}
	l.inbox.asleep.Store(true)
	if !l.inbox.empty() || l.stop.Load() {
		l.inbox.asleep.Store(false)
		return 0
	}
	until := int64(-1)
	if l.wheel.timers > 0 {
		until = int64(l.second) * int64(time.Second) // the next second begins then
	}
	if l.paused != 0 && (until < 0 || l.paused < until) {
		until = l.paused
	}
	if next := l.nano + lobbyTick; len(l.lobby.queue) > 0 && (until < 0 || next < until) {
		until = next
	}
	if until < 0 {
		return -1
	}
	return int(max(until-int64(time.Since(l.group.began)), 0)/int64(time.Millisecond)) + 1
}

// handle serves events from the i-th on, and says which one comes next. A panic
// ends it early, with the connection that it was for.
func (l *Loop) handle(i, n int) (next int) {
	defer func() {
		if v := recover(); v != nil {
			l.fault(v)
			next++
		}
	}()
	for next = i; next < n; next++ {
		ev := &l.poll.events[next]
		l.event(Slot(ev.Fd), ev.Events)
	}
	return next
}

func (l *Loop) event(fd Slot, events uint32) {
	r := l.recs.At(fd)
	switch r.state {
	case open, finishing, choked:
		l.current = fd
		if events&unix.EPOLLOUT != 0 {
			l.flush(fd, r)
		}
		if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && (r.state == open || r.state == finishing) {
			l.read(fd, r, events)
		}
		l.current = noSlot
	case listener:
		l.acceptAll(fd)
	case doorbell:
		var b [8]byte
		_, _ = unix.Read(int(fd), b[:])
	}
}

// read takes what s sent, at most once an event, so that nobody is starved.
func (l *Loop) read(s Slot, r *record, events uint32) {
	if r.flags&unread != 0 {
		l.Close(s, CauseReset) // HUP or ERR, which cannot be asked away
		return
	}
	off := l.resume(s, r)
	n, e := recv(s, l.buf[off:])
	switch {
	case e == 0 && n > 0:
		r.heard = l.second
		if r.state == finishing {
			return
		}
		l.Stats.BytesIn.Add(uint64(n))
		switch {
		case r.flags&secure != 0:
			l.readTLS(s, r, l.buf[:off+n])
		case r.flags&shaking != 0:
			l.hello(s, r, l.buf[:off+n])
		default:
			l.deliver(s, l.buf[:n])
		}
	case e == 0:
		l.Close(s, CauseEOF)
	case e == unix.EAGAIN || e == unix.EINTR:
	default:
		l.Close(s, CauseReset)
	}
}

// deliver hands on what s sent.
func (l *Loop) deliver(s Slot, b []byte) {
	l.corked = s
	l.handler.Data(s, b)
	l.uncork()
}

// guard runs a phase of the turn; a panic ends the phase for this turn alone.
func (l *Loop) guard(phase func()) {
	defer func() {
		if v := recover(); v != nil {
			l.fault(v)
		}
	}()
	phase()
}

// fault ends the connection that a panic was about.
func (l *Loop) fault(v any) {
	stack := debug.Stack()
	l.Stats.Panics.Add(1)
	s := l.current
	l.current = noSlot
	if c := l.corked; c != noSlot { // what was written whole before the panic goes out
		l.corked, l.throttled = noSlot, noSlot
		l.flushCork(c, l.recs.At(c))
	}
	defer func() {
		if again := recover(); again != nil {
			l.log.Error("panic while handling a panic", "panic", again)
		}
		if s != noSlot && l.recs.At(s).state == open {
			l.Close(s, CausePanic)
		}
	}()
	if s == noSlot || l.recs.At(s).state != open {
		l.log.Error("panic on a loop", "loop", l.index, "panic", v, "stack", string(stack))
		s = noSlot
		return
	}
	l.worker.Fault(s, v, stack)
}

func (l *Loop) drainInbox() {
	for range maxPosts {
		p, ok := l.inbox.take()
		if !ok {
			return
		}
		if p.ID != 0 {
			s, ok := l.Lookup(p.ID)
			if ok {
				l.current = s
			}
			if sp, own := p.Arg.(*shakePost); own {
				l.shakeGoesOn(s, ok, sp)
				l.current = noSlot
				continue
			}
		}
		l.worker.Post(p)
		l.current = noSlot
	}
}

func (l *Loop) fireTimers() {
	for range maxTimers {
		s, ok := l.wheel.advance(l.second)
		if !ok {
			return
		}
		l.current = s
		if l.recs.At(s).state == finishing {
			l.Close(s, CauseReset) // it never closed its side
		} else {
			l.handler.Timer(s)
		}
		l.current = noSlot
	}
}

func (l *Loop) workTurn() {
	l.more = false
	if l.worker.Turn() || l.wheel.ready != 0 {
		l.more = true
	}
}

// control does what the group asked for.
func (l *Loop) control() {
	if l.paused != 0 && l.nano >= l.paused {
		l.resumeAccepting()
	}
	if l.group.tls != nil {
		l.lookAfterShakes()
		l.forgetIdleKeys()
	}
	if l.stop.Load() {
		l.stopping = true
		l.inbox.shut()
		for s, ok := l.Next(0); ok; s, ok = l.Next(s + 1) {
			l.Close(s, CauseStop)
		}
	}
}

// destroy gives back what is not a connection's.
func (l *Loop) destroy() {
	l.inbox.shut()
	for _, sh := range l.lobby.underWay {
		sh.close()
	}
	l.closeListeners()
	if l.spare >= 0 {
		closeFD(Slot(l.spare))
	}
	l.recs.At(Slot(l.inbox.bell)).state = free
	closeFD(Slot(l.inbox.bell))
	l.poll.close()
}
