package edge

import (
	"errors"
	"net/url"
	"strings"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A request is a handshake that is being answered: what it asks for, and what
// the connection becomes where it is let in.
type request struct {
	slot     poller.Slot
	verdict  *verdict // what was decided off the loop
	parking  *parking // what is to be decided off the loop
	result   result   // where it is refused
	identity auth.Identity
	kind     kind
	flags    uint16
	rooms    []string
	first    []bool // of rooms: whether it is the only member
}

// What a request is refused with.
var (
	rejectFull      = &protocol.Reject{Status: 503, Code: "unavailable", Message: "the server holds as many connections as it may", RetryAfter: retryAfter}
	rejectBusy      = &protocol.Reject{Status: 503, Code: "unavailable", Message: "too many requests wait to be decided", RetryAfter: retryAfter}
	rejectMemory    = &protocol.Reject{Status: 503, Code: "unavailable", Message: "no memory for another connection", RetryAfter: retryAfter}
	rejectDraining  = &protocol.Reject{Status: 503, Code: "unavailable", Message: "the server is going away", RetryAfter: retryAfter}
	rejectOrigin    = &protocol.Reject{Status: 403, Code: "forbidden", Message: "this Origin is not allowed"}
	rejectJoin      = &protocol.Reject{Status: 403, Code: "forbidden", Message: "the token does not allow this room"}
	rejectHandler   = &protocol.Reject{Status: 403, Code: "forbidden", Message: "the connection was refused"}
	rejectQuery     = &protocol.Reject{Status: 400, Code: "bad_request", Message: "the query of the URL is malformed"}
	rejectRoom      = &protocol.Reject{Status: 400, Code: "bad_request", Message: ErrRoom.Error()}
	rejectRooms     = &protocol.Reject{Status: 400, Code: "bad_request", Message: "a stream can name at most 64 rooms"}
	rejectAddress   = &protocol.Reject{Status: 429, Code: "rate_limited", Message: "the address has as many connections as it may", RetryAfter: retryAfter}
	rejectRate      = &protocol.Reject{Status: 503, Code: "unavailable", Message: "too many clients come at once"}
	rejectProxy     = &protocol.Reject{Status: 400, Code: "bad_request", Message: "only a trusted proxy may connect here, with a PROXY header"}
	rejectUser      = &protocol.Reject{Status: 429, Code: "rate_limited", Message: "the user has as many connections as it may", RetryAfter: retryAfter}
	rejectMembers   = &protocol.Reject{Status: 503, Code: "unavailable", Message: "the room has as many members as it may", RetryAfter: retryAfter}
	rejectAmbiguous = &protocol.Reject{Status: 400, Code: "bad_request", Message: "the request brings two different tokens"}
	rejectEarly     = &protocol.Reject{Status: 400, Code: "bad_request", Message: "too much was sent before the answer"}
	rejectHead      = &protocol.Reject{Status: 431, Code: "too_large", Message: "the header block is over 8 KiB"}
	rejectSlow      = &protocol.Reject{Status: 408, Code: "timeout", Message: "the request did not arrive in time"}
	rejectUndecided = &protocol.Reject{Status: 503, Code: "unavailable", Message: "it could not be decided", RetryAfter: retryAfter}
	rejectInternal  = &protocol.Reject{Status: 500, Code: "internal", Message: "the server failed"}
	rejectPlain     = &protocol.Reject{Status: 400, Code: "bad_request", Message: "TLS is spoken here: wss:// or https:// would be right"}
	rejectPath      = &protocol.Reject{Status: 404, Code: "not_found", Message: "nothing is served here; rooms are at /rooms/ROOM, the native protocol at /ws"}
)

// request gathers a header block and answers it. It gives what follows the block
// where the connection is a WebSocket by then. Runs on s's loop.
func (l *loop) request(s poller.Slot, ses *session, b []byte) (rest []byte) {
	if ses.kind == kindParked {
		sd := l.sides.At(ses.side)
		if len(sd.head)+len(b) > maxHead+maxEarly {
			l.refuse(s, rejectEarly, resultMalformed)
			return nil
		}
		sd.head = append(sd.head, b...)
		l.account(sd, len(sd.head))
		return nil
	}
	if l.srv.cfg.ProxyProtocol && ses.flags&introduced == 0 {
		var ok bool
		if b, ok = l.proxied(s, ses, b); !ok {
			return nil
		}
		l.StartTLS(s, b)
		if l.Secure(s) || len(b) == 0 {
			return nil
		}
	}
	scanned := 0
	if ses.side != 0 && l.sides.At(ses.side).head != nil {
		sd := l.sides.At(ses.side)
		sd.head = append(sd.head, b...)
		b, scanned = sd.head, sd.scanned
	}
	end := protocol.HeaderEnd(b, scanned)
	switch {
	case end > maxHead || end < 0 && len(b) > maxHead:
		l.refuse(s, rejectHead, resultMalformed)
		return nil
	case end < 0:
		sd := l.hold(ses)
		if sd.head == nil {
			sd.head = append(make([]byte, 0, max(len(b), 512)), b...)
		}
		sd.scanned = len(b)
		if !l.account(sd, len(sd.head)) {
			l.refuse(s, rejectMemory, resultBusy)
		}
		return nil
	}
	if l.answerRequest(s, ses, b, end, nil) {
		l.letGo(ses)
		return b[end:]
	}
	return nil
}

// answerRequest answers the request whose header block is b[:end] and says whether the
// connection is a WebSocket now.
func (l *loop) answerRequest(s poller.Slot, ses *session, b []byte, end int, v *verdict) bool {
	l.asking = request{slot: s, verdict: v, rooms: l.asking.rooms[:0], first: l.asking.first[:0]}
	out := l.upgrade.Handshake(b[:end])
	ask := &l.asking
	switch {
	case out.Parked:
		l.park(s, ses, b)
	case out.Plain:
		l.plain(s, out)
	case out.Status != 101:
		if ask.result == resultOK {
			ask.result = resultMalformed
		}
		l.shaken[ask.result].Add(1)
		l.Write(s, out.Reply)
		l.Finish(s, ReasonHandshake.cause())
	default:
		if out.Deflate {
			ask.flags |= deflates
		}
		if reject, why := l.admit(s, ses, ask); reject != nil {
			l.unadmit(s, ses)
			l.refuse(s, reject, why)
			return false
		}
		l.shaken[resultOK].Add(1)
		l.Write(s, out.Reply)
		if ses.kind == kindNative {
			l.greet(s, ses)
		}
		if l.srv.handler != nil {
			ses.flags |= handlerKnows
			l.srv.handler.Open(Conn{l, s})
			l.watchDrain(s, ses)
		}
		return l.Live(s)
	}
	return false
}

// refuse answers a request that is not handed to the Handshaker, or no more.
func (l *loop) refuse(s poller.Slot, r *protocol.Reject, why result) {
	l.shaken[why].Add(1)
	l.scratch = protocol.AppendReject(l.scratch[:0], r)
	l.Write(s, l.scratch)
	l.Finish(s, ReasonHandshake.cause())
}

// tooSlow ends a handshake that takes too long. A peer that never sent a byte
// asked for nothing and gets no answer.
func (l *loop) tooSlow(s poller.Slot, ses *session) {
	if ses.side == 0 {
		l.shaken[resultTimeout].Add(1)
		l.Close(s, ReasonHandshake.cause())
		return
	}
	l.refuse(s, rejectSlow, resultTimeout)
}

// plain answers plain HTTP.
func (l *loop) plain(s poller.Slot, out protocol.Outcome) {
	l.shaken[resultPlain].Add(1)
	reply := out.Reply
	if string(l.upgrade.Request().Path) == "/healthz" {
		status, body := 200, "ok\n"
		if l.srv.draining.Load() {
			status, body = 503, "draining\n"
		}
		l.scratch = protocol.AppendResponse(l.scratch[:0], status, "text/plain; charset=utf-8", body)
		reply = l.scratch
	}
	if string(l.upgrade.Request().Method) == "HEAD" {
		reply = reply[:protocol.HeaderEnd(reply, 0)]
	}
	l.Write(s, reply)
	l.Finish(s, ReasonHandshake.cause())
}

// Decide says whether a well-formed request is let in. The Handshaker calls it;
// runs on the loop.
func (l *loop) Decide(q *protocol.Request) protocol.Decision {
	ask := &l.asking
	srv := l.srv
	no := func(why result, r *protocol.Reject) protocol.Decision {
		ask.result = why
		return protocol.Decision{Reject: r}
	}
	if srv.draining.Load() {
		return no(resultDraining, rejectDraining)
	}
	if srv.connections.Load() >= int64(srv.cfg.MaxConnections) {
		return no(resultFull, rejectFull)
	}
	ses := l.session(ask.slot)
	if ask.verdict == nil {
		if retry := srv.admission.take(l.Nano(), srv.cfg.HandshakesPerSecond); retry > 0 {
			r := *rejectRate
			r.RetryAfter = retry
			return no(resultRate, &r)
		}
	}
	if reject, why := l.locate(ask.slot, ses, q); reject != nil {
		return no(why, reject)
	}
	own, reject := l.route(q, ask)
	if reject != nil {
		why := resultMalformed
		if reject == rejectPath {
			why = resultNotFound
		}
		return no(why, reject)
	}
	if !srv.origins.Allow(q.Origin, q.Host) {
		return no(resultOrigin, rejectOrigin)
	}
	if why, reject := l.identify(q, ask); reject != nil {
		return no(why, reject)
	}
	if ask.parking != nil {
		return protocol.Decision{Park: true}
	}
	free := ask.flags&unrestricted != 0
	for _, room := range ask.rooms {
		if !free && !ask.identity.Rooms.Match(room) {
			return no(resultForbidden, rejectJoin)
		}
	}
	if ask.kind == kindRoom && (free || ask.identity.Publish.Match(ask.rooms[0])) {
		ask.flags |= mayPublish
	}
	if srv.handler != nil {
		if reject := l.consult(q, ask, own); reject != nil {
			return no(resultRefused, reject)
		}
	}
	d := protocol.Decision{Connection: srv.ConnName(l.ID(ask.slot)), Deflate: srv.cfg.Deflate}
	if ask.kind == kindNative && offers(q.Protocols, native.Subprotocol) {
		d.Protocol = native.Subprotocol
	}
	return d
}

// route finds out what a path is.
func (l *loop) route(q *protocol.Request, ask *request) (own bool, reject *protocol.Reject) {
	path := q.Path
	switch {
	case string(path) == "/echo" && l.srv.cfg.Echo:
		ask.kind = kindEcho
		return true, nil
	case string(path) == nativePath:
		ask.kind = kindNative
		return true, nil
	case len(path) > len("/rooms/") && string(path[:len("/rooms/")]) == "/rooms/":
		ask.kind = kindRoom
		return true, l.stream(q, ask, string(path[len("/rooms/"):]))
	case l.srv.handler != nil:
		ask.kind = kindCustom
		return false, nil
	}
	return false, rejectPath
}

// stream finds the rooms of a raw stream.
func (l *loop) stream(q *protocol.Request, ask *request, room string) *protocol.Reject {
	if strings.IndexByte(room, '%') >= 0 {
		var err error
		if room, err = url.PathUnescape(room); err != nil {
			return rejectRoom
		}
	}
	ask.rooms = append(ask.rooms, room)
	more, ok := q.Query("rooms")
	if ok && len(more) > 0 {
		ask.rooms = append(ask.rooms, strings.Split(string(more), ",")...)
	}
	if len(ask.rooms) > maxPathRooms {
		return rejectRooms
	}
	for _, r := range ask.rooms {
		if !rooms.ValidName(r) {
			return rejectRoom
		}
	}
	switch own, ok := q.Query("echo"); {
	case !ok || string(own) == "false" || string(own) == "0":
	case string(own) == "true" || string(own) == "1" || len(own) == 0:
		ask.flags |= wantsOwn
	default:
		return rejectQuery
	}
	return nil
}

// nativePath is where the native protocol is spoken.
const nativePath = "/ws"

// consult asks the embedding program.
func (l *loop) consult(q *protocol.Request, ask *request, own bool) *protocol.Reject {
	r := &Request{Path: string(q.Path), User: ask.identity.User, Info: ask.identity.Info, raw: q, own: own, loop: l, slot: ask.slot}
	err := l.srv.handler.Upgrade(r)
	r.raw = nil
	var refusal *Refusal
	switch {
	case err == nil:
		ask.rooms = append(ask.rooms, r.joins...)
		return nil
	case errors.As(err, &refusal) && refusal.Status >= 400 && refusal.Status <= 599:
		return &protocol.Reject{Status: refusal.Status, Code: refusal.Code, Message: refusal.Message}
	}
	return rejectHandler
}
