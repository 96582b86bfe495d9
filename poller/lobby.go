package poller

import (
	"bytes"
	"net"
	"slices"
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
		l.begin(s, t, l.fragments.At(t.fragment).b)
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
