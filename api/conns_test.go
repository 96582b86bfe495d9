package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestServer_Documents(t *testing.T) {
	s, _ := startWorld(t)
	at := s.URL + "/v1/rooms/doc.1/document"
	const kind = "Content-Type: application/json-patch+json"
	ask(t, "GET", at, "").wantOK(t, `{"room":"doc.1","version":0,"document":{}}`+"\n")
	ask(t, "PUT", at, `{"a":1}`).wantOK(t, `{"room":"doc.1","version":1}`+"\n")
	r := ask(t, "GET", at, "")
	r.wantOK(t, `{"room":"doc.1","version":1,"document":{"a":1}}`+"\n")
	tag := r.Header.Get("Etag")
	patch := `[{"op":"replace","path":"/a","value":2}]`
	ask(t, "PATCH", at, patch, kind, "If-Match: "+tag).wantOK(t, `{"room":"doc.1","version":2}`+"\n")
	r = ask(t, "PATCH", at, patch, kind, "If-Match: "+tag)
	r.wantError(t, 409, "conflict", "another version")
	if !strings.Contains(r.body, `"version":2,"document":{"a":2}`) {
		t.Errorf("%s", r.body)
	}
	ask(t, "PATCH", at+"?base=2", `[{"op":"remove","path":"/nothing"}]`, kind).wantError(t, 400, "invalid", "")
	ask(t, "PATCH", at+"?base=2", `{"op":"remove"}`, kind).wantError(t, 400, "invalid", "")
	ask(t, "GET", s.URL+"/v1/rooms/chat/document", "").wantError(t, 404, "not_found", "holds no document")
	ask(t, "PUT", s.URL+"/v1/rooms/chat/document", "{}").wantError(t, 404, "not_found", "holds no document")
}

func TestServer_Users(t *testing.T) {
	s, client := startWorld(t)
	a, _ := enter(t, client, "/rooms/r", "a/é")
	b, _ := enter(t, client, "/rooms/q", "a/é")
	at := s.URL + "/v1/users/a%2F%C3%A9"
	ask(t, "POST", at+"/send", "hello").wantOK(t, `{"user":"a/é","connections":2}`+"\n")
	ask(t, "POST", at+"/send", "\xff", "Content-Type: application/octet-stream")
	for _, c := range []*websocket.Conn{a, b} {
		want(t, c, websocket.MessageText, "hello")
		want(t, c, websocket.MessageBinary, "\xff")
	}
	ask(t, "POST", at+"/send", "\xff").wantError(t, 400, "bad_request", "UTF-8")
	ask(t, "POST", s.URL+"/v1/users/nobody/send", "x").wantOK(t, `{"user":"nobody","connections":0}`+"\n")
	ask(t, "POST", s.URL+"/v1/users/%00/send", "x").wantError(t, 400, "bad_request", "user is not")
	type conns struct{ Connections []connItem }
	if got := fetch[conns](t, "GET", at, "").Connections; len(got) != 2 || got[0].User != "a/é" {
		t.Errorf("%+v", got)
	}
	ask(t, "POST", at+"/disconnect?reconnect=true", "").wantOK(t, `{"user":"a/é","connections":2}`+"\n")
	wantClose(t, a, 4002)
	wantClose(t, b, 4002)
	until(t, "the user's end", func() bool { return ask(t, "GET", at, "").body == `{"user":"a/é","connections":[]}`+"\n" })
}

func TestServer_Connections(t *testing.T) {
	s, client := startWorld(t)
	var names []string
	var all []*websocket.Conn
	for _, user := range []string{"alice", "bob", "carol"} {
		c, name := enter(t, client, "/rooms/r?rooms=q", user)
		names, all = append(names, name), append(all, c)
	}
	type page struct {
		Connections []connItem
		Next        string
	}
	var seen []string
	for after := ""; len(seen) < 10; {
		p := fetch[page](t, "GET", s.URL+"/v1/connections?limit=2&after="+after, "")
		for _, c := range p.Connections {
			seen = append(seen, c.ID)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, slices.Sorted(slices.Values(names))) {
		t.Errorf("%v, want %v", seen, names)
	}
	c := fetch[connItem](t, "GET", s.URL+"/v1/connections/"+names[0], "")
	if c.ID != names[0] || c.Kind != "raw" || c.User != "alice" || !slices.Equal(c.Rooms, []string{"r", "q"}) || !strings.HasPrefix(c.Address, "127.0.0.1:") || c.Expires == 0 || string(c.Info) != `{"a":1}` {
		t.Errorf("%+v", c)
	}
	ask(t, "DELETE", s.URL+"/v1/connections/"+names[0], "").wantOK(t, `{"id":"`+names[0]+`"}`+"\n")
	wantClose(t, all[0], 4502)
	ask(t, "DELETE", s.URL+"/v1/connections/"+names[1]+"?reconnect=true", "").wantOK(t, `{"id":"`+names[1]+`"}`+"\n")
	wantClose(t, all[1], 4002)
	for _, method := range []string{"GET", "DELETE"} {
		until(t, "the connection's end", func() bool {
			return ask(t, method, s.URL+"/v1/connections/"+names[0], "").StatusCode == http.StatusNotFound
		})
		ask(t, method, s.URL+"/v1/connections/"+names[0], "").wantError(t, 404, "not_found", names[0])
		ask(t, method, s.URL+"/v1/connections/nothing!", "").wantError(t, 400, "bad_request", "not a connection's ID")
	}
	type closingPage struct {
		Closings []closingItem
		Next     string
	}
	until(t, "the closings", func() bool {
		return len(fetch[closingPage](t, "GET", s.URL+"/v1/closings", "").Closings) == 2
	})
	p := fetch[closingPage](t, "GET", s.URL+"/v1/closings?user=alice&conn="+names[0], "")
	if len(p.Closings) != 1 || p.Closings[0].Conn != names[0] || p.Closings[0].By != "api" || p.Closings[0].Code != 4502 || p.Closings[0].Kind != "raw" {
		t.Fatalf("%+v", p)
	}
	if got := fetch[closingPage](t, "GET", s.URL+"/v1/closings?reason="+p.Closings[0].Reason+"&user=bob", "").Closings; len(got) != 1 || got[0].Conn != names[1] || got[0].Code != 4002 {
		t.Errorf("%+v", got)
	}
	newest := fetch[closingPage](t, "GET", s.URL+"/v1/closings?limit=1", "")
	older := fetch[closingPage](t, "GET", s.URL+"/v1/closings?limit=1&after="+newest.Next, "")
	if len(newest.Closings) != 1 || newest.Closings[0].Conn != names[1] || len(older.Closings) != 1 || older.Closings[0].Conn != names[0] {
		t.Errorf("%+v, %+v", newest, older)
	}
	ask(t, "GET", s.URL+"/v1/closings?reason=bored", "").wantError(t, 400, "bad_request", "slow_consumer")
}

func TestServer_Ticket(t *testing.T) {
	s, client := startWorld(t)
	type ticket struct {
		Ticket  string
		Expires int64
	}
	tk := fetch[ticket](t, "POST", s.URL+"/v1/tickets", `{"sub":"alice","rooms":["chat.*"],"info":{"a":1}}`)
	join(t, client+"/rooms/chat.1?ticket="+tk.Ticket)
	plain := "http" + strings.TrimPrefix(client, "ws")
	for _, at := range []string{"/rooms/chat.1?ticket=" + tk.Ticket, "/rooms/chat.1"} {
		r := ask(t, "GET", plain+at, "", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
		if r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", at, r.StatusCode, r.body)
		}
	}
	if r := ask(t, "GET", s.URL+"/v1/users/alice", ""); !strings.Contains(r.body, `"info":{"a":1}`) {
		t.Errorf("%s", r.body)
	}
}

// A server's answers are as the description says.
func TestServer_AnswersAsDescribed(t *testing.T) {
	s, client := startWorld(t)
	c := newContract(t)
	_, name := enter(t, client, "/rooms/meet.1?rooms=doc.1,chat", "alice")
	_, gone := enter(t, client, "/rooms/meet.1", "bob")
	ask(t, "POST", s.URL+"/v1/rooms/chat/publish?key=k", `{"a":1}`)
	ask(t, "POST", s.URL+"/v1/rooms/chat/publish", "\x00", "Content-Type: application/octet-stream")
	for _, u := range []struct {
		operation, at, body string
		headers             []string
	}{
		{"DELETE /v1/connections/{id}", "/v1/connections/" + gone, "", nil},
		{"POST /v1/rooms/{room}/publish", "/v1/rooms/chat/publish?exclude=" + name, "hello", []string{"Content-Type: text/plain", "Idempotency-Key: k"}},
		{"POST /v1/publish", "/v1/publish", `[{"room":"chat","data":1},{"room":"chat","base64":"AA==","key":"k"}]`, []string{"Content-Type: application/json"}},
		{"GET /v1/rooms", "/v1/rooms?limit=1", "", nil},
		{"GET /v1/rooms/{room}", "/v1/rooms/meet.1", "", nil},
		{"GET /v1/rooms/{room}/presence", "/v1/rooms/meet.1/presence?limit=1", "", nil},
		{"GET /v1/rooms/{room}/history", "/v1/rooms/chat/history", "", nil},
		{"PUT /v1/rooms/{room}/document", "/v1/rooms/doc.1/document", `{"a":1}`, []string{"Content-Type: application/json"}},
		{"GET /v1/rooms/{room}/document", "/v1/rooms/doc.1/document", "", nil},
		{"PATCH /v1/rooms/{room}/document", "/v1/rooms/doc.1/document?base=1", `[{"op":"add","path":"/a","value":2}]`, []string{"Content-Type: application/json-patch+json"}},
		{"GET /v1/users/{user}", "/v1/users/alice", "", nil},
		{"POST /v1/users/{user}/send", "/v1/users/alice/send", "x", []string{"Content-Type: text/plain"}},
		{"GET /v1/connections", "/v1/connections", "", nil},
		{"GET /v1/connections/{id}", "/v1/connections/" + name, "", nil},
		{"GET /v1/closings", "/v1/closings", "", nil},
		{"POST /v1/tickets", "/v1/tickets", `{"sub":"alice"}`, []string{"Content-Type: application/json"}},
		{"GET /v1/stats", "/v1/stats", "", nil},
		{"GET /metrics", "/metrics", "", nil},
	} {
		c.check(t, u.operation, s.URL+u.at, u.body, http.StatusOK, u.headers...)
	}
}
