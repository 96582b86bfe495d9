package edge

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A speaking is a client's message on its way to be published: once its schema has
// accepted it and the Decider has allowed it, where the room has the one and the
// server the other.
type speaking struct {
	command native.Command // without its byte strings
	pub     *publication
	policy  *policy
	raw     bool // it came on a raw stream: there is no reply
	invalid error
	asked   bool
	answer  Decision
}

// doPublish publishes what a native client says.
func (l *loop) doPublish(s poller.Slot, ses *session, c *native.Command) {
	room := string(c.Room)
	if !rooms.ValidName(room) {
		l.refuseCommand(s, c, badRoom(room))
		return
	}
	p := l.srv.policy(room)
	if !l.mayPublish(ses, room, p) {
		l.dropped[dropForbidden].Add(1)
		l.refuseCommand(s, c, &refusal{code: native.Forbidden, message: "publishing to this room is not allowed", room: room})
		return
	}
	pub := &publication{srv: l.srv, room: room, key: string(c.Key), from: l.member(s, ses)}
	if !c.Echo {
		pub.exclude = l.ID(s)
	}
	op, data := protocol.OpText, c.Data
	switch {
	case c.Binary:
		var err error
		if data, err = base64.StdEncoding.AppendDecode(nil, c.Base64); err != nil {
			l.refuseCommand(s, c, &refusal{code: native.BadRequest, message: `"base64" is malformed: RFC 4648, section 4, with padding, would be right`, room: room})
			return
		}
		op, pub.form = protocol.OpBinary, native.FormBinary
	case c.Data[0] == '"':
		data, pub.form = native.Unquote(c.Data), native.FormString
	default:
		pub.form = native.FormJSON
	}
	pub.raw = protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(data))), op, data)
	l.speak(s, ses, &speaking{command: native.Command{ID: c.ID, Asked: c.Asked}, pub: pub, policy: p})
}

// publishFrom publishes what a member of a raw stream sent to its first room.
func (l *loop) publishFrom(s poller.Slot, ses *session, m *protocol.Message) {
	room := ""
	l.shardOf(ses).Each(ses.seats, func(r *rooms.Room[backlog], _ *rooms.Member) bool {
		room = r.Name
		return false
	})
	p := l.srv.policy(room)
	if ses.flags&mayPublish == 0 || p.Services {
		l.dropped[dropForbidden].Add(1)
		l.end(s, ReasonForbidden)
		return
	}
	pub := &publication{srv: l.srv, room: room, raw: bytes.Clone(m.Frame()), from: l.member(s, ses)}
	if m.Op == protocol.OpBinary {
		pub.form = native.FormBinary
	}
	if ses.flags&wantsOwn == 0 {
		pub.exclude = l.ID(s)
	}
	l.speak(s, ses, &speaking{pub: pub, policy: p, raw: true})
}

// speak publishes a client's message, or begins what comes before that.
func (l *loop) speak(s poller.Slot, ses *session, sp *speaking) {
	schema := sp.policy.Schema
	if sp.policy.Document {
		schema = nil // it is the document's
	}
	ask := l.srv.asks(WhatPublish)
	if schema == nil && !ask {
		sp.publish(l, s, ses)
		return
	}
	// Both may take long: the one its time, the other a backend's.
	where := l.srv.workers
	var q *Question
	if ask {
		where, q = l.srv.askers, l.question(WhatPublish, s, ses)
		q.Room, q.Data, q.Key = sp.pub.room, protocol.Payload(sp.pub.raw), sp.pub.key
		q.Binary, q.JSON = sp.pub.form == native.FormBinary, sp.pub.isJSON()
	}
	ok := l.off(ses, where, l.ID(s), sp, func(ctx context.Context) {
		if schema != nil {
			if sp.invalid = check(schema, sp.pub); sp.invalid != nil {
				return
			}
		}
		if ask {
			sp.asked, sp.answer = true, l.srv.decide(ctx, q)
		}
	})
	if !ok {
		sp.refuse(l, s, overasked(sp.pub.room), ReasonOverload)
	}
}

// invalid is an InvalidError about the whole.
func invalid(message string) error {
	return &InvalidError{Message: message, Details: []Detail{{Message: message}}}
}

// isJSON says whether the message is JSON, and not only a text.
func (p *publication) isJSON() bool {
	return p.form == native.FormJSON || p.form == native.FormAuto && native.IsJSON(protocol.Payload(p.raw))
}

// check holds a message against its room's schema.
func check(schema *Schema, p *publication) error {
	data := protocol.Payload(p.raw)
	switch p.form {
	case native.FormBinary:
		return invalid("a binary message is not JSON, which the room's schema asks for")
	case native.FormString:
		data = native.Quote(data)
	}
	if !jsontext.Value(data).IsValid() {
		return invalid("the message is not JSON in UTF-8 with each name once")
	}
	return schema.Validate(data)
}

func (sp *speaking) done(l *loop, s poller.Slot, ses *session) {
	switch {
	case sp.invalid != nil:
		sp.refuse(l, s, refusalOf(sp.invalid, sp.pub.room), ReasonInvalid)
	case sp.asked && !sp.answer.Allow:
		r := &refusal{code: sp.answer.code(), message: sp.answer.message("publishing to this room is not allowed"), room: sp.pub.room}
		sp.refuse(l, s, r, ReasonForbidden)
	default:
		sp.publish(l, s, ses)
	}
}

func (sp *speaking) gone(*loop) {}

// publish publishes it, and says so.
func (sp *speaking) publish(l *loop, s poller.Slot, ses *session) {
	at, err := l.srv.publish(sp.pub, "")
	if err != nil {
		l.dropped[dropOverload].Add(1)
		sp.refuse(l, s, refusalOf(err, sp.pub.room), ReasonOverload)
		return
	}
	if l.srv.tells(WhatPublish) {
		e := l.event(WhatPublish, s, ses)
		e.Room, e.Data, e.Position, e.Key = sp.pub.room, protocol.Payload(sp.pub.raw), at, sp.pub.key
		e.Binary, e.JSON = sp.pub.form == native.FormBinary, sp.pub.isJSON()
		l.srv.notify(e)
	}
	if sp.raw {
		return
	}
	b := native.AppendRoom(l.said("published", &sp.command), sp.pub.room)
	b = native.AppendUint(b, "offset", at.Offset)
	b = native.AppendText(b, "epoch", at.Epoch)
	l.answer(s, &sp.command, b)
}

// refuse tells a native client why; a raw stream has no words for it, and ends.
func (sp *speaking) refuse(l *loop, s poller.Slot, r *refusal, why Reason) {
	if !sp.raw {
		l.refuseCommand(s, &sp.command, r)
		return
	}
	if why == ReasonForbidden {
		l.dropped[dropForbidden].Add(1)
	}
	l.bye(s, why, reasons[why].code, closeText(r.message))
}

// closeText cuts a text to what a close frame holds.
func closeText(s string) string {
	const most = 123 // RFC 6455, 5.5: 125 less the code
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
