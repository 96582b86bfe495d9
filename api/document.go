package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/roostws/roost/edge"
)

const patchType = "application/json-patch+json" // RFC 6902, section 6

// document gives a room's document.
func (s *service) document(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	room := q.PathValue("room")
	d, err := s.edge.Document(room)
	if err != nil {
		fail(w, s.refused(err, room))
		return
	}
	w.Header()["Etag"] = []string{etag(d.Version)}
	line := appendVersion(nil, room, d.Version)
	send(w, append(append(append(line, `,"document":`...), d.Data...), '}', '\n'))
}

// setDocument replaces a room's document, whatever its version.
func (s *service) setDocument(w http.ResponseWriter, q *http.Request) {
	_, f := parameters(q)
	if f == nil && q.Header["If-Match"] != nil {
		f = badRequest("If-Match is not served with PUT, which replaces any version: a PATCH with it would be right")
	}
	if f != nil {
		fail(w, f)
		return
	}
	b, f := s.jsonBody(q)
	if f != nil {
		fail(w, f)
		return
	}
	defer b.release()
	room := q.PathValue("room")
	version, err := s.edge.SetDocument(room, bytes.Clone(b.bytes))
	s.changed(w, room, version, err)
}

// patchDocument changes one version of a room's document.
func (s *service) patchDocument(w http.ResponseWriter, q *http.Request) {
	query, f := parameters(q, "base")
	if f != nil {
		fail(w, f)
		return
	}
	if kind := mediaType(q.Header["Content-Type"]); !strings.EqualFold(kind, patchType) {
		w.Header()["Accept-Patch"] = []string{patchType} // RFC 5789, section 2.2
		fail(w, &failure{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("Content-Type %q is no patch: %s would be right", shorten(kind), patchType)})
		return
	}
	base, f := baseVersion(q, query)
	if f != nil {
		fail(w, f)
		return
	}
	b, f := s.jsonBody(q)
	if f != nil {
		fail(w, f)
		return
	}
	defer b.release()
	room := q.PathValue("room")
	version, err := s.edge.PatchDocument(room, base, b.bytes)
	s.changed(w, room, version, err)
}

// changed answers a change of a document.
func (s *service) changed(w http.ResponseWriter, room string, version uint64, err error) {
	switch {
	case errors.Is(err, edge.ErrTooLarge):
		fail(w, &failure{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the document would be too large: at most %d bytes would be right", s.cfg.MaxMessage)})
	case err != nil:
		fail(w, s.refused(err, room))
	default:
		w.Header()["Etag"] = []string{etag(version)}
		send(w, append(appendVersion(nil, room, version), '}', '\n'))
	}
}

// jsonBody reads a body that must be JSON of up to a message's size. It must be
// released, but for a failure.
func (s *service) jsonBody(q *http.Request) (body, *failure) {
	f := notRepeatable(q)
	if f != nil {
		return body{}, f
	}
	b, f := s.bodies.read(q, s.cfg.MaxMessage)
	if f != nil {
		return b, f
	}
	if f := checkJSON(b.bytes); f != nil {
		b.release()
		return body{}, f
	}
	return b, nil
}

// baseVersion reads which version a patch was made on: from the query, or from the
// header If-Match (RFC 9110, section 13.1.1).
func baseVersion(q *http.Request, query url.Values) (uint64, *failure) {
	tags := q.Header["If-Match"]
	_, inQuery := query["base"]
	switch {
	case inQuery && tags != nil:
		return 0, badRequest("base and If-Match stand together: one of the two would be right")
	case inQuery:
		return number(query, "base", 0, 1<<64-1, 0)
	case tags == nil:
		return 0, badRequest(`the version that the patch was made on is missing: ?base=7 or If-Match: "7" would be right`)
	}
	n, err := strconv.ParseUint(strings.Trim(tags[0], `"`), 10, 64)
	if err != nil || len(tags) > 1 || tags[0] != etag(n) {
		return 0, badRequest(fmt.Sprintf(`If-Match %q is not one version: "7", quotation marks and all, would be right`, shorten(strings.Join(tags, ", "))))
	}
	return n, nil
}

func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

// appendVersion appends an object of a room and its document's version, but for its end.
func appendVersion(b []byte, room string, version uint64) []byte {
	b = appendString(append(b, `{"room":`...), room)
	return strconv.AppendUint(append(b, `,"version":`...), version, 10)
}
