package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/roostws/roost/edge"
)

func TestDocument_Get(t *testing.T) {
	rec := &recorder{known: known{documents: map[string]edge.Document{"doc.1": {Version: 7, Data: []byte(`{"title": "<x>"}`)}, "doc.2": {Data: []byte("{}")}}}}
	s := serve(t, Config{}, rec)
	r := ask(t, "GET", s.URL+"/v1/rooms/doc.1/document", "")
	r.wantOK(t, `{"room":"doc.1","version":7,"document":{"title": "<x>"}}`+"\n")
	if got := r.Header.Get("Etag"); got != `"7"` {
		t.Errorf("ETag %s", got)
	}
	ask(t, "GET", s.URL+"/v1/rooms/doc.2/document", "").wantOK(t, `{"room":"doc.2","version":0,"document":{}}`+"\n")
	ask(t, "GET", s.URL+"/v1/rooms/r/document", "").wantError(t, 404, "not_found", `"r" holds no document`)
}

func TestDocument_Put(t *testing.T) {
	rec := &recorder{known: known{documents: map[string]edge.Document{"doc.1": {Version: 7}}}}
	s := serve(t, Config{MaxMessage: 1000}, rec)
	at := s.URL + "/v1/rooms/doc.1/document"
	r := ask(t, "PUT", at, ` {"a":1} `, "Content-Type: application/json")
	r.wantOK(t, `{"room":"doc.1","version":8}`+"\n")
	if got := r.Header.Get("Etag"); got != `"8"` {
		t.Errorf("ETag %s", got)
	}
	ask(t, "PUT", at, "null")
	rec.wantCalls(t, `SetDocument doc.1  {"a":1} `, `SetDocument doc.1 null`)
	for body, message := range map[string]string{"": "not JSON", "{": "not JSON", "{} x": "at byte 3", "{} {}": "more than one value", "\"\xff\"": "invalid UTF-8", `{"a":1,"a":2}`: "twice"} {
		ask(t, "PUT", at, body).wantError(t, 400, "bad_request", message)
	}
	ask(t, "PUT", at, `"`+strings.Repeat("x", 999)+`"`).wantError(t, 413, "too_large", "1000")
	ask(t, "PUT", at, "{}", `If-Match: "7"`).wantError(t, 400, "bad_request", "PATCH")
	ask(t, "PUT", at, "{}", "Idempotency-Key: x").wantError(t, 400, "bad_request", "Idempotency-Key")
	rec.wantCalls(t)
}

func TestDocument_Patch(t *testing.T) {
	rec := &recorder{known: known{documents: map[string]edge.Document{"doc.1": {Version: 7, Data: []byte(`{"a":1}`)}}}}
	s := serve(t, Config{MaxMessage: 1000}, rec)
	at := s.URL + "/v1/rooms/doc.1/document"
	const patch, kind = `[{"op":"replace","path":"/a","value":2}]`, "Content-Type: application/json-patch+json"
	r := ask(t, "PATCH", at+"?base=7", patch, kind)
	r.wantOK(t, `{"room":"doc.1","version":8}`+"\n")
	if got := r.Header.Get("Etag"); got != `"8"` {
		t.Errorf("ETag %s", got)
	}
	ask(t, "PATCH", at, patch, "Content-Type: Application/JSON-Patch+JSON; charset=utf-8", `If-Match: "7"`).wantOK(t, `{"room":"doc.1","version":8}`+"\n")
	rec.wantCalls(t, "PatchDocument doc.1 7 "+patch, "PatchDocument doc.1 7 "+patch)

	r = ask(t, "PATCH", at+"?base=6", patch, kind)
	r.wantError(t, 409, "conflict", "another version")
	if !strings.HasSuffix(r.body, `,"version":7,"document":{"a":1}}`+"\n") {
		t.Errorf("%s", r.body)
	}
	ask(t, "PATCH", s.URL+"/v1/rooms/doc.2/document?base=1", patch, kind).wantError(t, 409, "conflict", "another version")
	rec.wantCalls(t, "PatchDocument doc.1 6 "+patch, "PatchDocument doc.2 1 "+patch)

	for _, wrong := range []string{"Content-Type: application/json", "Accept: x", "Content-Type: "} {
		r = ask(t, "PATCH", at+"?base=7", patch, wrong)
		r.wantError(t, 415, "unsupported", "application/json-patch+json")
		if got := r.Header.Get("Accept-Patch"); got != "application/json-patch+json" {
			t.Errorf("Accept-Patch %q", got)
		}
	}
	for _, tag := range []string{"7", `W/"7"`, `"7", "8"`, `*`, `""`, `"07"`, `"7`, `"-1"`, `"x"`} {
		ask(t, "PATCH", at, patch, kind, "If-Match: "+tag).wantError(t, 400, "bad_request", "is not one version")
	}
	ask(t, "PATCH", at, patch, kind, `If-Match: "7"`, `If-Match: "7"`).wantError(t, 400, "bad_request", "is not one version")
	ask(t, "PATCH", at+"?base=7", patch, kind, `If-Match: "7"`).wantError(t, 400, "bad_request", "one of the two")
	ask(t, "PATCH", at, patch, kind).wantError(t, 400, "bad_request", "is missing")
	ask(t, "PATCH", at+"?base=x", patch, kind).wantError(t, 400, "bad_request", "base is")
	ask(t, "PATCH", at+"?base=7", "[", kind).wantError(t, 400, "bad_request", "not JSON")
	rec.wantCalls(t)
}

func TestDocument_Refused(t *testing.T) {
	invalid := &edge.InvalidError{Message: "the document would not be valid", Details: []edge.Detail{{Path: "/a/0", Message: `"x" is no number`}}}
	for _, c := range []struct {
		err     error
		status  int
		code    string
		message string
		more    string
	}{
		{edge.ErrNoDocument, 404, "not_found", "holds no document", ""},
		{edge.ErrTooLarge, 413, "too_large", "the document would be too large: at most 65536", ""},
		{edge.ErrMemory, 503, "unavailable", "memory", ""},
		{fmt.Errorf("set: %w", invalid), 400, "invalid", "not be valid", `,"details":[{"path":"/a/0","message":"\"x\" is no number"}]}`},
		{&edge.InvalidError{Message: "it does not apply"}, 400, "invalid", "not apply", `,"details":[]}`},
	} {
		s := serve(t, Config{}, &recorder{err: c.err})
		for _, method := range []string{"PUT", "PATCH"} {
			path := map[string]string{"PUT": "", "PATCH": "?base=0"}[method]
			r := ask(t, method, s.URL+"/v1/rooms/r/document"+path, "[]", "Content-Type: application/json-patch+json")
			r.wantError(t, c.status, c.code, c.message)
			if !strings.Contains(r.body, c.more) {
				t.Errorf("%s: want %s", r.body, c.more)
			}
		}
	}
}
