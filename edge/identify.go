package edge

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rate"
)

// identify finds out who asks, or what must be found out off the loop first.
func (l *loop) identify(q *protocol.Request, ask *request) (result, *protocol.Reject) {
	cfg := &l.srv.cfg
	if v := ask.verdict; v != nil {
		switch {
		case v.reject != nil:
			return resultRefused, v.reject
		case v.err != nil:
			return disbelieved(v.err)
		}
		ask.take(l.srv, v)
		return resultOK, nil
	}
	token, err := l.token(q)
	if errors.Is(err, auth.ErrAmbiguous) && (cfg.Auth != nil || cfg.AskIdentity) {
		return resultMalformed, rejectAmbiguous
	}
	p := &parking{id: l.ID(ask.slot)}
	if name, ok := q.Query("ticket"); ok && len(name) > 0 {
		if err == nil && cfg.Auth != nil {
			return resultMalformed, rejectAmbiguous
		}
		p.known.identity, err = l.srv.tickets.take(string(name), time.Now())
		p.known.limits = true
	} else if cfg.Auth == nil {
		err = nil // nobody asks for a token
	} else if err == nil && cfg.Auth.Inline() {
		p.known.identity, err = cfg.Auth.Verify(l.srv.workers.ctx, token, time.Now())
	} else if err == nil {
		p.token = token
	}
	if err != nil {
		return disbelieved(err)
	}
	joins := l.srv.asks(WhatJoin) && ask.kind == kindRoom
	if joins || l.srv.asks(WhatConnect) {
		p.ask = l.handshakeQuestion(q, ask, token)
		if joins {
			p.joins = slices.Clone(ask.rooms)
		}
	}
	if p.token != "" || p.ask != nil {
		ask.parking = p
		return resultOK, nil
	}
	ask.take(l.srv, &p.known)
	return resultOK, nil
}

// disbelieved is the answer where a token is not believed, or nothing can be said of it.
func disbelieved(err error) (result, *protocol.Reject) {
	if errors.Is(err, auth.ErrUnavailable) {
		return resultBusy, &protocol.Reject{Status: 503, Code: "unavailable", Message: err.Error(), RetryAfter: rate.RetryAfter(time.Second, retrySpread)}
	}
	return resultUnauthorized, &protocol.Reject{Status: 401, Code: "unauthorized", Message: err.Error()}
}

// take has the client be who a verdict says.
func (ask *request) take(s *Server, v *verdict) {
	ask.identity = v.identity
	if s.unlimited(v) {
		ask.flags |= unrestricted
	}
}

// unlimited says whether nothing limits what somebody may do: nobody asks for tokens, and
// no ticket or Decider has said more.
func (s *Server) unlimited(v *verdict) bool {
	return s.cfg.Auth == nil && !s.cfg.AskIdentity && !v.limits
}

// token finds the token of a request.
func (l *loop) token(q *protocol.Request) (string, error) {
	query, _ := q.Query("token")
	sources := auth.Sources{Authorization: q.Authorization, Query: query, Protocols: q.Protocols, Cookie: q.Cookie, CookieName: l.srv.cfg.TokenCookie}
	token, _, err := sources.Token()
	return token, err
}

// handshakeQuestion is what the Decider is asked about a handshake.
func (l *loop) handshakeQuestion(q *protocol.Request, ask *request, token string) *Question {
	return &Question{
		What: WhatConnect, Time: time.Now(), Conn: l.srv.ConnName(l.ID(ask.slot)), Remote: l.client(ask.slot, l.session(ask.slot)),
		Path: string(q.Path), Query: withoutSecrets(string(q.RawQuery)), Rooms: slices.Clone(ask.rooms), Token: token,
		Origin: string(q.Origin), Host: string(q.Host), Cookie: string(q.Cookie), UserAgent: string(q.UserAgent),
		Forwarded: string(q.XForwardedFor),
	}
}

// offers says whether a list of subprotocols has one.
func offers(protocols []byte, name string) bool {
	for p := range bytes.SplitSeq(protocols, []byte(",")) {
		if string(bytes.TrimSpace(p)) == name {
			return true
		}
	}
	return false
}
