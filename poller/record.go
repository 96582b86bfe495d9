package poller

import "sync/atomic"

// state is where a connection stands.
type state uint8

const (
	free      state = iota // no connection
	open                   // reads go to the handler
	choked                 // more waits for it than may; nothing is read or written until the turn ends
	finishing              // the last bytes are on their way; reads are thrown away
	closing                // ends with the turn
	listener               // a listening socket of this loop
	doorbell               // the loop's eventfd
)

// Bits of record.flags.
const (
	wantWrite uint8 = 1 << iota // EPOLLOUT is asked for
	noRead                      // EPOLLIN is not, until the outbox is empty
	held                        // EPOLLIN is not, until Resume
	notify                      // its user wants to know when the outbox is empty
	viaTLS                      // it came by a listener that speaks TLS, or is one
	shaking                     // its TLS handshake is not done
	waits                       // EPOLLIN is not asked for, until that has a place
	secure                      // its TLS handshake is done
)

// unread are the reasons for which nothing is read.
const unread = noRead | held | waits

// A record is what a connection costs while it is idle: 32 bytes, no pointer.
// It is owned by the loop that its descriptor belongs to, but for gen.
type record struct {
	// Atomic: odd while a connection is open. Written by the owner alone.
	gen uint32

	// Owned by the wheel.
	next uint32 // the next record of the bucket, as slot + 1; 0 ends
	prev uint32 // the one before, or bucketBit with the bucket's number; 0 where in no bucket
	due  uint32 // the second in which the timer fires

	// Owned by the loop.
	heard  uint32 // the second of the last read
	opened uint32 // the second of the accept
	box    uint32 // outbox, as its index + 1; 0 where nothing waits
	state  state
	flags  uint8
	cause  Cause
	loop   uint8
}

func (r *record) generation() uint32 { return atomic.LoadUint32(&r.gen) }

// live says whether the record is a connection's that has not ended.
func (r *record) live() bool { return r.state == open || r.state == choked || r.state == finishing }

// mute says whether nothing may be written: it is to go by TLS, and cannot yet or any more.
func (r *record) mute() bool { return r.flags&(viaTLS|secure) == viaTLS }

// turnOver makes every ConnID of the record so far a stale one.
func (r *record) turnOver() { atomic.StoreUint32(&r.gen, r.gen+1) }

// A Cause says why a connection ended. Those below CauseUser are the poller's
// own; the others belong to whoever calls Close.
type Cause uint8

const (
	CauseNone      Cause = iota
	CauseEOF             // the peer closed its side
	CauseReset           // the connection broke: reset, timed out, unreachable
	CauseOutbox          // more waits for the reader than may
	CauseBudget          // more waits for all readers than may, and for this one the most
	CausePanic           // a callback for it panicked
	CauseStop            // the group was stopped
	CauseTLS             // there was no TLS handshake, or the peer broke the protocol
	CauseFragments       // more is kept of TLS records that are not whole than may
	CauseUser      Cause = 16
)
