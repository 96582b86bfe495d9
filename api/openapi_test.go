package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	failures "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/paths"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/roostws/roost/edge"
)

// A contract is openapi.yaml and what holds requests and answers against it.
type contract struct {
	model     *v3.Document
	validator validator.Validator
	seen      map[string]bool // operations, with "ok" or "error" behind, that were checked
}

func newContract(t *testing.T) *contract {
	t.Helper()
	doc, err := libopenapi.NewDocument(openapi)
	if err != nil {
		t.Fatal(err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	// What may hold any JSON holds an "a", or labels, which the strict mode would call undeclared.
	v, errs := validator.NewValidator(doc, config.WithFormatAssertions(), config.WithContentAssertions(), config.WithStrictMode(),
		config.WithStrictIgnorePaths("$.body.a", "$.body.**.a", "$.body.info.*", "$.body.**.info.*", "$.body.closed_by.*", "$.body.dropped_by.*", "$.body.handshakes.*", "$.body.asked.*"),
		config.WithStrictIgnoredHeadersExtra("X-Content-Type-Options", "Cross-Origin-Resource-Policy"))
	if errs != nil {
		t.Fatal(errs)
	}
	return &contract{&model.Model, v, map[string]bool{}}
}

// operations are the paths and methods of the document.
func (c *contract) operations() []string {
	var all []string
	for path, item := range c.model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// check sends a request and holds the answer, and the request where it is meant to
// be right, against the document.
func (c *contract) check(t *testing.T, operation, url, body string, status int, headers ...string) {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	r := ask(t, method, url, body, headers...)
	if r.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d: %s", method, url, r.StatusCode, status, r.body)
		return
	}
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		q.Body, q.ContentLength = http.NoBody, 0
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		q.Header.Add(name, value)
	}
	if _, _, at := paths.FindPath(q, c.model, config.NewValidationOptions()); at != path {
		t.Errorf("%s %s is %q by the document, want %q", method, url, at, path)
	}
	if status < 300 {
		_, wrong := c.validator.ValidateHttpRequest(q)
		complain(t, "the request of "+operation+" "+url, wrong)
	}
	r.Body = io.NopCloser(strings.NewReader(r.body))
	_, wrong := c.validator.ValidateHttpResponse(q, r.Response)
	complain(t, fmt.Sprintf("the answer %d of %s %s: %s", status, operation, url, r.body), wrong)
	kind := " ok"
	if status >= 400 {
		kind = " error"
	}
	c.seen[operation+kind] = true
}

func complain(t *testing.T, what string, wrong []*failures.ValidationError) {
	t.Helper()
	for _, w := range wrong {
		t.Errorf("%s\n%s: %s", what, w.Message, w.Reason)
		for _, s := range w.SchemaValidationErrors {
			t.Errorf("  %s: %s", s.FieldPath, s.Reason)
		}
	}
}

func TestOpenAPI_IsValid(t *testing.T) {
	ok, wrong := newContract(t).validator.ValidateDocument()
	complain(t, "openapi.yaml", wrong)
	if !ok && wrong == nil {
		t.Error("it is not valid")
	}
}

func TestOpenAPI_IsServed(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	r := ask(t, "GET", s.URL+"/v1/openapi.yaml", "")
	r.wantOK(t, string(openapi))
	if got := r.Header.Get("Content-Type"); got != "application/yaml" {
		t.Errorf("Content-Type %q", got)
	}
}

// debugService serves all that can be served.
func debugService(t *testing.T) *service {
	t.Helper()
	h, err := New(Config{Debug: true}, &recorder{figures: sample()})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*service)
}

// served are the methods and paths that s serves, but for the files of the page.
func served(s *service) (all []string) {
	files := s.page.files()
	for _, r := range s.routes() {
		if files[strings.TrimSuffix(r.pattern, "{$}")] != nil {
			continue
		}
		for _, v := range r.verbs {
			if v.method == "" {
				all = append(all, "GET "+r.pattern, "POST "+r.pattern)
				continue
			}
			all = append(all, v.method+" "+r.pattern)
		}
	}
	return all
}

// What is served and what is described are the same; but for the files of the page,
// which are for browsers.
func TestOpenAPI_AgreesWithRoutes(t *testing.T) {
	served := served(debugService(t))
	for i, call := range served {
		if strings.HasSuffix(call, "/") {
			served[i] += "{profile}" // of what stands below a path, by its name
		}
	}
	slices.Sort(served)
	if described := newContract(t).operations(); !slices.Equal(served, described) {
		t.Errorf("served\n%s\ndescribed\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}

// The examples are what the schemas beside them say.
func TestOpenAPI_ExamplesAreRight(t *testing.T) {
	c := newContract(t)
	schemas := schema_validation.NewSchemaValidator(config.WithFormatAssertions(), config.WithContentAssertions())
	checked := 0
	check := func(where string, m *v3.MediaType) {
		if m == nil || m.Example == nil || m.Schema == nil {
			return
		}
		checked++
		var example any
		if err := m.Example.Decode(&example); err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		text, err := json.Marshal(example)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		_, wrong := schemas.ValidateSchemaBytesWithVersion(m.Schema.Schema(), text, 3.1)
		complain(t, where, wrong)
	}
	for path, item := range c.model.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			where := method + " " + path
			if op.RequestBody != nil {
				for kind, m := range op.RequestBody.Content.FromOldest() {
					check(where+" "+kind, m)
				}
			}
			for status, r := range op.Responses.Codes.FromOldest() {
				if r.Content != nil {
					for kind, m := range r.Content.FromOldest() {
						check(where+" "+status+" "+kind, m)
					}
				}
			}
		}
	}
	if checked < 60 {
		t.Errorf("%d examples", checked)
	}
}

// sampleWorld is a recorder that knows something of everything.
func sampleWorld() *recorder {
	conns := sampleConns()
	return &recorder{
		known: known{
			rooms: []edge.RoomInfo{
				{Room: "chat.1", Members: 3, Users: 2, Presence: true, Position: edge.Position{Offset: 41, Epoch: "e1"}},
				{Room: "r", Members: 1, Document: true},
			},
			presence: map[string]edge.PresencePage{"r": {Users: 2, Connections: 3, Members: []edge.PresenceMember{
				{User: "alice", Conn: "conn7", Info: []byte(`{"name":"Alice"}`)}, {Conn: "conn8"},
			}}},
			history: edge.HistoryPage{Position: edge.Position{Offset: 9, Epoch: "e1"}, Whole: true, Messages: []edge.HistoryMessage{
				{Offset: 5, Time: time.Unix(1767225600, 5e8), Data: []byte(`{"a":1}`), Key: "k", From: []byte(`{"user":"alice","conn":"conn7"}`)},
				{Offset: 6, Time: time.Unix(1767225600, 5e8), Data: []byte("\x00"), Binary: true},
			}},
			documents:   map[string]edge.Document{"r": {Version: 7, Data: []byte(`{"a":1}`)}},
			connections: conns,
			closings: []edge.Closing{
				{Conn: "conn7", User: "alice", Kind: "native", Remote: conns[0].Remote, Time: time.Unix(1767225600, 5e8), Reason: edge.ReasonSlowConsumer, By: "server", Code: 4003, Age: time.Hour, Heard: time.Second, Queued: 9},
				{Conn: "conn8", Kind: "raw", Time: time.Unix(1767225600, 0), Reason: edge.ReasonLost, By: "network"},
			},
			next: "c1", ticket: "t0p", expires: time.Unix(1767225600, 0),
		},
		figures: sample(),
	}
}

// operationsUnderTest are right and wrong requests of every operation. The first of an
// operation is right.
var operationsUnderTest = []struct {
	operation, at, body string
	status              int
	headers             []string
}{
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish?exclude=conn7&key=k", "hello", 200, []string{"Content-Type: text/plain", "Idempotency-Key: k-1"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish", `{"a":1}`, 200, []string{"Content-Type: application/json"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish", "\xff", 200, []string{"Content-Type: application/octet-stream"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/a%20b/publish", "x", 400, []string{"Content-Type: text/plain"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish", "x", 400, []string{"Content-Type: text/plain", "Idempotency-Key: a b"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish", strings.Repeat("x", 64<<10+1), 413, []string{"Content-Type: text/plain"}},
	{"POST /v1/rooms/{room}/publish", "/v1/rooms/r/publish", "x", 415, []string{"Content-Type: text/plain", "Content-Encoding: gzip"}},
	{"POST /v1/publish", "/v1/publish", `[{"room":"r","data":1,"key":"k"},{"room":"r","base64":"AA==","exclude":"conn7"}]`, 200, []string{"Content-Type: application/json", "Idempotency-Key: k"}},
	{"POST /v1/publish", "/v1/publish", `[]`, 200, []string{"Content-Type: application/json"}},
	{"POST /v1/publish", "/v1/publish", `[1]`, 400, []string{"Content-Type: application/json"}},
	{"GET /v1/rooms", "/v1/rooms?prefix=c&limit=2&after=x", "", 200, nil},
	{"GET /v1/rooms", "/v1/rooms?limit=0", "", 400, nil},
	{"GET /v1/rooms/{room}", "/v1/rooms/chat.1", "", 200, nil},
	{"GET /v1/rooms/{room}", "/v1/rooms/nobody", "", 200, nil},
	{"GET /v1/rooms/{room}", "/v1/rooms/a%20b", "", 400, nil},
	{"GET /v1/rooms/{room}/presence", "/v1/rooms/r/presence?limit=2&after=x", "", 200, nil},
	{"GET /v1/rooms/{room}/presence", "/v1/rooms/q/presence", "", 404, nil},
	{"GET /v1/rooms/{room}/history", "/v1/rooms/r/history?since=4&limit=1000", "", 200, nil},
	{"GET /v1/rooms/{room}/history", "/v1/rooms/r/history?since=x", "", 400, nil},
	{"GET /v1/rooms/{room}/document", "/v1/rooms/r/document", "", 200, nil},
	{"GET /v1/rooms/{room}/document", "/v1/rooms/q/document", "", 404, nil},
	{"PUT /v1/rooms/{room}/document", "/v1/rooms/r/document", `{"a":2}`, 200, []string{"Content-Type: application/json"}},
	{"PUT /v1/rooms/{room}/document", "/v1/rooms/r/document", `{`, 400, []string{"Content-Type: application/json"}},
	{"PATCH /v1/rooms/{room}/document", "/v1/rooms/r/document?base=7", `[{"op":"replace","path":"/a","value":2}]`, 200, []string{"Content-Type: application/json-patch+json"}},
	{"PATCH /v1/rooms/{room}/document", "/v1/rooms/r/document", `[]`, 200, []string{"Content-Type: application/json-patch+json", `If-Match: "7"`}},
	{"PATCH /v1/rooms/{room}/document", "/v1/rooms/r/document?base=6", `[]`, 409, []string{"Content-Type: application/json-patch+json"}},
	{"PATCH /v1/rooms/{room}/document", "/v1/rooms/q/document?base=6", `[]`, 409, []string{"Content-Type: application/json-patch+json"}},
	{"PATCH /v1/rooms/{room}/document", "/v1/rooms/r/document?base=7", `[]`, 415, []string{"Content-Type: application/json"}},
	{"GET /v1/users/{user}", "/v1/users/a%2Fb", "", 200, nil},
	{"GET /v1/users/{user}", "/v1/users/alice?limit=1", "", 400, nil},
	{"POST /v1/users/{user}/send", "/v1/users/alice/send", "hello", 200, []string{"Content-Type: text/plain"}},
	{"POST /v1/users/{user}/send", "/v1/users/" + strings.Repeat("u", 201) + "/send", "hello", 400, []string{"Content-Type: text/plain"}},
	{"POST /v1/users/{user}/disconnect", "/v1/users/alice/disconnect?reconnect=true", "", 200, nil},
	{"POST /v1/users/{user}/disconnect", "/v1/users/alice/disconnect?reconnect=1", "", 400, nil},
	{"GET /v1/connections", "/v1/connections?limit=2&after=x", "", 200, nil},
	{"GET /v1/connections", "/v1/connections?user=alice", "", 400, nil},
	{"GET /v1/connections/{id}", "/v1/connections/conn7", "", 200, nil},
	{"GET /v1/connections/{id}", "/v1/connections/conn9", "", 404, nil},
	{"DELETE /v1/connections/{id}", "/v1/connections/conn7?reconnect=false", "", 200, nil},
	{"DELETE /v1/connections/{id}", "/v1/connections/nobody", "", 400, nil},
	{"GET /v1/closings", "/v1/closings?user=alice&reason=client&conn=conn7&limit=2&after=x", "", 200, nil},
	{"GET /v1/closings", "/v1/closings?reason=bored", "", 400, nil},
	{"POST /v1/tickets", "/v1/tickets", `{"sub":"alice","rooms":["a*"],"publish":[],"info":{"a":1},"ttl":"30s"}`, 200, []string{"Content-Type: application/json"}},
	{"POST /v1/tickets", "/v1/tickets", `{"sub":"alice","rooms":null,"ttl":null}`, 200, []string{"Content-Type: application/json"}},
	{"POST /v1/tickets", "/v1/tickets", `{"sub":""}`, 400, []string{"Content-Type: application/json"}},
	{"POST /v1/drain", "/v1/drain", `{"over":"30s"}`, 200, []string{"Content-Type: application/json"}},
	{"POST /v1/drain", "/v1/drain", `{"over":"0s"}`, 400, []string{"Content-Type: application/json"}},
	{"GET /v1/stats", "/v1/stats", "", 200, nil},
	{"GET /v1/stats", "/v1/stats?x", "", 400, nil},
	{"GET /v1/openapi.yaml", "/v1/openapi.yaml", "", 200, nil},
	{"GET /v1/openapi.yaml", "/v1/openapi.yaml?x", "", 400, nil},
	{"GET /metrics", "/metrics", "", 200, nil},
	{"GET /healthz", "/healthz", "", 200, nil},
	{"GET /readyz", "/readyz", "", 200, nil},
	{"GET /page.json", "/page.json", "", 200, nil},
	{"GET /page.json", "/page.json?x", "", 400, nil},
	{"POST /debug/freemem", "/debug/freemem", "", 200, nil},
	{"POST /debug/freemem", "/debug/freemem?x", "", 400, nil},
	{"GET /debug/pprof/{profile}", "/debug/pprof/goroutine?debug=1", "", 200, nil},
	{"GET /debug/pprof/{profile}", "/debug/pprof/cmdline", "", 404, nil},
	{"GET /debug/pprof/symbol", "/debug/pprof/symbol", "", 200, nil},
	{"POST /debug/pprof/symbol", "/debug/pprof/symbol", "0x1", 200, []string{"Content-Type: text/plain"}},
}

// Requests and answers of every operation are as the document says, and so are the
// answers of a server that takes nothing, and to who has not the secret.
func TestOpenAPI_HoldsForEveryOperation(t *testing.T) {
	const secret = "s3cret"
	c := newContract(t)
	begins := func(time.Duration) bool { return true }
	up := serve(t, Config{Secret: secret, Debug: true, Dev: true, ClientURL: "ws://127.0.0.1:1", Drain: begins}, sampleWorld())
	down := sampleWorld()
	down.err, down.unready = edge.ErrDraining, edge.ErrDraining
	closing := serve(t, Config{Secret: secret, Debug: true, Drain: func(time.Duration) bool { return false }}, down)
	for _, u := range operationsUnderTest {
		c.check(t, u.operation, up.URL+u.at, u.body, u.status, append(u.headers, "Authorization: Bearer "+secret)...)
	}
	first := map[string]bool{}
	for _, u := range operationsUnderTest {
		if first[u.operation] {
			continue
		}
		first[u.operation] = true
		_, path, _ := strings.Cut(u.operation, " ")
		status := 503
		switch path {
		case "/healthz", "/page.json", "/metrics", "/v1/stats", "/v1/openapi.yaml", "/debug/freemem", "/debug/pprof/{profile}", "/debug/pprof/symbol":
			status = 200
		case "/v1/drain":
			status = 409
		}
		c.check(t, u.operation, closing.URL+u.at, u.body, status, append(u.headers, "Authorization: Bearer "+secret)...)
		if path != "/healthz" && path != "/readyz" {
			c.check(t, u.operation, up.URL+u.at, u.body, 401, u.headers...)
		}
		c.check(t, u.operation, up.URL+u.at, u.body, 403, append(u.headers, "Origin: http://evil.example")...)
	}
	for _, op := range c.operations() {
		for _, kind := range []string{" ok", " error"} {
			if !c.seen[op+kind] {
				t.Errorf("%s%s was not checked", op, kind)
			}
		}
	}
}
