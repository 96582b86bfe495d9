package poller

import (
	"bytes"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/tlsrecord"
)

const (
	// shakePatience is how long a handshake may wait for its peer while others wait for a
	// place, in nanoseconds; where more wait than there are places, less by their number,
	// but not less than leastPatience.
	shakePatience = int64(time.Second)
	leastPatience = int64(200 * time.Millisecond)
	// lobbyTick is how often it is looked who takes too long.
	lobbyTick = int64(50 * time.Millisecond)
)

// maxShakeInput is how much a peer may send ahead of its handshake, as long as nothing of
// it was read.
const maxShakeInput = 64 << 10

// A shake is a TLS handshake under way: crypto/tls makes it, in a goroutine of its own,
// on the net.Conn that a shake is. A bounded number is under way, and of those as many
// compute as have a turn; whose client's hello is not whole has not begun.
type shake struct {
	// Static after construction.
	loop *Loop
	id   ConnID
	peer net.Addr
	own  net.Addr

	// Guarded by mu.
	mu     sync.Mutex
	input  []byte
	closed bool

	wake    chan struct{} // there is input, or it is closed
	waiting atomic.Int64  // since when it waits for its peer, as Loop.Nano; 0: it does not
}

// A shakePost is what a shake tells its loop: bytes for the peer, or that it is done.
type shakePost struct {
	shake   *shake
	b       []byte
	done    bool
	session tlsrecord.Session
	how     TLSResult
	err     error
}

// A TLSResult says how a TLS handshake went.
type TLSResult uint8

const (
	TLSOK      TLSResult = iota
	TLSResumed           // the client came back with a ticket
	TLSFailed            // the two did not agree, or the client broke the protocol
	TLSPlain             // what came was no TLS
	TLSGone              // the connection ended before
	TLSEvicted           // the peer took its time, and others waited for the place
	NumTLSResults
)

// String is the result's word in metrics.
func (r TLSResult) String() string {
	return [...]string{"ok", "resumed", "failed", "plain", "gone", "evicted"}[r]
}

// A lobby is what a loop knows of handshakes that are not done.
type lobby struct {
	shakes   map[Slot]*shake // of connections that are there
	underWay []*shake        // those and, until they notice, of connections that have ended; the eldest first
	queue    []waiter        // whose hello is there, and who wait for a place
	looked   int64           // when it was looked who takes too long, by nano
	newest   bool            // the next place is the newest's
}

// A waiter waits for a place.
type waiter struct {
	id    ConnID
	since int64 // by nano
}

// hello takes what a peer sends before its handshake is done.
func (l *Loop) hello(s Slot, r *record, b []byte) {
	if sh := l.lobby.shakes[s]; sh != nil {
		if !sh.feed(b) {
			l.unshake(s, r, TLSFailed)
			l.Close(s, CauseTLS)
		}
		return
	}
	t := l.group.tls.sessions.At(s)
	if !tlsrecord.Begins(b) {
		l.turnAway(s, r, TLSPlain, l.group.cfg.NotTLS)
		return
	}
	switch whole, err := tlsrecord.Hello(b); {
	case err != nil:
		l.turnAway(s, r, TLSFailed, tlsrecord.AppendPlainAlert(nil, err))
	case !whole:
		l.keepFragment(s, r, t, b, true)
	case len(l.lobby.underWay) < l.places() && len(l.lobby.queue) == 0:
		l.begin(s, t, b)
	case l.keepFragment(s, r, t, b, true):
		r.flags |= waits
		l.arm(s, r)
		l.lobby.queue = append(l.lobby.queue, waiter{l.ID(s), l.nano})
		l.Stats.TLSWaiting.Add(1)
	}
}

// turnAway ends a connection whose handshake does not begin.
func (l *Loop) turnAway(s Slot, r *record, why TLSResult, answer []byte) {
	l.unshake(s, r, why)
	_, _ = send(s, answer)
	l.Finish(s, CauseTLS)
}

// places is this loop's part of the handshakes that may be under way.
func (l *Loop) places() int { return max(l.group.cfg.Handshakes/l.group.cfg.Loops, 1) }

// begin begins the handshake of s, whose hello is in b.
func (l *Loop) begin(s Slot, t *secured, b []byte) {
	sh := &shake{
		loop: l, id: l.ID(s), wake: make(chan struct{}, 1), input: bytes.Clone(b),
		peer: net.TCPAddrFromAddrPort(peer(s)), own: net.TCPAddrFromAddrPort(ownAddress(s)),
	}
	l.dropFragment(t)
	if l.lobby.shakes == nil {
		l.lobby.shakes = make(map[Slot]*shake)
	}
	l.lobby.shakes[s] = sh
	l.lobby.underWay = append(l.lobby.underWay, sh)
	l.Stats.TLSUnderWay.Add(1)
	l.group.tls.running.Go(sh.run)
}

// unshake ends the time in which a handshake is what s is about.
func (l *Loop) unshake(s Slot, r *record, how TLSResult) {
	r.flags &^= shaking | waits
	l.Stats.TLS[how].Add(1)
	l.dropFragment(l.group.tls.sessions.At(s))
	if sh := l.lobby.shakes[s]; sh != nil {
		delete(l.lobby.shakes, s)
		if how != TLSOK && how != TLSResumed {
			sh.close()
		}
	}
}

// shakeGoesOn does what a shake asks for. Ok: its connection is there.
func (l *Loop) shakeGoesOn(s Slot, ok bool, p *shakePost) {
	ok = ok && l.lobby.shakes[s] == p.shake
	r := l.recs.At(s)
	if !p.done {
		if ok {
			l.putSealed(s, r, p.b)
		}
		return
	}
	l.lobby.underWay = slices.DeleteFunc(l.lobby.underWay, func(sh *shake) bool { return sh == p.shake })
	l.Stats.TLSUnderWay.Add(-1)
	switch {
	case !ok:
	case p.err != nil:
		l.log.Debug("a TLS handshake failed", "peer", p.shake.peer, "error", p.err)
		l.unshake(s, r, TLSFailed)
		l.Finish(s, CauseTLS)
	default:
		l.unshake(s, r, p.how)
		r.flags |= secure
		l.group.tls.sessions.At(s).Session = p.session
		if rest := p.shake.rest(); len(rest) > 0 {
			l.readTLS(s, r, rest)
		}
	}
	l.callNext()
}

// callNext begins the handshakes of those who wait, as far as there are places. The eldest
// is the next; where that one has waited for a second already, it and the newest by turns:
// else a flood that is over would still keep out all who come.
func (l *Loop) callNext() {
	for len(l.lobby.queue) > 0 && len(l.lobby.underWay) < l.places() {
		w := l.lobby.queue[0]
		if l.lobby.newest = !l.lobby.newest && l.nano-w.since > shakePatience; l.lobby.newest {
			last := len(l.lobby.queue) - 1
			w = l.lobby.queue[last]
			l.lobby.queue = l.lobby.queue[:last]
		} else {
			l.lobby.queue = l.lobby.queue[1:]
		}
		l.Stats.TLSWaiting.Add(-1)
		s, ok := l.Lookup(w.id)
		if !ok {
			continue
		}
		r, t := l.recs.At(s), l.group.tls.sessions.At(s)
		r.flags &^= waits
		l.arm(s, r)
		l.begin(s, t, l.fragments[t.fragment-1].b)
	}
}

// lookAfterShakes ends handshakes whose peers take their time while others wait.
func (l *Loop) lookAfterShakes() {
	if len(l.lobby.queue) == 0 || l.nano-l.lobby.looked < lobbyTick {
		return
	}
	l.lobby.looked = l.nano
	l.lobby.queue = slices.DeleteFunc(l.lobby.queue, func(w waiter) bool {
		_, ok := l.Lookup(w.id)
		return !ok
	})
	l.Stats.TLSWaiting.Store(int64(len(l.lobby.queue)))
	patience := max(shakePatience/int64(1+len(l.lobby.queue)/l.places()), leastPatience)
	wanted := len(l.lobby.queue)
	for _, sh := range l.lobby.underWay {
		if wanted == 0 {
			return
		}
		since := sh.waiting.Load()
		if since == 0 || l.nano-since < patience {
			continue
		}
		wanted--
		if s, ok := l.Lookup(sh.id); ok && l.lobby.shakes[s] == sh {
			l.unshake(s, l.recs.At(s), TLSEvicted)
			l.Close(s, CauseTLS)
		}
	}
}

// run makes the handshake.
func (sh *shake) run() {
	g := sh.loop.group.tls
	g.turns <- struct{}{}
	p := &shakePost{shake: sh, done: true, how: TLSOK}
	defer func() {
		if v := recover(); v != nil { // in the program's own callbacks of its tls.Config
			sh.loop.log.Error("panic in a TLS handshake", "panic", v, "stack", string(debug.Stack()))
			p.err = net.ErrClosed
		}
		<-g.turns
		_ = sh.loop.PostAll(Post{ID: sh.id, Arg: p}) // a loop that has ended needs it no more
	}()
	session, state, err := tlsrecord.Accept(sh, g.config)
	p.session, p.err = session, err
	if state.DidResume {
		p.how = TLSResumed
	}
}

// feed gives the handshake what came for it. It says false where too much waits.
func (sh *shake) feed(b []byte) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.input)+len(b) > maxShakeInput {
		return false
	}
	sh.input = append(sh.input, b...)
	sh.rouse()
	return true
}

// close ends the handshake.
func (sh *shake) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	sh.rouse()
}

func (sh *shake) rouse() {
	select {
	case sh.wake <- struct{}{}:
	default: // it is called already
	}
}

// rest is what came behind the handshake.
func (sh *shake) rest() []byte {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.input
}

// take gives what is there; ok is false where that is nothing yet.
func (sh *shake) take(b []byte) (n int, err error, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return 0, net.ErrClosed, true
	}
	n = copy(b, sh.input)
	sh.input = sh.input[n:]
	return n, nil, n > 0
}

func (sh *shake) Read(b []byte) (int, error) {
	for {
		n, err, ok := sh.take(b)
		if ok {
			return n, err
		}
		sh.waiting.Store(int64(time.Since(sh.loop.group.began)))
		sh.Wait(func() { <-sh.wake })
		sh.waiting.Store(0)
	}
}

// Wait runs f, which may wait, while others compute. See tlsrecord.Waiter.
func (sh *shake) Wait(f func()) {
	turns := sh.loop.group.tls.turns
	<-turns
	defer func() { turns <- struct{}{} }()
	f()
}

// Write has the loop write: it alone knows whose the descriptor is.
func (sh *shake) Write(b []byte) (int, error) {
	if err := sh.loop.PostAll(Post{ID: sh.id, Arg: &shakePost{shake: sh, b: bytes.Clone(b)}}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (sh *shake) Close() error                     { return nil }
func (sh *shake) LocalAddr() net.Addr              { return sh.own }
func (sh *shake) RemoteAddr() net.Addr             { return sh.peer }
func (sh *shake) SetDeadline(time.Time) error      { return nil }
func (sh *shake) SetReadDeadline(time.Time) error  { return nil }
func (sh *shake) SetWriteDeadline(time.Time) error { return nil }
