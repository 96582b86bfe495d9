package edge

import (
	"context"
	"strings"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

// A verdict is what came of deciding on a handshake off the loop.
type verdict struct {
	identity auth.Identity
	limits   bool             // it says what the client may do, even where nobody asks for tokens
	err      error            // why the token is not believed
	reject   *protocol.Reject // why the handshake is refused otherwise
}

// tasksPerWorker is how many tasks may wait for each that runs.
const tasksPerWorker = 64

// verify says who a token is of. It may take long.
func (s *Server) verify(ctx context.Context, token string) (out *verdict) {
	out = new(verdict)
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("panic while verifying a token", "panic", p)
			out.err = auth.ErrToken
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HandshakeTimeout)
	defer cancel()
	out.identity, out.err = s.cfg.Auth.Verify(ctx, token, time.Now())
	return out
}

// A parking is what a handshake waits for: its token's verification, the Decider's
// answers, or both.
type parking struct {
	id    ConnID
	token string // to be verified; empty: there is none, or it was
	known verdict
	ask   *Question // nil: the Decider is not asked
	joins []string  // rooms that it is asked about as well
}

// decideAll runs off the loop.
func (s *Server) decideAll(ctx context.Context, p *parking) (v *verdict) {
	v = &p.known
	if p.token != "" {
		if v = s.verify(ctx, p.token); v.err != nil {
			return v
		}
	}
	if p.ask == nil {
		return v
	}
	if v.identity.User != "" {
		p.ask.User = v.identity.User
	}
	if s.asks(WhatConnect) {
		d := s.decide(ctx, p.ask)
		switch {
		case !d.Allow:
			v.reject = d.reject("the connection was refused")
			return v
		case d.Identity != nil:
			ends := v.identity.Expires
			v.identity, v.limits = *d.Identity, true
			if id := &v.identity; ends != 0 && (id.Expires == 0 || id.Expires > ends) {
				id.Expires = ends // a token is good no longer for being asked about
			}
		}
	}
	for _, room := range p.joins {
		if !s.unlimited(v) && !v.identity.Rooms.Match(room) {
			return v // the loop refuses it
		}
		q := &Question{What: WhatJoin, Time: time.Now(), Conn: p.ask.Conn, User: v.identity.User, Room: room}
		if d := s.decide(ctx, q); !d.Allow {
			v.reject = d.reject("joining the room was refused")
			return v
		}
	}
	return v
}

// reject is a refusal as an answer to a handshake.
func (d *Decision) reject(otherwise string) *protocol.Reject {
	r := &protocol.Reject{Status: 403, Code: string(d.code()), Message: d.message(otherwise)}
	switch r.Code {
	case "unauthorized":
		r.Status = 401
	case "not_found":
		r.Status = 404
	case "bad_request":
		r.Status = 400
	case "rate_limited":
		r.Status, r.RetryAfter = 429, retryAfter
	case "unavailable":
		r.Status, r.RetryAfter = 503, retryAfter
	default:
		r.Code = "forbidden"
	}
	return r
}

// park has a handshake decided off the loop and keeps what came so far.
func (l *loop) park(s poller.Slot, ses *session, b []byte) {
	p, srv := l.asking.parking, l.srv
	where := srv.workers
	if p.ask != nil {
		where = srv.askers
	}
	ok := where.try(func(ctx context.Context) {
		v := &verdict{reject: rejectUndecided}
		defer func() { srv.postSurely(p.id, v) }() // also after a panic
		v = srv.decideAll(ctx, p)
	})
	if !ok {
		l.refuse(s, rejectBusy, resultBusy)
		return
	}
	sd := l.hold(ses)
	if sd.head == nil {
		sd.head = append([]byte(nil), b...)
	}
	l.account(sd, len(sd.head))
	ses.kind = kindParked
}

// decided goes on with a parked handshake.
func (l *loop) decided(s poller.Slot, v *verdict) {
	ses := l.session(s)
	if ses.kind != kindParked {
		return
	}
	l.Corked(s, func() {
		head := l.sides.At(ses.side).head
		end := protocol.HeaderEnd(head, 0)
		if !l.answerRequest(s, ses, head, end, v) {
			return
		}
		l.letGo(ses)
		if rest := head[end:]; len(rest) > 0 {
			l.frames(s, ses, rest)
		}
	})
}

// withoutSecrets is a query without token and ticket.
func withoutSecrets(query string) string {
	if query == "" {
		return ""
	}
	kept := ""
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if auth.Redact("?"+name+"=x") != "?"+name+"=x" {
			continue
		}
		if kept != "" {
			kept += "&"
		}
		kept += part
	}
	return kept
}
