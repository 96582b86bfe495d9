package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/roostws/roost/edge"
)

func TestService_Rooms(t *testing.T) {
	rec := &recorder{known: known{rooms: []edge.RoomInfo{
		{Room: "chat.1", Members: 3, Users: 2, Presence: true, Position: edge.Position{Offset: 41, Epoch: "e1"}},
		{Room: "chat.2", Members: 1, Document: true},
	}}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/rooms", "").wantOK(t, `{"rooms":[{"room":"chat.1","members":3,"users":2,"offset":41,"epoch":"e1"},`+
		`{"room":"chat.2","members":1,"offset":0,"epoch":""}]}`+"\n")
	rec.known.next = "c2"
	ask(t, "GET", s.URL+"/v1/rooms?prefix=chat.&limit=1&after=c%201", "").wantOK(t, `{"rooms":[{"room":"chat.1","members":3,"users":2,"offset":41,"epoch":"e1"}],"next":"c2"}`+"\n")
	rec.wantCalls(t, "Rooms   100", "Rooms chat. c 1 1")
	rec.known = known{}
	ask(t, "GET", s.URL+"/v1/rooms?prefix=", "").wantOK(t, `{"rooms":[]}`+"\n")
}

func TestService_Room(t *testing.T) {
	rec := &recorder{known: known{rooms: []edge.RoomInfo{
		{Room: "chat.1", Members: 3, Presence: true, Position: edge.Position{Offset: 41, Epoch: "e1"}},
		{Room: "chat~2", Members: 1, Document: true},
	}}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/rooms/chat.1", "").wantOK(t, `{"room":"chat.1","members":3,"users":0,"offset":41,"epoch":"e1","presence":true,"document":false}`+"\n")
	ask(t, "GET", s.URL+"/v1/rooms/chat%7E2", "").wantOK(t, `{"room":"chat~2","members":1,"offset":0,"epoch":"","presence":false,"document":true}`+"\n")
	ask(t, "GET", s.URL+"/v1/rooms/nobody", "").wantOK(t, `{"room":"nobody","members":0,"offset":0,"epoch":"","presence":false,"document":false}`+"\n")
	ask(t, "GET", s.URL+"/v1/rooms/a%20b", "").wantError(t, 400, "bad_request", `"a b": room name`)
}

func TestService_Presence(t *testing.T) {
	rec := &recorder{known: known{presence: map[string]edge.PresencePage{"chat.1": {Users: 2, Connections: 3, Members: []edge.PresenceMember{
		{User: "alice", Conn: "conn7", Info: []byte(`{"name":"<Alice>"}`)}, {User: "bob", Conn: "conn8"},
	}}}, next: "m2"}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/rooms/chat.1/presence?limit=2&after=m1", "").wantOK(t, `{"room":"chat.1","count":2,"connections":3,"members":[`+
		`{"user":"alice","conn":"conn7","info":{"name":"\u003cAlice\u003e"}},{"user":"bob","conn":"conn8"}],"next":"m2"}`+"\n")
	rec.wantCalls(t, "Presence chat.1 m1 2")
	ask(t, "GET", s.URL+"/v1/rooms/r/presence", "").wantError(t, 404, "not_found", `"r" keeps no presence`)
	ask(t, "GET", s.URL+"/v1/rooms/chat.1/presence?after=nobody%27s", "").wantError(t, 400, "bad_request", `after is "nobody's"`)
}

// What all lists and all queries have in common.
func TestService_Query(t *testing.T) {
	rec := &recorder{known: known{presence: map[string]edge.PresencePage{"r": {}}, connections: []edge.ConnInfo{{ID: 7}}}}
	s := serve(t, Config{}, rec)
	for _, path := range []string{"/v1/rooms", "/v1/rooms/r/presence", "/v1/connections", "/v1/closings"} {
		for _, limit := range []string{"0", "1001", "-1", "+1", "1.5", "", "x", "99999999999999999999"} {
			ask(t, "GET", s.URL+path+"?limit="+url.QueryEscape(limit), "").wantError(t, 400, "bad_request", fmt.Sprintf("limit is %q: a whole number from 1 to 1000", limit))
		}
		ask(t, "GET", s.URL+path+"?after=nobody%27s", "").wantError(t, 400, "bad_request", "after")
		ask(t, "GET", s.URL+path+"?after=", "")
		ask(t, "GET", s.URL+path+"?since=1", "").wantError(t, 400, "bad_request", `unknown query parameter "since"`)
	}
	ask(t, "GET", s.URL+"/v1/rooms/r/history?limit=0", "").wantError(t, 400, "bad_request", "from 1 to 1000")
	rec.wantCalls(t, "Rooms  nobody's 100", "Rooms   100", "Presence r nobody's 100", "Presence r  100",
		"Connections nobody's 100", "Connections  100", "Closings    nobody's 100", "Closings     100")
	for _, at := range []string{
		"GET /v1/rooms/r", "GET /v1/rooms/r/document", "PUT /v1/rooms/r/document", "PATCH /v1/rooms/r/document", "POST /v1/users/u/send", "POST /v1/users/u/disconnect",
		"GET /v1/users/u", "GET /v1/connections/conn7", "DELETE /v1/connections/conn7", "POST /v1/tickets", "GET /v1/openapi.yaml", "GET /v1/stats",
	} {
		method, path, _ := strings.Cut(at, " ")
		ask(t, method, s.URL+path+"?what=1", "").wantError(t, 400, "bad_request", `unknown query parameter "what"`)
	}
	rec.wantCalls(t)
}

// Every call says what the Edge says.
func TestService_EdgeRefuses(t *testing.T) {
	calls := []string{
		"GET /v1/rooms", "GET /v1/rooms/r", "GET /v1/rooms/r/presence", "GET /v1/rooms/r/history", "GET /v1/rooms/r/document", "PUT /v1/rooms/r/document",
		"PATCH /v1/rooms/r/document?base=1", "POST /v1/users/u/send", "POST /v1/users/u/disconnect", "GET /v1/users/u", "GET /v1/connections",
		"GET /v1/connections/conn7", "DELETE /v1/connections/conn7", "GET /v1/closings", "POST /v1/tickets",
	}
	for _, c := range []struct {
		err     error
		status  int
		code    string
		message string
		retry   string
	}{
		{edge.ErrRoom, 400, "bad_request", "room name", ""},
		{edge.ErrUser, 400, "bad_request", "user is not", ""},
		{edge.ErrOverloaded, 503, "unavailable", "try again", "1"},
		{edge.ErrClosed, 503, "unavailable", "not running", "5"},
		{edge.ErrDraining, 503, "unavailable", "not running", "5"},
		{edge.ErrMemory, 503, "unavailable", "memory", "5"},
		{edge.ErrFull, 503, "unavailable", "tickets", "5"},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), 503, "unavailable", "in time", "1"},
		{errors.New("something of the inside"), 500, "internal", "log", ""},
	} {
		s := serve(t, Config{}, &recorder{err: c.err})
		for _, at := range calls {
			method, path, _ := strings.Cut(at, " ")
			body := map[string]string{"PUT": "{}", "PATCH": "[]", "POST": ""}[method]
			if strings.HasSuffix(path, "/tickets") {
				body = `{"sub":"alice"}`
			}
			r := ask(t, method, s.URL+path, body, "Content-Type: "+patchType)
			r.wantError(t, c.status, c.code, c.message)
			if got := r.Header.Get("Retry-After"); got != c.retry {
				t.Errorf("%s, %v: Retry-After %q, want %q", at, c.err, got, c.retry)
			}
			if strings.Contains(r.body, "inside") {
				t.Errorf("%s: an internal error is told: %s", at, r.body)
			}
		}
	}
}
