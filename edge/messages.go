package edge

import (
	"bytes"
	"errors"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// frames handles all whole messages in b and keeps what is left of it. Runs on
// s's loop; b is valid until it returns, and is changed.
func (l *loop) frames(s poller.Slot, ses *session, b []byte) {
	r := l.reader
	if ses.side != 0 {
		r = l.sides[ses.side-1].reader
	}
	if ses.kind == kindEcho {
		l.Throttle(s)
	}
	l.reading = s
	whole := false
	for len(b) > 0 {
		m, rest, err := r.Next(b)
		if err != nil {
			l.broken(s, err)
			break
		}
		if m.Op == 0 {
			break
		}
		b, whole = rest, true
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
	case ses.side != 0 || !r.Idle():
		l.keep(s, ses, r, whole)
	}
}

// keep looks after a message that has begun to arrive, or has just arrived whole.
func (l *loop) keep(s poller.Slot, ses *session, r *protocol.Reader, whole bool) {
	if r.Idle() {
		l.letGo(ses)
		return
	}
	sd := l.hold(ses)
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
		switch ses.kind {
		case kindEcho:
			l.Write(s, m.Frame())
		case kindRoom:
			l.publishFrom(s, ses, m)
		case kindCustom:
			l.srv.handler.Message(Conn{l, s}, Message{Data: m.Payload, Binary: m.Op == protocol.OpBinary})
		}
	}
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
	l.scratch = protocol.AppendClose(l.scratch[:0], code, "") // NoCode: it gave none and gets none
	l.Write(s, l.scratch)
	l.unseat(ses)
	l.Close(s, ReasonClient.cause())
}

// publishFrom publishes what a member of a raw stream sent to its first room.
func (l *loop) publishFrom(s poller.Slot, ses *session, m *protocol.Message) {
	if ses.flags&mayPublish == 0 {
		l.dropped[dropForbidden].Add(1)
		l.end(s, ReasonForbidden)
		return
	}
	exclude := l.ID(s)
	if ses.flags&wantsOwn != 0 {
		exclude = 0
	}
	room := ""
	l.shard.Each(ses.seats, func(r *rooms.Room[backlog], _ *rooms.Member) bool {
		room = r.Name
		return false
	})
	if _, err := l.srv.publish(room, bytes.Clone(m.Frame()), exclude); err != nil {
		l.dropped[dropOverload].Add(1)
		l.end(s, ReasonOverload)
	}
}
