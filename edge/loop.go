package edge

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A loop is what edge does on one of the poller's loops: it is the Handler and
// the Worker there.
type loop struct {
	*poller.Loop

	// Static after construction.
	srv       *Server
	heartbeat uint32 // seconds
	patience  uint32 // seconds from a ping to the end
	upgrade   *protocol.Handshaker

	// Owned by the loop.
	shard     *rooms.Shard[backlog]
	strings   *arena
	sides     []*side
	freeSides []uint32
	readers   []*protocol.Reader // unused
	reader    *protocol.Reader   // of whoever sends whole messages
	reading   poller.Slot        // whose frames are being handled; nobody's where nobody
	asking    request            // the handshake that is being answered
	queue     []*feed            // rooms with something to deliver, the next first
	feeds     []*feed            // unused
	drainAt   poller.Slot        // the next to say goodbye to
	scratch   []byte             // for close frames

	// Atomic: read by Stats.
	tableBytes atomic.Int64
	received   atomic.Uint64
	delivered  atomic.Uint64
	closed     counters // by Reason
	shaken     counters // by result
	dropped    counters // by drop
	latency    poller.Histogram
}

func newLoop(s *Server, pl *poller.Loop) (*loop, error) {
	l := &loop{
		Loop: pl, srv: s,
		heartbeat: uint32(s.cfg.Heartbeat / time.Second), patience: uint32(s.cfg.HeartbeatTimeout / time.Second),
		reader: &protocol.Reader{Limit: s.cfg.MaxMessage}, reading: nobody,
	}
	l.upgrade = protocol.NewHandshaker(l)
	l.shard = rooms.NewShard[backlog](l.moved)
	var err error
	l.strings, err = newArena(poller.FileLimit())
	return l, err
}

// nobody is no connection's slot.
const nobody = ^poller.Slot(0)

func (l *loop) session(s poller.Slot) *session { return l.srv.sessions.At(s) }

// wall is the time of day, in Unix seconds. Tokens end by it.
func (l *loop) wall() int64 { return time.Now().Unix() }

func lowest(set uint64) int { return bits.TrailingZeros64(set) }

// Open begins a connection: its request must come in time.
func (l *loop) Open(s poller.Slot) {
	*l.session(s) = session{}
	l.SetTimer(s, l.Second()+uint32(l.srv.cfg.HandshakeTimeout/time.Second))
}

// Data takes what a connection sent. Runs on its loop; b is valid until it returns.
func (l *loop) Data(s poller.Slot, b []byte) {
	ses := l.session(s)
	if ses.kind <= kindParked {
		if b = l.request(s, ses, b); len(b) == 0 {
			return
		}
	}
	l.frames(s, ses, b)
}

// Timer does what is due: it ends a handshake that is too slow, a token that is
// over, a message that does not come whole, and a peer that does not answer;
// and it sends pings.
func (l *loop) Timer(s poller.Slot) {
	ses := l.session(s)
	now, heard := l.Second(), l.Heard(s)
	switch {
	case ses.kind <= kindParked:
		l.tooSlow(s, ses)
		return
	case ses.expires != 0 && l.wall() >= int64(ses.expires):
		l.end(s, ReasonTokenExpired)
		return
	case ses.side != 0 && l.late(l.sides[ses.side-1], now):
		l.end(s, ReasonSlowMessage)
		return
	case ses.pinged != 0 && heard >= ses.pinged:
		ses.pinged = 0
	case ses.pinged != 0 && now >= ses.pinged+l.patience:
		l.end(s, ReasonNoPong)
		return
	}
	if ses.pinged == 0 && now >= heard+l.heartbeat-l.spread(s) {
		ses.pinged = now
		if !l.WriteShared(s, protocol.PingFrame) {
			return
		}
	}
	l.arm(s, ses)
}

// late says whether what sd began has taken too long: a minute, and a second
// for each 16 KiB that came.
func (l *loop) late(sd *side, now uint32) bool {
	return now > sd.since+messageTimeout+uint32(sd.held>>14)
}

// Closed ends a connection's part in everything.
func (l *loop) Closed(s poller.Slot, cause poller.Cause) {
	ses := l.session(s)
	why := reasonOf(cause)
	if ses.flags&handlerKnows != 0 {
		ses.flags &^= handlerKnows
		// What follows must happen even if the program's callback panics.
		defer l.forget(s, ses, why)
		l.srv.handler.Closed(Conn{l, s}, why)
		return
	}
	l.forget(s, ses, why)
}

func (l *loop) forget(s poller.Slot, ses *session, why Reason) {
	l.unseat(ses)
	l.letGo(ses)
	l.strings.drop(ses.user)
	l.strings.drop(ses.info)
	if ses.flags&upgraded != 0 {
		l.srv.connections.Add(-1)
		l.closed[why].Add(1)
	} else if ses.kind <= kindParked && why != ReasonHandshake {
		l.closed[ReasonHandshake].Add(1)
	} else {
		l.closed[why].Add(1)
	}
	*ses = session{}
	l.measure()
}

// Post handles what other goroutines ask of the loop.
func (l *loop) Post(p poller.Post) {
	if p.Op == opPublish {
		l.publication(p.Arg.(*publication))
		return
	}
	if p.Op == opDrain {
		l.sayGoodbye(p.Arg.(int))
		return
	}
	s, ok := l.Lookup(p.ID)
	switch arg := p.Arg.(type) {
	case *parcel:
		l.srv.publishBytes.Add(-arg.cost)
		if !ok || l.session(s).kind <= kindParked || !l.WriteShared(s, arg.frame) {
			l.dropped[dropClosed].Add(1)
			return
		}
		l.delivered.Add(1)
	case *goodbye:
		if ok {
			l.bye(s, ReasonServer, arg.code, arg.text)
		}
	case *verdict:
		if ok {
			l.decided(s, arg)
		}
	}
}

// Fault ends a connection whose handling panicked.
func (l *loop) Fault(s poller.Slot, v any, stack []byte) {
	if l.reading == s {
		l.reading = nobody
		if l.session(s).side == 0 {
			l.reader.Reset()
		}
	}
	l.srv.cfg.Logger.Error("panic while handling a connection; it is closed",
		"conn", l.srv.ConnName(l.ID(s)), "panic", v, "stack", string(stack))
	l.end(s, ReasonError)
}

// Full ends a connection for which more waits than may. It gets the rest of the
// message under way and its close frame.
func (l *loop) Full(s poller.Slot, cause poller.Cause) {
	lost := 0 // visit has counted those for which there was no room
	l.EachWaiting(s, func(b []byte, off int) { lost += protocol.Messages(b[protocol.Boundary(b, off):]) })
	l.dropped[dropSlowConsumer].Add(uint64(lost))
	l.Truncate(s, protocol.Boundary)
	l.end(s, reasonOf(cause))
}

// end closes a connection for a reason, with the reason's code and text.
func (l *loop) end(s poller.Slot, why Reason) { l.bye(s, why, reasons[why].code, reasons[why].text) }

// bye sends a close frame and ends the connection when it has gone out.
func (l *loop) bye(s poller.Slot, why Reason, code uint16, text string) {
	ses := l.session(s)
	if ses.kind <= kindParked {
		l.refuse(s, rejectInternal, resultRefused)
		return
	}
	if why != ReasonSlowConsumer && why != ReasonOutboxMemory {
		l.catchUp(ses)
	}
	l.scratch = protocol.AppendClose(l.scratch[:0], code, text)
	l.Write(s, l.scratch)
	l.unseat(ses)
	if l.reading != s {
		l.letGo(ses)
	}
	l.Finish(s, why.cause())
}

// join seats a connection in a room.
func (l *loop) join(s poller.Slot, ses *session, room string) {
	at := uint32(0)
	if r := l.shard.Find(room); r != nil {
		at = r.Data.end
	}
	head, r, first, ok := l.shard.Join(ses.seats, room, s, at)
	if !ok {
		return
	}
	ses.seats = head
	if f := r.Data.feed; f != nil {
		f.todo++ // the sweep passes this seat, too, on its way to those who lack something
	}
	if first {
		l.srv.directory.Add(room, l.Index())
		// What is published from here on reaches this loop. What was posted to it
		// before, for members who have left, must not reach the new ones: what came
		// between was not posted, and they would see a gap.
		r.Data.since = l.srv.sequence.Load()
	}
}

// leave ends a membership.
func (l *loop) leave(ses *session, room string) {
	head, r, emptied, ok := l.shard.Leave(ses.seats, room)
	if !ok {
		return
	}
	ses.seats = head
	l.left(r, emptied)
}

// unseat ends all memberships.
func (l *loop) unseat(ses *session) {
	if ses.seats != 0 {
		l.shard.LeaveAll(ses.seats, l.left)
		ses.seats = 0
	}
}

func (l *loop) left(r *rooms.Room[backlog], emptied bool) {
	if emptied {
		l.srv.directory.Remove(r.Name, l.Index())
		l.abandon(r)
	}
}

// measure tells Stats how large the loop's tables are.
func (l *loop) measure() { l.tableBytes.Store(l.shard.Bytes() + l.strings.used) }
