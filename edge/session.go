package edge

import (
	"net/netip"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

// kind is what a connection is for.
type kind uint8

const (
	kindHandshake kind = iota // its request has not arrived whole
	kindParked                // its token is being verified, off the loop
	kindEcho                  // /echo
	kindRoom                  // a raw stream of rooms
	kindCustom                // the embedding program's
	kindNative                // the native protocol
)

var kindWords = [...]string{kindHandshake: "handshake", kindParked: "handshake", kindEcho: "echo", kindRoom: "raw", kindCustom: "custom", kindNative: "native"}

// String is the kind's word in the API.
func (k kind) String() string { return kindWords[k] }

// Bits of session.flags.
const (
	mayPublish   uint16 = 1 << iota // what it sends is published to its first room
	wantsOwn                        // and comes back to itself
	upgraded                        // counts as a connection
	handlerKnows                    // the embedding program's Open has run
	unrestricted                    // it may join every room and publish to it
	busy                            // what it sent last is being decided elsewhere; the rest waits
	recorded                        // its end stands among the closings
	counted                         // it stands among the users
	deflates                        // permessage-deflate was negotiated
	placed                          // its client\'s address stands before its claims, and counts
	introduced                      // its PROXY header was read
	drains                          // the program is told when nothing waits for it any more
	over                            // one more of its address than may be: it is told so when it asks
)

// A session is what edge keeps for a connection, beside the poller's record: 28
// bytes, no pointer. It belongs to the connection's loop.
type session struct {
	who     ref    // its claims
	expires uint32 // when its token ends, in Unix seconds; 0: never
	warn    uint32 // when it is told so; 0: it was, or need not be
	seats   uint32 // its chain of seats in the loop's Shard of its form
	pinged  uint32 // the second of a ping that is not answered; 0: none
	side    uint32 // what it has begun to send, as index + 1 of the loop's sides; 0: nothing
	flags   uint16
	kind    kind
	bad     uint8 // messages in a row that were no commands
}

// A side is what a connection has sent and what was not dealt with yet. A
// connection has one only as long as that is so.
type side struct {
	head    []byte           // of a request, or of a PROXY header: what came so far
	client  netip.AddrPort   // of a PROXY header that has come
	scanned int              // how much of head was searched for its end
	reader  *protocol.Reader // of a message; nil where there is none
	rest    []byte           // frames behind a command that is not done
	off     int              // how much of rest has been dealt with
	since   uint32           // the second in which it began
	held    int              // bytes that it counts for in Server.readBytes
}

// hold makes sure that s has a side.
func (l *loop) hold(ses *session) *side {
	if ses.side == 0 {
		var sd *side
		ses.side, sd = l.sides.Take()
		sd.since = l.Second()
	}
	return l.sides.At(ses.side)
}

// letGo gives the side of s back.
func (l *loop) letGo(ses *session) {
	if ses.side == 0 {
		return
	}
	sd := l.sides.At(ses.side)
	l.account(sd, 0)
	l.putReader(sd)
	l.sides.Give(ses.side, side{})
	ses.side = 0
}

// putReader gives the reader of sd back.
func (l *loop) putReader(sd *side) {
	if sd.reader == nil {
		return
	}
	sd.reader.Reset()
	if len(l.readers) < keptReaders {
		l.readers = append(l.readers, sd.reader)
	}
	sd.reader = nil
}

// keptReaders is how many unused readers a loop keeps.
const keptReaders = 64

func (l *loop) newReader() *protocol.Reader {
	if n := len(l.readers); n > 0 {
		r := l.readers[n-1]
		l.readers = l.readers[:n-1]
		return r
	}
	return &protocol.Reader{Limit: l.srv.cfg.MaxMessage}
}

// account makes sd count for n bytes. It says false where all that has begun to
// arrive would pass its bound.
func (l *loop) account(sd *side, n int) bool {
	more := n - sd.held
	sd.held = n
	return l.srv.readBytes.Add(int64(more)) <= l.srv.cfg.ReadMemory || more <= 0
}

// arm sets the timer of s to what comes first: a ping, the end of the wait for
// its answer, or the end of the token.
func (l *loop) arm(s poller.Slot, ses *session) {
	due := l.Heard(s) + l.heartbeat - l.spread(s)
	if ses.pinged != 0 {
		due = ses.pinged + l.patience
	}
	if ses.expires != 0 {
		due = min(due, l.until(ses.expires))
	}
	if ses.warn != 0 {
		due = min(due, l.until(ses.warn))
	}
	l.SetTimer(s, due)
}

// spread is by how much earlier s gets its ping, up to a quarter of the
// heartbeat: after a herd the pings would otherwise all go out in one second,
// for ever.
func (l *loop) spread(s poller.Slot) uint32 {
	return uint32(uint64(s*2654435761) * uint64(l.heartbeat/4+1) >> 32)
}

// until gives the loop's second of a Unix time.
func (l *loop) until(unix uint32) uint32 {
	return l.Second() + uint32(max(int64(unix)-l.wall(), 0))
}
