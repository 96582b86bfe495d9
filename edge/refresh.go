package edge

import (
	"context"
	"errors"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
)

// A refreshing is a command that brings a new token. It is decided on as the handshake
// was: what the token says is verified, and where the Decider is asked about connect,
// its word counts.
type refreshing struct {
	command native.Command // without its byte strings
	verdict *verdict
}

func (l *loop) doRefresh(s poller.Slot, ses *session, c *native.Command) {
	r := &refreshing{command: native.Command{ID: c.ID, Asked: c.Asked}}
	srv := l.srv
	asks := srv.asks(WhatConnect)
	token := string(c.Token)
	switch {
	case srv.cfg.Auth == nil && !srv.cfg.AskIdentity:
		l.refuseCommand(s, c, &refusal{code: native.BadRequest, message: "no tokens are asked for here"})
	case !asks && srv.cfg.Auth.Inline():
		r.verdict = new(verdict)
		r.verdict.identity, r.verdict.err = srv.cfg.Auth.Verify(srv.workers.ctx, token, time.Now())
		r.done(l, s, ses)
	default:
		p := &parking{id: l.ID(s)}
		if srv.cfg.Auth != nil {
			p.token = token
		}
		where := srv.workers
		if asks {
			where, p.ask = srv.askers, l.question(WhatConnect, s, ses)
			p.ask.Token, p.ask.Path, p.ask.Remote = token, nativePath, l.client(s, ses)
		}
		r.verdict = &verdict{reject: rejectUndecided} // unless there comes another
		if !l.off(ses, where, p.id, r, func(ctx context.Context) { r.verdict = srv.decideAll(ctx, p) }) {
			l.refuseCommand(s, c, overasked(""))
		}
	}
}

// done takes the new claims: they are of the same user. What they do not allow any
// more is left.
func (r *refreshing) done(l *loop, s poller.Slot, ses *session) {
	id := &r.verdict.identity
	no := func(message string) {
		l.refuseCommand(s, &r.command, &refusal{code: native.Unauthorized, message: message})
	}
	switch {
	case r.verdict.reject != nil:
		l.refuseCommand(s, &r.command, &refusal{code: native.Code(r.verdict.reject.Code), message: r.verdict.reject.Message})
		return
	case errors.Is(r.verdict.err, auth.ErrUnavailable):
		l.refuseCommand(s, &r.command, &refusal{code: native.Unavailable, message: r.verdict.err.Error()})
		return
	case r.verdict.err != nil:
		no(r.verdict.err.Error())
		return
	case id.User != string(l.claims(ses).user()):
		no("the token is of another user")
		return
	}
	kept := l.strings.get(ses.who)
	l.packed = append(l.packed[:0], kept[:len(kept)-len(l.claims(ses))]...) // the client's address, where that is kept
	l.packed = appendClaims(l.packed, id, true)
	who, ok := l.strings.put(l.packed)
	if !ok {
		l.refuseCommand(s, &r.command, &refusal{code: native.Unavailable, message: "no memory for the token"})
		return
	}
	l.strings.drop(ses.who)
	ses.who = who
	ses.flags &^= unrestricted
	l.setExpiry(ses, id.Expires)
	l.arm(s, ses)
	b := l.said("refreshed", &r.command)
	if id.Expires != 0 {
		b = native.AppendUint(b, "expires", uint64(id.Expires))
	}
	l.answer(s, &r.command, b)
	for _, room := range l.roomsOf(ses) {
		if !l.mayJoin(ses, room) {
			l.leave(s, ses, room)
			l.reply = append(native.AppendRoom(l.said("left", nil), room), '}')
			l.say(s, l.reply)
		}
	}
	l.measure()
}

func (r *refreshing) gone(*loop) {}
