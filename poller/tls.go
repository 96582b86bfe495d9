package poller

import (
	"crypto/tls"
	"sync"

	"github.com/roostws/roost/tlsrecord"
)

// A secured is what a connection that speaks TLS costs besides its record while it is
// idle: 128 bytes, no pointer. It is in a table that is there only where a listener
// speaks TLS.
type secured struct {
	tlsrecord.Session
	fragment uint32 // what came of a record that is not whole, as index + 1; 0: nothing
}

// A fragment is what came of a record, or of a client's hello, that is not whole.
type fragment struct {
	b     []byte // counts in Group.fragments
	since uint32 // the second in which it began
}

// A secrecy is what the loops of a Group share where a listener speaks TLS.
type secrecy struct {
	// Static after construction.
	config   *tlsrecord.Config
	sessions *Table[secured]
	turns    chan struct{} // a handshake that computes has one

	running sync.WaitGroup // of handshakes
}

func newSecrecy(cfg *tls.Config, slots, computing int) (*secrecy, error) {
	sessions, err := NewTable[secured](slots)
	if err != nil {
		return nil, err
	}
	return &secrecy{config: tlsrecord.NewConfig(cfg), sessions: sessions, turns: make(chan struct{}, computing)}, nil
}

// Secure says whether s came by a listener that speaks TLS.
func (l *Loop) Secure(s Slot) bool { return l.recs.At(s).flags&viaTLS != 0 }

// StartTLS takes what s sends from here on, and b, which came already and is not kept,
// for TLS. Until its handshake is done, nothing can be written to s, and Finish is Close.
// It does nothing for a connection that came by another listener.
func (l *Loop) StartTLS(s Slot, b []byte) {
	r := l.recs.At(s)
	if r.state != open || r.flags&viaTLS == 0 || r.flags&(shaking|secure) != 0 {
		return
	}
	r.flags |= shaking
	if len(b) > 0 {
		l.hello(s, r, b)
	}
}

// Unfinished gives the second since which s owes the rest of a TLS record, and how many
// bytes of it came; ok is false where it owes none, or nothing is read of it.
func (l *Loop) Unfinished(s Slot) (since uint32, bytes int, ok bool) {
	if flags := l.recs.At(s).flags; flags&(secure|shaking) == 0 || flags&unread != 0 {
		return 0, 0, false
	}
	if i := l.group.tls.sessions.At(s).fragment; i != 0 {
		f := l.fragments.At(i)
		return f.since, len(f.b), true
	}
	return 0, 0, false
}

// resume puts what came of a record of s to where what is read next goes behind it, and
// says how long it is.
func (l *Loop) resume(s Slot, r *record) int {
	if r.flags&(secure|shaking) == 0 {
		return 0
	}
	t := l.group.tls.sessions.At(s)
	if t.fragment == 0 {
		return 0
	}
	return copy(l.buf, l.fragments.At(t.fragment).b)
}

// readTLS opens the records that b holds, and hands on what is in them.
func (l *Loop) readTLS(s Slot, r *record, b []byte) {
	t := l.group.tls.sessions.At(s)
	data, rest, closed, err := t.Read(l.keysOf(s), b)
	if !l.keepFragment(s, r, t, rest, len(rest) == len(b)) {
		return
	}
	if len(data) > 0 {
		l.deliver(s, data[:len(data):len(data)])
	}
	if r.state != open {
		return
	}
	switch {
	case err == tlsrecord.ErrAlerted:
		l.Close(s, CauseReset)
	case err != nil:
		l.failTLS(s, r, err)
	case closed:
		l.Close(s, CauseEOF) // it hears the same in return
	}
}

// failTLS tells a peer what is wrong with its records, and ends it. What waits for it is
// thrown away.
func (l *Loop) failTLS(s Slot, r *record, err error) {
	t := l.group.tls.sessions.At(s)
	l.sealed = t.AppendAlert(l.keysOf(s), l.sealed[:0], err)
	if r.box != 0 {
		box := l.boxes.At(r.box)
		box.parts, box.first = nil, 0
		l.charge(len(box.sealed) - box.bytes)
		box.bytes = len(box.sealed)
	}
	if l.putSealed(s, r, l.sealed) {
		r.flags &^= secure // nothing more can be said
		l.Finish(s, CauseTLS)
	}
}

// keepFragment keeps a copy of rest, what came of a record that is not whole, for s. Same:
// it is the record of which something was kept before. It says false where that cannot be:
// more is kept of all than may.
func (l *Loop) keepFragment(s Slot, r *record, t *secured, rest []byte, same bool) bool {
	if len(rest) == 0 {
		l.dropFragment(t)
		return true
	}
	if t.fragment == 0 {
		same = false
		t.fragment, _ = l.fragments.Take()
	}
	f := l.fragments.At(t.fragment)
	l.chargeFragments(len(rest) - len(f.b))
	f.b = append(f.b[:0], rest...)
	if !same {
		f.since = l.second
	}
	if l.group.fragments.Load() > l.group.cfg.FragmentMemory && r.state == open {
		l.dropFragment(t)
		r.state, r.cause = choked, CauseFragments
		l.full = append(l.full, s)
		return false
	}
	return true
}

func (l *Loop) dropFragmentOf(s Slot, r *record) {
	if r.flags&viaTLS != 0 {
		l.dropFragment(l.group.tls.sessions.At(s))
	}
}

func (l *Loop) dropFragment(t *secured) {
	if t.fragment == 0 {
		return
	}
	l.chargeFragments(-len(l.fragments.At(t.fragment).b))
	l.fragments.Give(t.fragment, fragment{})
	t.fragment = 0
}

func (l *Loop) chargeFragments(n int) {
	l.Stats.Fragments.Add(int64(n))
	l.group.fragments.Add(int64(n))
}

// seal gives the records that hold b, one where that is at most tlsrecord.MaxPlain bytes
// long: valid until the next is sealed.
func (l *Loop) seal(s Slot, b []byte) []byte {
	var err error
	l.sealed, err = l.group.tls.sessions.At(s).Append(l.keysOf(s), l.sealed[:0], b)
	if err != nil {
		// No cipher can be made of the keys by which others were made.
		panic(err)
	}
	return l.sealed
}

// putTLS writes b to s, record by record.
func (l *Loop) putTLS(s Slot, r *record, b []byte, shared bool) bool {
	for off := 0; r.box == 0; {
		end := min(off+tlsrecord.MaxPlain, len(b))
		if !l.putSealed(s, r, l.seal(s, b[off:end])) {
			return false
		}
		if off = end; off == len(b) {
			return true
		}
		if r.box != 0 {
			return l.enqueue(s, r, b, off, shared)
		}
	}
	return l.enqueue(s, r, b, 0, shared)
}

// putSealed writes whole records, of which what the socket does not take is kept before
// all that waits. It says false where s ends.
func (l *Loop) putSealed(s Slot, r *record, b []byte) bool {
	n := 0
	if r.box == 0 {
		var ok bool
		if n, ok = l.sendNow(s, b); !ok || n == len(b) {
			return ok
		}
		l.newBox(s, r)
	}
	box := l.boxes.At(r.box)
	box.sealed = append(box.sealed, b[n:]...)
	box.bytes += len(b) - n
	l.charge(len(b) - n)
	return true
}

// shut says goodbye in the connection's own way, once all has gone out.
func (l *Loop) shut(s Slot, r *record) {
	l.endTLS(s, r)
	shutWrite(s)
}

// endTLS says, where nothing waits to be said before, that nothing more will come: else
// the peer cannot tell the end from one that somebody on the way has made (RFC 8446, 6.1).
func (l *Loop) endTLS(s Slot, r *record) {
	if r.flags&secure == 0 || r.box != 0 {
		return
	}
	l.sealed = l.group.tls.sessions.At(s).AppendClose(l.keysOf(s), l.sealed[:0])
	_, _ = send(s, l.sealed) // who does not take it finds the end of the stream
	r.flags &^= secure       // nothing more can be said
}

// forget ends what TLS keeps of s.
func (l *Loop) forget(s Slot, r *record) {
	if r.flags&viaTLS == 0 {
		return
	}
	if r.flags&shaking != 0 {
		l.unshake(s, r, TLSGone)
	}
	t := l.group.tls.sessions.At(s)
	l.dropFragment(t)
	*t = secured{}
	l.forgetKeys(s)
}
