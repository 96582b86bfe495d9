package edge

import (
	"errors"
	"fmt"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/broker"
)

// A RoomPolicy is what holds in the rooms that its pattern matches. The first
// match rules a room; a room without a match has the defaults.
type RoomPolicy struct {
	Match      string   // a pattern: * is any run of bytes
	Slow       Slow     // what becomes of a member for whom more waits than may
	Services   bool     // services alone publish; clients may not, whatever their claims say
	History    *History // nil: DefaultHistory
	Presence   bool     // who is here is kept, listed and told
	Document   bool     // the room holds a JSON document
	Schema     *Schema  // of what clients publish; in a room with a document, of the document
	MaxMembers int      // connections at once; 0: any number
}

// Slow says what becomes of a member who does not keep up: for whom more waits than
// Config.Outbox allows.
type Slow uint8

const (
	// SlowClose closes the connection with 4003. It may recover what it missed.
	SlowClose Slow = iota
	// SlowDrop keeps the newest messages from it until all that waits has gone out;
	// a native member is told by a gap which those were.
	SlowDrop
	// SlowConflate does so, too, and then gives it the latest message of each key.
	SlowConflate
	numSlows
)

// A History says how much of a room is kept for those who come back.
type History struct {
	Size int           // messages, 0 to 10,000; 0 keeps none
	TTL  time.Duration // since they were published, 1 s to 24 h
}

// DefaultHistory is what a room keeps unless its policy says otherwise.
var DefaultHistory = History{Size: 100, TTL: time.Minute}

// A Schema is a JSON Schema (2020-12), ready for use.
type Schema = broker.Schema

// CompileSchema reads a schema from a file. $ref to other files is allowed below the
// file's folder; nothing is fetched. Its error says where in which file what is wrong.
func CompileSchema(path string) (*Schema, error) { return broker.CompileSchema(path) }

// CompileSchemaBytes reads a schema without $ref to files; name stands in its errors.
func CompileSchemaBytes(name string, data []byte) (*Schema, error) {
	return broker.CompileSchemaBytes(name, data)
}

const (
	maxPolicies = 1000
	maxHistory  = 10000          // messages of a room
	maxTTL      = 24 * time.Hour // of them
)

// A policy is a RoomPolicy with its defaults in place.
type policy struct {
	RoomPolicy
	history History
}

// everywhere holds where nothing else does.
var everywhere = &policy{RoomPolicy: RoomPolicy{Match: "*"}, history: DefaultHistory}

func newPolicies(list []RoomPolicy) *[]*policy {
	all := make([]*policy, 0, len(list)+1)
	for _, rp := range list {
		p := &policy{RoomPolicy: rp, history: DefaultHistory}
		if rp.History != nil {
			p.history = *rp.History
		}
		all = append(all, p)
	}
	all = append(all, everywhere)
	return &all
}

// ReloadRooms puts other policies in the place of Config.Rooms. What clients and services
// do from then on is held against them; a room that has members on a loop keeps its
// presence and its way with slow readers there until the last has left. Errors are
// those of Validate, and the old policies stay.
func (s *Server) ReloadRooms(list []RoomPolicy) error {
	if err := checkPolicies(list); err != nil {
		return err
	}
	s.policies.Store(newPolicies(list))
	return nil
}

// checkPolicies joins a FieldError for each policy that is wrong.
func checkPolicies(list []RoomPolicy) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, &FieldError{"Rooms", fmt.Sprintf(format, args...)})
	}
	if len(list) > maxPolicies {
		bad("%d policies: at most %d would be right", len(list), maxPolicies)
	}
	for i := range list {
		list[i].check(bad)
	}
	return errors.Join(errs...)
}

// policy gives what holds in a room.
func (s *Server) policy(room string) *policy {
	for _, p := range *s.policies.Load() {
		if auth.MatchPattern(p.Match, room) {
			return p
		}
	}
	return everywhere
}

// check tells bad of what is wrong with a policy.
func (p *RoomPolicy) check(bad func(format string, args ...any)) {
	switch {
	case p.Match == "" || len(p.Match) > auth.MaxPattern:
		bad("a pattern of %d bytes: 1 to %d would be right", len(p.Match), auth.MaxPattern)
	case p.Slow >= numSlows:
		bad("%q: Slow %d is not known: SlowClose, SlowDrop or SlowConflate would be right", p.Match, p.Slow)
	case p.MaxMembers < 0:
		bad("%q: MaxMembers %d is out of range: 0 or more would be right", p.Match, p.MaxMembers)
	case p.History == nil:
	case p.History.Size < 0 || p.History.Size > maxHistory:
		bad("%q: History.Size %d is out of range: 0 to %d", p.Match, p.History.Size, maxHistory)
	case p.History.Size > 0 && (p.History.TTL < time.Second || p.History.TTL > maxTTL):
		bad("%q: History.TTL %v is out of range: 1s to %v", p.Match, p.History.TTL, maxTTL)
	}
}
