package poller

import (
	"bytes"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/tlsrecord"
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
