package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/roostws/roost/edge"
)

// publish publishes the body to a room, as it is.
func (s *service) publish(w http.ResponseWriter, q *http.Request) {
	var m edge.Message
	if f := s.options(q, &m); f != nil {
		fail(w, f)
		return
	}
	b, f := s.message(q, &m)
	if f != nil {
		fail(w, f)
		return
	}
	defer b.release()
	room := q.PathValue("room")
	at, err := s.edge.Publish(room, m)
	if err != nil {
		fail(w, s.refused(err, room))
		return
	}
	line := b.bytes[:0] // the message has been copied
	send(w, append(appendPosition(line, room, at), '\n'))
}

// message reads the body as a message. It must be released, but for a failure;
// until then m.Data is valid.
func (s *service) message(q *http.Request, m *edge.Message) (body, *failure) {
	b, f := s.bodies.read(q, s.cfg.MaxMessage)
	m.Data, m.Binary = b.bytes, isBinary(q.Header["Content-Type"])
	return b, f
}

// isBinary says whether a Content-Type asks for a binary message.
func isBinary(values []string) bool {
	return strings.EqualFold(mediaType(values), "application/octet-stream")
}

// mediaType is a Content-Type without its parameters.
func mediaType(values []string) string {
	if len(values) == 0 {
		return ""
	}
	kind, _, _ := strings.Cut(values[0], ";")
	return strings.TrimSpace(kind)
}

// options reads what a publish has besides its body.
func (s *service) options(q *http.Request, m *edge.Message) (f *failure) {
	if m.Once, f = idempotencyKey(q); f != nil {
		return f
	}
	query, f := parameters(q, "exclude", "key")
	if f != nil || query == nil {
		return f
	}
	if names, ok := query["exclude"]; ok {
		if m.Exclude, ok = s.edge.ParseConn(names[0]); !ok {
			return badConnection("exclude", names[0])
		}
	}
	if keys, ok := query["key"]; ok {
		if m.Key = keys[0]; m.Key == "" {
			return s.refused(edge.ErrKey, "")
		}
	}
	return nil
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
