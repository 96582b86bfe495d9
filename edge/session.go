package edge

import (
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
)

// Bits of session.flags.
const (
	mayPublish   uint8 = 1 << iota // what it sends is published to its first room
	wantsOwn                       // and comes back to itself
	upgraded                       // counts as a connection
	handlerKnows                   // the embedding program's Open has run
)

// A session is what edge keeps for a connection, beside the poller's record: 28
// bytes, no pointer. It belongs to the connection's loop.
type session struct {
	user    ref    // the token's sub
	info    ref    // the token's info
	expires uint32 // when the token ends, in Unix seconds; 0: never
	seats   uint32 // its chain of seats in the loop's Shard
	pinged  uint32 // the second of a ping that is not answered; 0: none
	side    uint32 // what it has begun to send, as index + 1 of the loop's sides; 0: nothing
	kind    kind
	flags   uint8
}

// A side is what a connection has begun to send and not finished. A connection
// has one only as long as that is so.
type side struct {
	head    []byte           // of a request: what came so far
	scanned int              // how much of head was searched for its end
	reader  *protocol.Reader // of a message; nil where there is none
	since   uint32           // the second in which it began
	held    int              // bytes that it counts for in Server.readBytes
}

// hold makes sure that s has a side.
func (l *loop) hold(ses *session) *side {
	if ses.side == 0 {
		if n := len(l.freeSides); n > 0 {
			ses.side = l.freeSides[n-1]
			l.freeSides = l.freeSides[:n-1]
		} else {
			l.sides = append(l.sides, new(side))
			ses.side = uint32(len(l.sides))
		}
		l.sides[ses.side-1].since = l.Second()
	}
	return l.sides[ses.side-1]
}

// letGo gives the side of s back.
func (l *loop) letGo(ses *session) {
	if ses.side == 0 {
		return
	}
	sd := l.sides[ses.side-1]
	l.account(sd, 0)
	if sd.reader != nil {
		sd.reader.Reset()
		if len(l.readers) < keptReaders {
			l.readers = append(l.readers, sd.reader)
		}
	}
	*sd = side{}
	l.freeSides = append(l.freeSides, ses.side)
	ses.side = 0
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
