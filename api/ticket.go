package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// The bounds of a ticket's life.
const (
	minTicket     = time.Second
	defaultTicket = time.Minute
	maxTicket     = 24 * time.Hour
)

// A ticketOrder is what a ticket is asked for with: claims as a token has them,
// of which null means none, and how long it is good.
type ticketOrder struct {
	Sub     string         `json:"sub"`
	Rooms   []string       `json:"rooms"`
	Publish []string       `json:"publish"`
	Info    jsontext.Value `json:"info"`
	TTL     *string        `json:"ttl"`
}

// ticketFields say what each field of a ticketOrder takes.
var ticketFields = []struct{ name, right string }{
	{"sub", fmt.Sprintf("a string of 1 to %d bytes without control characters", auth.MaxUser)},
	{"rooms", fmt.Sprintf("an array of at most %d strings of 1 to %d bytes", auth.MaxPatterns, auth.MaxPattern)},
	{"publish", fmt.Sprintf("an array of at most %d strings of 1 to %d bytes", auth.MaxPatterns, auth.MaxPattern)},
	{"info", fmt.Sprintf("JSON of at most %d bytes", auth.MaxInfo)},
	{"ttl", fmt.Sprintf("a duration from %q to %q, such as \"90s\",", "1s", "24h")},
}

// ticket makes a ticket that lets one client in.
func (s *service) ticket(w http.ResponseWriter, q *http.Request) {
	if f := bare(q); f != nil {
		fail(w, f)
		return
	}
	b, f := s.bodies.read(q, maxTicketBody)
	if f != nil {
		fail(w, f)
		return
	}
	id, ttl, f := parseTicket(b.bytes)
	b.release()
	if f != nil {
		fail(w, f)
		return
	}
	ticket, expires, err := s.edge.Ticket(id, ttl)
	var field *edge.FieldError
	switch {
	case errors.As(err, &field):
		fail(w, badRequest(field.Error()))
	case err != nil:
		fail(w, s.refused(err, id.User))
	default:
		line := appendString([]byte(`{"ticket":`), ticket)
		line = strconv.AppendInt(append(line, `,"expires":`...), expires.Unix(), 10)
		send(w, append(line, '}', '\n'))
	}
}

// parseTicket reads a ticketOrder. What it gives is none of b's.
func parseTicket(b []byte) (id auth.Identity, ttl time.Duration, f *failure) {
	var o ticketOrder
	if err := json.Unmarshal(b, &o, json.RejectUnknownMembers(true)); err != nil {
		return id, 0, badOrder(err)
	}
	ttl = defaultTicket
	if o.TTL != nil {
		var err error
		if ttl, err = time.ParseDuration(*o.TTL); err != nil || ttl < minTicket || ttl > maxTicket {
			return id, 0, badField("ttl", fmt.Sprintf("is %q", shorten(*o.TTL)))
		}
	}
	if o.Info != nil {
		if o.Info.Compact() != nil || len(o.Info) > auth.MaxInfo {
			return id, 0, badField("info", "is too long")
		}
		if o.Info.Kind() != jsontext.KindNull {
			id.Info = o.Info
		}
	}
	switch {
	case o.Sub == "":
		return id, 0, badField("sub", "is missing")
	case len(o.Sub) > auth.MaxUser || strings.ContainsFunc(o.Sub, unicode.IsControl):
		return id, 0, badField("sub", "is bad")
	case !validPatterns(o.Rooms):
		return id, 0, badField("rooms", "is bad")
	case !validPatterns(o.Publish):
		return id, 0, badField("publish", "is bad")
	}
	id.User, id.Rooms, id.Publish = o.Sub, o.Rooms, o.Publish
	return id, ttl, nil
}

func validPatterns(p []string) bool {
	return len(p) <= auth.MaxPatterns && !slices.ContainsFunc(p, func(s string) bool { return s == "" || len(s) > auth.MaxPattern })
}

func badField(name, problem string) *failure {
	for _, field := range ticketFields {
		if field.name == name {
			return badRequest(fmt.Sprintf("%q %s: %s would be right", name, problem, field.right))
		}
	}
	names := make([]string, len(ticketFields))
	for i, field := range ticketFields {
		names[i] = field.name
	}
	return badRequest(fmt.Sprintf("unknown field %q: %s would be right", shorten(name), strings.Join(names, ", ")))
}

// badOrder is the failure for a body that is no ticketOrder.
func badOrder(err error) *failure {
	var wrong *json.SemanticError
	switch {
	case !errors.As(err, &wrong):
		return malformed(err)
	case wrong.JSONPointer == "":
		return badRequest(fmt.Sprintf(`the body is %s: an object such as {"sub":"alice"} would be right`, kindName(wrong.JSONKind)))
	}
	name := ""
	for name = range wrong.JSONPointer.Tokens() {
		break
	}
	return badField(name, fmt.Sprintf("has the wrong type at %s", shorten(string(wrong.JSONPointer))))
}
