package edge

import (
	"context"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
)

// An Observer is told what happens. Event is called on the loops, by several at once: it
// must return at once and must not block. The Event is the Observer's from then on;
// its Data must not be changed. A panic is logged, and ends nothing.
type Observer interface {
	Event(e *Event)
}

// A What is a kind of event, and of question.
type What uint8

const (
	WhatConnect    What = iota // a connection was upgraded
	WhatDisconnect             // it ended
	WhatJoin                   // it became a member of a room
	WhatLeave                  // it is none any more
	WhatPublish                // a client published to a room
	WhatOccupied               // a room has its first member
	WhatVacated                // its last member has left
	numWhats
)

var whatWords = [numWhats]string{"connect", "disconnect", "join", "leave", "publish", "occupied", "vacated"}

// String is the event's word, as in the configuration.
func (w What) String() string { return whatWords[w] }

// ParseWhat is the inverse of String.
func ParseWhat(word string) (What, bool) {
	for i, w := range whatWords {
		if w == word {
			return What(i), true
		}
	}
	return 0, false
}

// An Event is something that happened. Fields that do not apply are empty.
type Event struct {
	What     What
	Time     time.Time
	Conn     string // as in the header Roost-Connection
	User     string
	Room     string
	Data     []byte         // of publish: the message
	Binary   bool           // Data is not text
	JSON     bool           // Data is valid JSON
	Key      string         // of publish
	Version  uint64         // of publish, where Data is a JSON Patch (RFC 6902): what it made of the room's document. Else 0
	Position                // of publish: its place
	Reason   string         // of disconnect
	Remote   netip.AddrPort // of connect
	Path     string         // of connect
}

// A Decider is asked before something happens: WhatConnect, WhatJoin or
// WhatPublish. Decide runs on a goroutine of its own and may block until ctx
// ends; the handshake or the connection's next command waits meanwhile, and
// nothing else does. An error refuses, as unavailable.
type Decider interface {
	Decide(ctx context.Context, q *Question) (Decision, error)
}

// A Question is what a Decider is asked. Fields that do not apply are empty.
type Question struct {
	What   What
	Time   time.Time
	Conn   string
	User   string
	Room   string
	Data   []byte // of publish: the message, or the JSON Patch of a document; not to be changed
	Binary bool   // Data is not text
	JSON   bool   // Data is valid JSON
	Key    string // of publish
	Patch  bool   // of publish: Data is a JSON Patch (RFC 6902) of version Base of the room's document
	Base   uint64

	// Of connect.
	Remote    netip.AddrPort
	Path      string
	Query     string   // without token and ticket
	Rooms     []string // of a raw stream: what it wants to join
	Token     string   // what the client brought; empty: none. It was verified where Config.Auth is set
	Origin    string
	Host      string
	Cookie    string
	UserAgent string
	Forwarded string // X-Forwarded-For
}

// A Decision is a Decider's answer.
type Decision struct {
	Allow   bool
	Code    string // of a refusal: a word such as forbidden, which is the default
	Message string // of a refusal: for the client

	// Of connect, where it is allowed: who it is. Nil: as the token says; without
	// one, an anonymous client that may join nothing.
	Identity *auth.Identity
}

// code is the word that a client gets for a refusal.
func (d *Decision) code() native.Code {
	switch c := native.Code(d.Code); c {
	case native.BadRequest, native.Unauthorized, native.NotFound, native.TooLarge, native.Invalid, native.RateLimited, native.Unavailable:
		return c
	}
	return native.Forbidden
}

// message is what a client is told, or otherwise where the Decider has no words.
func (d *Decision) message(otherwise string) string {
	if d.Message == "" {
		return otherwise
	}
	return strings.ToValidUTF8(d.Message[:min(len(d.Message), maxMessage)], "")
}

// maxMessage is how many bytes of a Decider's words are passed on.
const maxMessage = 300

// asks says whether the Decider is asked about something.
func (s *Server) asks(w What) bool { return s.askSet&(1<<w) != 0 }

// tells says whether the Observer is told of something.
func (s *Server) tells(w What) bool { return s.eventSet&(1<<w) != 0 }

// decide asks the Decider. It blocks.
func (s *Server) decide(ctx context.Context, q *Question) (d Decision) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AskTime)
	defer cancel()
	outcome := askFailed
	defer func() {
		if v := recover(); v != nil {
			s.cfg.Logger.Error("panic in a Decider; it refuses", "panic", v, "stack", string(debug.Stack()))
			d = Decision{Code: string(native.Unavailable), Message: "the server failed"}
		}
		s.asked[outcome].Add(1)
	}()
	d, err := s.cfg.Decider.Decide(ctx, q)
	switch {
	case err != nil:
		return Decision{Code: string(native.Unavailable), Message: "who decides could not be asked"}
	case d.Allow:
		outcome = askAllowed
	default:
		outcome = askDenied
	}
	return d
}

// What came of asking.
const (
	askAllowed = iota
	askDenied
	askFailed
	numOutcomes
)

var outcomeLabels = [numOutcomes]string{"allowed", "denied", "failed"}

// notify tells the Observer, whose panic ends nothing.
func (s *Server) notify(e *Event) {
	defer func() {
		if v := recover(); v != nil {
			s.cfg.Logger.Error("panic in an Observer", "event", e.What.String(), "panic", v, "stack", string(debug.Stack()))
		}
	}()
	s.cfg.Observer.Event(e)
}

// question begins a Question about a connection.
func (l *loop) question(w What, s poller.Slot, ses *session) *Question {
	return &Question{What: w, Time: time.Now(), Conn: l.srv.ConnName(l.ID(s)), User: string(l.claims(ses).user())}
}

// event begins an Event of a connection.
func (l *loop) event(w What, s poller.Slot, ses *session) *Event {
	return &Event{What: w, Time: time.Now(), Conn: l.srv.ConnName(l.ID(s)), User: string(l.claims(ses).user())}
}

// tellOf tells the Observer of a connection and, where it applies, a room.
func (l *loop) tellOf(w What, s poller.Slot, ses *session, room string) {
	if l.srv.tells(w) {
		e := l.event(w, s, ses)
		e.Room = room
		l.srv.notify(e)
	}
}

// tell tells the Observer.
func (l *loop) tell(w What, room string) {
	if l.srv.tells(w) {
		l.srv.notify(&Event{What: w, Time: time.Now(), Room: room})
	}
}

// connected tells the Observer of a new connection.
func (l *loop) connected(s poller.Slot, ses *session, path string) {
	if l.srv.tells(WhatConnect) {
		e := l.event(WhatConnect, s, ses)
		e.Remote, e.Path = l.client(s, ses), path
		l.srv.notify(e)
	}
}

// ended tells the Observer that a connection has ended.
func (l *loop) ended(s poller.Slot, ses *session, why Reason) {
	if l.srv.tells(WhatDisconnect) {
		e := l.event(WhatDisconnect, s, ses)
		e.Reason = why.String()
		l.srv.notify(e)
	}
}

// setOf gives a bit for each of a list.
func setOf(list []What) (set uint16) {
	for _, w := range list {
		set |= 1 << w
	}
	return set
}
