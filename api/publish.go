package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/roostws/roost/edge"
)

// publish publishes the body to a room, as it is.
func (s *service) publish(w http.ResponseWriter, q *http.Request) {
	m := edge.Message{Binary: isBinary(q.Header["Content-Type"])}
	if f := s.options(q, &m); f != nil {
		fail(w, f)
		return
	}
	b, f := s.bodies.read(q, s.cfg.MaxMessage)
	if f != nil {
		fail(w, f)
		return
	}
	defer b.release()
	m.Data = b.bytes
	room := q.PathValue("room")
	at, err := s.edge.Publish(room, m)
	if err != nil {
		fail(w, s.refused(err, room))
		return
	}
	line := b.bytes[:0] // the message has been copied
	send(w, append(appendPosition(line, room, at), '\n'))
}

// isBinary says whether a Content-Type asks for a binary message.
func isBinary(values []string) bool {
	if len(values) == 0 {
		return false
	}
	kind, _, _ := strings.Cut(values[0], ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/octet-stream")
}

// options reads what a publish has besides its body.
func (s *service) options(q *http.Request, m *edge.Message) *failure {
	if _, asked := q.Header["Idempotency-Key"]; asked {
		return unserved
	}
	query, f := parameters(q, "exclude")
	if f != nil || query == nil {
		return f
	}
	if names, ok := query["exclude"]; ok {
		if m.Exclude, ok = s.edge.ParseConn(names[0]); !ok {
			return badConnection(names[0])
		}
	}
	return nil
}

// Whoever sends the header relies on it: a publish that ignored it would be
// delivered twice in silence.
var unserved = badRequest("Idempotency-Key is not served by this version: a request without it would be right")

func badConnection(name string) *failure {
	return badRequest(fmt.Sprintf("exclude %q is not a connection's ID: the value of the header Roost-Connection would be right", shorten(name)))
}

// parameters reads a query that may have the given parameters, each once, and no
// others. It gives nil where there is no query.
func parameters(q *http.Request, allowed ...string) (url.Values, *failure) {
	if q.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query of the URL is malformed: " + err.Error())
	}
	for name, values := range query {
		known := false
		for _, a := range allowed {
			known = known || a == name
		}
		switch {
		case !known && len(allowed) == 0:
			return nil, badRequest(fmt.Sprintf("unknown query parameter %q: none would be right", shorten(name)))
		case !known:
			return nil, badRequest(fmt.Sprintf("unknown query parameter %q: %s would be right", shorten(name), strings.Join(allowed, ", ")))
		case len(values) > 1:
			return nil, badRequest(fmt.Sprintf("query parameter %q stands %d times: once would be right", name, len(values)))
		}
	}
	return query, nil
}

// refused is the failure for an error of the Edge.
func (s *service) refused(err error, room string) *failure {
	switch {
	case errors.Is(err, edge.ErrRoom):
		return badRequest(fmt.Sprintf("%q: %v", shorten(room), edge.ErrRoom))
	case errors.Is(err, edge.ErrText):
		return badRequest("the message is not UTF-8: text in UTF-8, or a binary message (Content-Type: application/octet-stream, or base64 in a batch), would be right")
	case errors.Is(err, edge.ErrTooLarge):
		return &failure{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the message is too large: at most %d bytes would be right", s.cfg.MaxMessage)}
	case errors.Is(err, edge.ErrOverloaded):
		return &failure{status: http.StatusServiceUnavailable, message: "more is published than can be delivered now: try again", retry: retryOverload}
	case errors.Is(err, edge.ErrClosed), errors.Is(err, edge.ErrDraining):
		return &failure{status: http.StatusServiceUnavailable, message: "the server is not running", retry: retryGoingAway}
	}
	s.cfg.Logger.Error("a message was not published", "room", room, "error", err)
	return &failure{status: http.StatusInternalServerError, message: "the message was not published; the log says why"}
}

// appendPosition appends where a message stands, as an object.
func appendPosition(b []byte, room string, at edge.Position) []byte {
	b = append(b, `{"room":`...)
	b = appendString(b, room)
	b = append(b, `,"offset":`...)
	b = strconv.AppendUint(b, at.Offset, 10)
	b = append(b, `,"epoch":`...)
	b = appendString(b, at.Epoch)
	return append(b, '}')
}
