package edge

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

const (
	// maxBad is how many messages in a row may be no commands.
	maxBad = 10
	// warnBefore is how many seconds before its end a client hears of it.
	warnBefore = 30
	// keptReply is how large a buffer for replies is kept.
	keptReply = 64 << 10
)

// A step is what is done for a command elsewhere, off the loop or later on it: the
// connection's next command waits meanwhile.
type step interface {
	// done ends the step, or begins the next one. Runs on s's loop, corked.
	done(l *loop, s poller.Slot, ses *session)
	// gone is called instead where the connection has ended. Runs on its loop.
	gone(l *loop)
}

// goThrough ends a step.
func (l *loop) goThrough(s poller.Slot, ses *session, st step) {
	l.Corked(s, func() {
		if ses.kind == kindNative {
			l.Throttle(s)
		}
		l.finish(ses)
		st.done(l, s, ses)
		if l.Live(s) {
			l.goOn(s, ses)
		}
	})
}

// begin makes a connection wait for a step.
func (l *loop) begin(ses *session) {
	ses.flags |= busy
	l.srv.parked.Add(1)
}

// off has f run in a pool, and st go on after it. It says false where too much waits.
func (l *loop) off(ses *session, p *pool, id ConnID, st step, f func(ctx context.Context)) bool {
	l.begin(ses)
	ok := p.try(func(ctx context.Context) {
		defer l.srv.postSurely(id, st) // also when f panics
		f(ctx)
	})
	if !ok {
		l.finish(ses)
	}
	return ok
}

// finish undoes begin.
func (l *loop) finish(ses *session) {
	ses.flags &^= busy
	l.srv.parked.Add(-1)
}

func overasked(room string) *refusal {
	return &refusal{code: native.Unavailable, message: "too much waits to be decided", room: room}
}

// greet says who the client is, before all else.
func (l *loop) greet(s poller.Slot, ses *session) {
	w := native.Welcome{
		Conn: l.srv.ConnName(l.ID(s)), User: l.claims(ses).user(), Expires: ses.expires,
		Heartbeat: l.srv.cfg.Heartbeat.Milliseconds(),
	}
	l.reply = w.Append(l.reply[:0])
	l.say(s, l.reply)
}

// say sends a message to a native client.
func (l *loop) say(s poller.Slot, text []byte) {
	l.spoken += len(text)
	l.scratch = protocol.AppendFrame(l.scratch[:0], protocol.OpText, text)
	if l.session(s).flags&deflates != 0 {
		l.Write(s, l.deflate(l.scratch))
	} else {
		l.Write(s, l.scratch)
	}
	if cap(l.scratch) > keptReply {
		l.scratch = nil
	}
}

// answer sends what was begun with l.said, if the command asked for it.
func (l *loop) answer(s poller.Slot, c *native.Command, b []byte) {
	l.reply = b
	if c.Asked {
		l.reply = append(l.reply, '}')
		l.say(s, l.reply)
	}
	if cap(l.reply) > keptReply {
		l.reply = nil
	}
}

// said begins a reply.
func (l *loop) said(kind string, c *native.Command) []byte {
	return native.Begin(l.reply[:0], kind, c)
}

// A refusal is why a command is not done.
type refusal struct {
	code    native.Code
	message string
	room    string
	extra   func(b []byte) []byte // further members; nil: none
}

// refuseCommand tells a client why its command is not done.
func (l *loop) refuseCommand(s poller.Slot, c *native.Command, r *refusal) {
	b := l.said("error", c)
	b = native.AppendText(b, "code", r.code)
	b = native.AppendText(b, "message", r.message)
	if r.room != "" {
		b = native.AppendRoom(b, r.room)
	}
	if r.extra != nil {
		b = r.extra(b)
	}
	l.reply = append(b, '}')
	l.say(s, l.reply)
}

// nativeMessage acts on one message of a native client.
func (l *loop) nativeMessage(s poller.Slot, ses *session, m *protocol.Message) {
	c := &l.command
	err := error(native.ErrMalformed)
	if m.Op == protocol.OpText {
		err = l.parser.Parse(m.Payload, c)
	} else {
		*c = native.Command{}
	}
	var f *native.Failure
	switch {
	case err == nil:
		ses.bad = 0
		l.do(s, ses, c)
	case errors.As(err, &f):
		ses.bad = 0
		l.refuseCommand(s, c, &refusal{code: f.Code, message: f.Message})
	default:
		if ses.bad++; ses.bad == maxBad {
			l.end(s, ReasonMalformed)
			return
		}
		l.refuseCommand(s, c, &refusal{code: native.BadRequest, message: err.Error()})
	}
}

// do does a command.
func (l *loop) do(s poller.Slot, ses *session, c *native.Command) {
	switch c.Type {
	case native.Join:
		l.doJoin(s, ses, c)
	case native.Leave:
		l.doLeave(s, ses, c)
	case native.Publish:
		l.doPublish(s, ses, c)
	case native.Presence:
		l.doPresence(s, ses, c)
	case native.Patch:
		l.doPatch(s, ses, c)
	case native.Refresh:
		l.doRefresh(s, ses, c)
	case native.Ping:
		if c.Asked {
			l.answer(s, c, l.said("pong", c))
		} else {
			l.say(s, native.Pong)
		}
	}
}

// names gives the rooms that a command names.
func names(c *native.Command) []string {
	if c.Rooms == nil {
		return []string{string(c.Room)}
	}
	list := make([]string, len(c.Rooms))
	for i, r := range c.Rooms {
		list[i] = string(r)
	}
	return list
}

// mayJoin says whether a connection may join a room.
func (l *loop) mayJoin(ses *session, room string) bool {
	return ses.flags&unrestricted != 0 || l.claims(ses).mayJoin(room)
}

// mayPublish says whether it may publish to a room.
func (l *loop) mayPublish(ses *session, room string, p *policy) bool {
	return !p.Services && (ses.flags&unrestricted != 0 || l.claims(ses).mayPublish(room))
}

func badRoom(room string) *refusal {
	return &refusal{code: native.BadRequest, message: ErrRoom.Error(), room: strings.ToValidUTF8(room, "")}
}

func (l *loop) doLeave(s poller.Slot, ses *session, c *native.Command) {
	for _, room := range names(c) {
		if !rooms.ValidName(room) {
			l.refuseCommand(s, c, badRoom(room))
			continue
		}
		l.leave(s, ses, room)
		l.answer(s, c, native.AppendRoom(l.said("left", c), room))
	}
	l.measure()
}

// setExpiry notes when the claims of a connection end, and when to say so.
func (l *loop) setExpiry(ses *session, expires int64) {
	ses.expires = uint32(min(expires, math.MaxUint32))
	ses.warn = 0
	if expires == 0 || ses.kind != kindNative {
		return
	}
	now := l.wall()
	warn := expires - warnBefore
	if warn <= now {
		warn = now + (expires-now)/2
	}
	ses.warn = uint32(min(warn, math.MaxUint32))
}

// expiring tells a client that its token ends soon.
func (l *loop) expiring(s poller.Slot, ses *session) {
	b := native.AppendUint(l.said("expiring", nil), "expires", uint64(ses.expires))
	l.reply = append(b, '}')
	l.say(s, l.reply)
}

// now is the time for the broker.
func (s *Server) now() int64 { return time.Now().UnixNano() }

// refusalOf is what an error of publishing comes to.
func refusalOf(err error, room string) *refusal {
	r := &refusal{code: native.Unavailable, message: err.Error(), room: room}
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		r.code = native.Invalid
		r.extra = func(b []byte) []byte { return appendDetails(b, invalid.Details) }
	case errors.Is(err, ErrTooLarge), errors.Is(err, broker.ErrTooLarge):
		r.code = native.TooLarge
	case errors.Is(err, ErrRoom), errors.Is(err, ErrKey), errors.Is(err, ErrText):
		r.code = native.BadRequest
	}
	return r
}

func appendDetails(b []byte, details []Detail) []byte {
	list := make([][]byte, len(details))
	for i, d := range details {
		item := native.AppendText(native.AppendText([]byte{}, "path", d.Path), "message", d.Message)
		item[0] = '{' // for the comma
		list[i] = append(item, '}')
	}
	return native.AppendList(b, "details", list)
}
