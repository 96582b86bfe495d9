package edge

import (
	"context"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
)

// A refreshing is a command that brings a new token.
type refreshing struct {
	command native.Command // without its byte strings
	result  verdict
}

func (l *loop) doRefresh(s poller.Slot, ses *session, c *native.Command) {
	r := &refreshing{command: native.Command{ID: c.ID, Asked: c.Asked}}
	cfg := &l.srv.cfg
	token := string(c.Token)
	switch {
	case cfg.Auth == nil && !cfg.AskIdentity:
		l.refuseCommand(s, c, &refusal{code: native.BadRequest, message: "no tokens are asked for here"})
	case cfg.Auth != nil && cfg.Auth.Inline():
		r.result.identity, r.result.err = cfg.Auth.Verify(l.srv.workers.ctx, token, time.Now())
		r.done(l, s, ses)
	default:
		where, q := l.srv.workers, (*Question)(nil)
		if cfg.AskIdentity {
			where, q = l.srv.askers, l.question(WhatConnect, s, ses)
			q.Token, q.Path, q.Remote = token, nativePath, l.Addr(s)
		}
		if !l.off(ses, where, l.ID(s), r, func(ctx context.Context) { l.srv.verifyAgain(ctx, r, token, q) }) {
			l.refuseCommand(s, c, overasked(""))
		}
	}
}

// verifyAgain finds out who a new token is of.
func (s *Server) verifyAgain(ctx context.Context, r *refreshing, token string, q *Question) {
	if q == nil {
		r.result = *s.verify(ctx, token)
		return
	}
	d := s.decide(ctx, q)
	switch {
	case !d.Allow:
		r.result.err = auth.ErrToken
	case d.Identity == nil:
		r.result.err = auth.ErrClaims
	default:
		r.result.identity = *d.Identity
	}
}

// done takes the new claims: they are of the same user. What they do not allow any
// more is left.
func (r *refreshing) done(l *loop, s poller.Slot, ses *session) {
	id := &r.result.identity
	no := func(message string) {
		l.refuseCommand(s, &r.command, &refusal{code: native.Unauthorized, message: message})
	}
	switch {
	case r.result.err != nil:
		no(r.result.err.Error())
		return
	case id.User != string(l.claims(ses).user()):
		no("the token is of another user")
		return
	}
	who, ok := l.strings.put(appendClaims(nil, id, true))
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

func (r *refreshing) gone(l *loop) { l.srv.parked.Add(-1) }
