package edge

import (
	"errors"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

// frames handles all whole messages in b and keeps what is left of it. Runs on
// s's loop; b is valid until it returns, and is changed.
func (l *loop) frames(s poller.Slot, ses *session, b []byte) {
	if ses.flags&busy != 0 || ses.side != 0 && l.sides.At(ses.side).rest != nil {
		sd := l.hold(ses)
		sd.rest = append(sd.rest, b...)
		l.wait(s, sd)
		return
	}
	l.handle(s, ses, b)
}

// handle handles the messages of b, which is what was read or the rest of a side.
func (l *loop) handle(s poller.Slot, ses *session, b []byte) {
	r := l.reader
	if ses.side != 0 && l.sides.At(ses.side).reader != nil {
		r = l.sides.At(ses.side).reader
	}
	if ses.kind == kindEcho || ses.kind == kindNative {
		l.Throttle(s)
	}
	r.Deflate = ses.flags&deflates != 0
	l.reading = s
	whole := false
	for len(b) > 0 && !l.mustWait(s, ses) {
		m, rest, err := r.Next(b)
		if err != nil {
			l.broken(s, err)
			break
		}
		if m.Op == 0 {
			b = nil
			break
		}
		b, whole = rest, true
		if l.srv.allowances != nil && !l.allows(s, &m) {
			l.end(s, ReasonRateLimited)
			break
		}
		l.message(s, ses, &m)
		if !l.Live(s) {
			break
		}
	}
	l.reading = nobody
	switch {
	case !l.Live(s):
		l.letGo(ses)
		if r == l.reader {
			r.Reset() // it must be clean for the next
		}
	case len(b) > 0:
		l.postpone(s, ses, r, b)
	case ses.side != 0 || !r.Idle():
		l.keep(s, ses, r, whole)
	}
}

// mustWait says whether a connection's next command waits: for the one before, until
// what was said to the client is on its way, or for the next turn, where much was said
// in this one.
func (l *loop) mustWait(s poller.Slot, ses *session) bool {
	return ses.flags&busy != 0 || ses.kind == kindNative && (l.Waiting(s) > 0 || l.spoken > turnReplies) ||
		ses.flags&deflates != 0 && l.inflated > turnInflates
}

// turnReplies is how many bytes of replies a turn makes, and one reply more, before it
// looks for events again: a client that recovers megabytes again and again holds up
// nobody but itself.
const turnReplies = 256 << 10

// turnInflates is the same for compressed messages: how many bytes become of them, and
// inflateCost for each that they came as. Some hundred bytes may become a megabyte, and the
// tables of an empty one take as long to read as sixteen times as much of another.
const (
	turnInflates = 1 << 20
	inflateCost  = 16
)

// later has a connection with a rest go on in the next turn, if nothing else will have
// it go on.
func (l *loop) later(s poller.Slot, ses *session) {
	switch {
	case ses.flags&busy != 0 || ses.kind == kindNative && l.Waiting(s) > 0:
	case l.spoken > turnReplies || l.inflated > turnInflates:
		l.delayed = append(l.delayed, l.ID(s))
	}
}

// resume lets those go on whose turn it is.
func (l *loop) resume() {
	l.spoken, l.inflated = 0, 0
	list := l.delayed
	l.delayed = nil
	for _, id := range list {
		if s, ok := l.Lookup(id); ok {
			l.Corked(s, func() { l.goOn(s, l.session(s)) })
		}
	}
}

// postpone keeps what is left of b, and of a message that has begun before it.
func (l *loop) postpone(s poller.Slot, ses *session, r *protocol.Reader, b []byte) {
	sd := l.hold(ses)
	switch {
	case r.Idle():
		l.putReader(sd)
	case sd.reader == nil:
		sd.reader, l.reader = r, l.newReader()
	}
	if sd.rest == nil {
		sd.rest = append(make([]byte, 0, len(b)), b...)
	} else {
		sd.off = len(sd.rest) - len(b) // b is its end
	}
	l.wait(s, sd)
	l.later(s, ses)
}

// wait reads no more of a connection with a rest.
func (l *loop) wait(s poller.Slot, sd *side) {
	n := len(sd.rest) - sd.off
	if sd.reader != nil {
		n += sd.reader.Buffered()
	}
	if !l.account(sd, n) {
		l.end(s, ReasonOverload)
		return
	}
	l.Pause(s)
}

// goOn handles what waited for a command to be done. It runs in the connection's
// Data, or corked.
func (l *loop) goOn(s poller.Slot, ses *session) {
	if ses.side == 0 {
		return
	}
	sd := l.sides.At(ses.side)
	if sd.rest == nil {
		return
	}
	if l.mustWait(s, ses) {
		l.later(s, ses)
		return
	}
	l.Resume(s)
	l.handle(s, ses, sd.rest[sd.off:])
}

// keep looks after a message that has begun to arrive, or has just arrived whole.
func (l *loop) keep(s poller.Slot, ses *session, r *protocol.Reader, whole bool) {
	if r.Idle() {
		l.letGo(ses)
		return
	}
	sd := l.hold(ses)
	sd.rest, sd.off = nil, 0
	if sd.reader == nil {
		sd.reader, l.reader = r, l.newReader()
	}
	if whole {
		sd.since = l.Second()
	}
	if !l.account(sd, r.Buffered()) {
		l.end(s, ReasonOverload)
	}
}

// broken ends a connection that broke the protocol.
func (l *loop) broken(s poller.Slot, err error) {
	why := ReasonProtocol
	var ce *protocol.CloseError
	if errors.As(err, &ce) {
		switch ce.Code {
		case 1007:
			why = ReasonUTF8
		case 1009:
			why = ReasonTooLarge
		}
		l.bye(s, why, ce.Code, ce.Text)
		return
	}
	l.end(s, why)
}

// message acts on one message or control frame.
func (l *loop) message(s poller.Slot, ses *session, m *protocol.Message) {
	switch m.Op {
	case protocol.OpPing:
		m.Op = protocol.OpPong
		l.Write(s, m.Frame())
	case protocol.OpPong:
	case protocol.OpClose:
		l.goodbye(s, ses, m)
	default:
		l.received.Add(1)
		if m.Compressed && !l.inflate(s, m) {
			return
		}
		switch ses.kind {
		case kindEcho:
			l.echo(s, ses, m)
		case kindRoom:
			l.publishFrom(s, ses, m)
		case kindNative:
			l.nativeMessage(s, ses, m)
		case kindCustom:
			l.srv.handler.Message(Conn{l, s}, Message{Data: m.Payload, Binary: m.Op == protocol.OpBinary})
			l.watchDrain(s, ses)
		}
	}
}

// inflate makes a compressed message what it was. It says false where the connection
// ends for it.
func (l *loop) inflate(s poller.Slot, m *protocol.Message) bool {
	came := len(m.Payload)
	err := l.inflater.Inflate(m)
	if l.inflated += len(m.Payload) + inflateCost*came; err != nil {
		l.broken(s, err)
		return false
	}
	if l.srv.allowances != nil && !l.allowsBytes(s, max(len(m.Payload)-came, 0)) {
		l.end(s, ReasonRateLimited)
		return false
	}
	return true
}

// echo sends a message back.
func (l *loop) echo(s poller.Slot, ses *session, m *protocol.Message) {
	if ses.flags&deflates != 0 {
		l.Write(s, l.deflate(m.Frame()))
		return
	}
	l.Write(s, m.Frame())
}

// goodbye answers a client's close frame with its own code and ends the
// connection: closing TCP first is the server's part (RFC 6455, 7.1.1).
func (l *loop) goodbye(s poller.Slot, ses *session, m *protocol.Message) {
	code, _, err := protocol.ParseClose(m.Payload)
	if err != nil {
		var ce *protocol.CloseError
		if errors.As(err, &ce) {
			l.bye(s, ReasonProtocol, ce.Code, ce.Text)
		} else {
			l.end(s, ReasonProtocol)
		}
		return
	}
	answered := code
	if code == protocol.NoCode {
		answered = 0
	}
	l.record(s, ses, ReasonClient, answered)
	l.scratch = protocol.AppendClose(l.scratch[:0], code, "") // NoCode: it gave none and gets none
	l.Write(s, l.scratch)
	l.unseat(s, ses)
	l.Flush(s)
	if l.Waiting(s) > 0 { // what it was sent before must not end within a frame
		l.Finish(s, ReasonClient.cause())
		return
	}
	l.Close(s, ReasonClient.cause())
}
