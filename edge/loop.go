package edge

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/native"
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
	shards   [numForms]*rooms.Shard[backlog]
	lags     map[lagKey]lag
	latest   map[string]*latest // of rooms that conflate, by name
	awaited  map[string]int     // joins under way, by room: their members are in the Directory already
	strings  *arena
	sides    poller.Sides[side]
	readers  []*protocol.Reader // unused
	reader   *protocol.Reader   // of whoever sends whole messages
	reading  poller.Slot        // whose frames are being handled; nobody's where nobody
	asking   request            // the handshake that is being answered
	queue    []*feed            // rooms with something to deliver, the next first
	feeds    []*feed            // unused
	leaving  shuffle            // who is said goodbye to
	scratch  []byte             // for frames
	reply    []byte             // for what is said to native clients
	packed   []byte             // for claims
	spoken   int                // bytes of replies in this turn
	inflated int                // what compressed messages of this turn have taken
	delayed  []ConnID           // whose rest waits for the next turn
	parser   native.Parser
	inflater protocol.Inflater
	deflater *protocol.Deflater // made with the first message that it is for
	command  native.Command

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
		inflater: protocol.Inflater{Limit: s.cfg.MaxMessage},
		reader:   &protocol.Reader{Limit: s.cfg.MaxMessage}, reading: nobody,
	}
	l.upgrade = protocol.NewHandshaker(l)
	for i := range l.shards {
		l.shards[i] = rooms.NewShard[backlog](l.moved)
	}
	l.awaited = make(map[string]int)
	l.lags = make(map[lagKey]lag)
	l.latest = make(map[string]*latest)
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
	ses := l.session(s)
	*ses = session{}
	if l.srv.allowances != nil {
		*l.srv.allowances.At(s) = allowance{}
	}
	if !l.accepted(s, ses) {
		return
	}
	if !l.srv.cfg.ProxyProtocol { // its header comes before, in the clear
		l.StartTLS(s, nil)
	}
	patience := uint32(l.srv.cfg.HandshakeTimeout / time.Second)
	if ses.flags&over != 0 {
		patience = min(patience, overSeconds)
	}
	l.SetTimer(s, l.Second()+patience)
}

// Data takes what a connection sent. Runs on its loop; b is valid until it returns.
func (l *loop) Data(s poller.Slot, b []byte) {
	ses := l.session(s)
	if ses.kind <= kindParked {
		if b = l.request(s, ses, b); len(b) == 0 {
			return
		}
	}
	if len(b) == 0 {
		l.catchUpLag(s, ses)
		l.goOn(s, ses)
		l.tellDrained(s, ses)
		return
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
	case ses.side != 0 && l.late(l.sides.At(ses.side), now):
		l.end(s, ReasonSlowMessage)
		return
	case l.lateRecord(s, now):
		l.end(s, ReasonSlowMessage)
		return
	case ses.pinged != 0 && heard >= ses.pinged:
		ses.pinged = 0
	case ses.pinged != 0 && now >= ses.pinged+l.patience:
		l.end(s, ReasonNoPong)
		return
	}
	if ses.warn != 0 && l.wall() >= int64(ses.warn) {
		ses.warn = 0
		l.expiring(s, ses)
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
	return len(sd.rest) == 0 && now > sd.since+messageTimeout+uint32(sd.held>>14)
}

// lateRecord says the same of a record of TLS.
func (l *loop) lateRecord(s poller.Slot, now uint32) bool {
	since, _, ok := l.Unfinished(s)
	return ok && now > since+messageTimeout
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
	l.unseat(s, ses)
	l.letGo(ses)
	if ses.flags&upgraded != 0 {
		l.srv.connections.Add(-1)
		l.closed[why].Add(1)
		l.record(s, ses, why, 0)
		l.ended(s, ses, why)
	} else if ses.kind <= kindParked && why != ReasonHandshake {
		l.closed[ReasonHandshake].Add(1)
	} else {
		l.closed[why].Add(1)
	}
	l.uncount(s, ses)
	l.unplace(s, ses)
	*ses = session{}
	l.measure()
}

// Post handles what other goroutines ask of the loop.
func (l *loop) Post(p poller.Post) {
	switch arg := p.Arg.(type) {
	case *publication:
		l.publication(arg)
		return
	case goodbyes:
		l.sayGoodbye(arg)
		return
	case func():
		arg()
		return
	case *userPost:
		l.toUser(arg)
		return
	}
	s, ok := l.Lookup(p.ID)
	switch arg := p.Arg.(type) {
	case *parcel:
		l.srv.publishBytes.Add(-arg.cost)
		l.deliver(s, ok, arg)
	case *goodbye:
		if ok {
			l.bye(s, arg.why, arg.code, arg.text)
		}
	case *verdict:
		if ok {
			l.decided(s, arg)
		}
	case step:
		if ok {
			l.goThrough(s, l.session(s), arg)
		} else {
			l.srv.parked.Add(-1)
			arg.gone(l)
		}
	}
}

// deliver writes a parcel to a connection, where it is there.
func (l *loop) deliver(s poller.Slot, ok bool, p *parcel) {
	if !ok || l.session(s).kind <= kindParked || !l.WriteShared(s, p.frame(l, l.session(s))) {
		l.dropped[dropClosed].Add(1)
		return
	}
	l.delivered.Add(1)
	l.watchDrain(s, l.session(s))
}

// watchDrain sees to it, after the program has sent to a connection, that it hears when
// nothing waits any more, if something does.
func (l *loop) watchDrain(s poller.Slot, ses *session) {
	if l.srv.drainer == nil || ses.flags&handlerKnows == 0 {
		return
	}
	l.Flush(s)
	if l.Waiting(s) > 0 {
		ses.flags |= drains
		l.Notify(s)
	}
}

// tellDrained tells the program, where it is to hear, that nothing waits.
func (l *loop) tellDrained(s poller.Slot, ses *session) {
	if ses.flags&drains != 0 && l.Live(s) && l.Waiting(s) == 0 {
		ses.flags &^= drains
		l.srv.drainer.Drained(Conn{l, s})
		l.watchDrain(s, ses)
	}
}

// Fault ends a connection whose handling panicked.
func (l *loop) Fault(s poller.Slot, v any, stack []byte) {
	if l.reading == s {
		l.reading = nobody
		if ses := l.session(s); ses.side == 0 || l.sides.At(ses.side).reader == nil {
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
	l.record(s, ses, why, code)
	l.scratch = protocol.AppendClose(l.scratch[:0], code, text)
	l.Write(s, l.scratch)
	l.unseat(s, ses)
	if l.reading != s {
		l.letGo(ses)
	}
	l.Finish(s, why.cause())
}

// measure tells Stats how large the loop's tables are.
func (l *loop) measure() {
	n := l.strings.used
	for _, shard := range l.shards {
		n += shard.Bytes()
	}
	l.tableBytes.Store(n)
}
