package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

var tokenSecret = []byte("0123456789abcdef0123456789abcdef")

// startWorld runs a push server that asks for tokens and keeps presence in meet.* and
// documents in doc.*.
func startWorld(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	verifier, err := auth.NewHMAC(auth.HMACConfig{Secrets: [][]byte{tokenSecret}})
	if err != nil {
		t.Fatal(err)
	}
	_, s, client := start(t, edge.Config{Auth: verifier, Rooms: []edge.RoomPolicy{
		{Match: "meet.*", Presence: true}, {Match: "doc.*", Document: true},
	}}, Config{})
	return s, client
}

// enter opens a raw stream as a user, who may join all rooms.
func enter(t *testing.T, client, path, user string) (*websocket.Conn, string) {
	t.Helper()
	token, err := auth.Mint(tokenSecret, "HS256", auth.Identity{
		User: user, Expires: time.Now().Add(time.Hour).Unix(), Rooms: auth.Patterns{"*"}, Info: []byte(`{"a":1}`),
	}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return join(t, client+path+separator+"token="+token)
}

// fetch asks for JSON and gives it.
func fetch[T any](t *testing.T, method, url, body string, headers ...string) (v T) {
	t.Helper()
	r := ask(t, method, url, body, headers...)
	if r.StatusCode != 200 {
		t.Fatalf("%s %s: %d %s", method, url, r.StatusCode, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%s %s: %q: %v", method, url, r.body, err)
	}
	return v
}

// wantClose reads until the end and checks its code.
func wantClose(t *testing.T, c *websocket.Conn, code websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, _, err := c.Read(ctx)
		if err == nil {
			continue
		}
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code {
			t.Errorf("the end is %v, want %d", err, code)
		}
		return
	}
}

type roomsPage struct {
	Rooms []roomItem
	Next  string
}

func TestServer_Rooms_InPages(t *testing.T) {
	s, client := startWorld(t)
	enter(t, client, "/rooms/a.1?rooms=a.2,a.3,a.4,b.1", "alice")
	enter(t, client, "/rooms/a.1", "bob")
	got := map[string]int{}
	after := ""
	for range 10 {
		p := fetch[roomsPage](t, "GET", s.URL+"/v1/rooms?prefix=a.&limit=2&after="+after, "")
		if len(p.Rooms) > 2 {
			t.Fatalf("a page of %d", len(p.Rooms))
		}
		for _, r := range p.Rooms {
			if _, twice := got[r.Room]; twice {
				t.Errorf("%s stands twice", r.Room)
			}
			got[r.Room] = r.Members
		}
		if after = p.Next; after == "" {
			break
		}
	}
	if len(got) != 4 || got["a.1"] != 2 || got["a.4"] != 1 {
		t.Errorf("%v", got)
	}
	ask(t, "GET", s.URL+"/v1/rooms?prefix=none", "").wantOK(t, `{"rooms":[]}`+"\n")
	at := fetch[edge.Position](t, "POST", s.URL+"/v1/rooms/a.1/publish", "x")
	if r := fetch[roomWhole](t, "GET", s.URL+"/v1/rooms/a.1", ""); r.Members != 2 || r.Offset != 1 || r.Epoch != at.Epoch || r.Presence || r.Document {
		t.Errorf("%+v", r)
	}
	if r := fetch[roomWhole](t, "GET", s.URL+"/v1/rooms/doc.9", ""); r.Members != 0 || r.Epoch != "" || !r.Document {
		t.Errorf("%+v", r)
	}
	ask(t, "GET", s.URL+"/v1/rooms/a%20b", "").wantError(t, 400, "bad_request", "room name")
}

func TestServer_Presence(t *testing.T) {
	s, client := startWorld(t)
	_, a := enter(t, client, "/rooms/meet.1", "alice")
	_, b := enter(t, client, "/rooms/meet.1", "alice")
	_, c := enter(t, client, "/rooms/meet.1", "bob/é")
	type page struct {
		Room               string
		Count, Connections int
		Members            []memberItem
		Next               string
	}
	p := fetch[page](t, "GET", s.URL+"/v1/rooms/meet.1/presence", "")
	if p.Room != "meet.1" || p.Count != 2 || p.Connections != 3 || len(p.Members) != 3 || p.Next != "" {
		t.Fatalf("%+v", p)
	}
	for _, m := range p.Members {
		if i := slices.Index([]string{a, b, c}, m.Conn); i < 0 || m.User != []string{"alice", "alice", "bob/é"}[i] || string(m.Info) != `{"a":1}` {
			t.Errorf("%+v", m)
		}
	}
	var seen []string
	for after := ""; len(seen) < 10; {
		p = fetch[page](t, "GET", s.URL+"/v1/rooms/meet.1/presence?limit=1&after="+after, "")
		for _, m := range p.Members {
			seen = append(seen, m.Conn)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	slices.Sort(seen)
	if all := []string{a, b, c}; len(seen) != 3 || !slices.Equal(slices.Compact(seen), slices.Sorted(slices.Values(all))) {
		t.Errorf("pages gave %v", seen)
	}
	ask(t, "GET", s.URL+"/v1/rooms/meet.1/presence?after=garbage", "").wantError(t, 400, "bad_request", "after")
	ask(t, "GET", s.URL+"/v1/rooms/chat/presence", "").wantError(t, 404, "not_found", "keeps no presence")
}

func TestServer_History(t *testing.T) {
	s, _ := startWorld(t)
	at := s.URL + "/v1/rooms/chat/publish"
	first := fetch[edge.Position](t, "POST", at, `{"a": 1}`)
	ask(t, "POST", at+"?key=k", "hello")
	ask(t, "POST", at, "\x00\xff", "Content-Type: application/octet-stream")
	type page struct {
		Epoch    string
		Offset   uint64
		Whole    bool
		Messages []struct {
			Offset      uint64
			Time        time.Time
			Data        json.RawMessage
			Base64, Key string
		}
	}
	p := fetch[page](t, "GET", s.URL+"/v1/rooms/chat/history", "")
	if p.Epoch != first.Epoch || p.Offset != 3 || !p.Whole || len(p.Messages) != 3 {
		t.Fatalf("%+v", p)
	}
	if m := p.Messages; string(m[0].Data) != `{"a": 1}` || string(m[1].Data) != `"hello"` || m[1].Key != "k" || m[2].Base64 != "AP8=" || m[2].Data != nil || time.Since(m[0].Time).Abs() > time.Minute {
		t.Errorf("%+v", m)
	}
	if p = fetch[page](t, "GET", s.URL+"/v1/rooms/chat/history?since=1&limit=1", ""); len(p.Messages) != 1 || p.Messages[0].Offset != 2 || !p.Whole {
		t.Errorf("%+v", p)
	}
	for range 200 {
		ask(t, "POST", at, "more")
	}
	if p = fetch[page](t, "GET", s.URL+"/v1/rooms/chat/history?since=1", ""); p.Whole || len(p.Messages) != 100 || p.Messages[0].Offset != 104 || p.Offset != 203 {
		t.Errorf("whole %v, %d messages, up to %d", p.Whole, len(p.Messages), p.Offset)
	}
}

// A repeat is answered as the first was and delivered to nobody.
func TestServer_IdempotencyKey(t *testing.T) {
	s, client := startWorld(t)
	c, _ := enter(t, client, "/rooms/r?rooms=q", "alice")
	at := s.URL + "/v1/rooms/r/publish"
	first := ask(t, "POST", at, "one", "Idempotency-Key: k").body
	ask(t, "POST", at, "one", "Idempotency-Key: k").wantOK(t, first)
	batch := `[{"room":"r","data":"two"},{"room":"q","data":"three"}]`
	second := ask(t, "POST", s.URL+"/v1/publish", batch, "Idempotency-Key: k").body
	ask(t, "POST", s.URL+"/v1/publish", batch, "Idempotency-Key: k").wantOK(t, second)
	ask(t, "POST", s.URL+"/v1/publish", batch, "Idempotency-Key: "+strings.Repeat("k", 200))
	ask(t, "POST", at, "last")
	got := map[string]int{}
	for got["last"] == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, data, err := c.Read(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		got[string(data)]++
	}
	if got["one"] != 1 || got["two"] != 2 || got["three"] > 2 {
		t.Errorf("%v", got)
	}
	metrics := ask(t, "GET", s.URL+"/metrics", "").body
	for _, line := range []string{"roost_publishes_repeated_total 3", "roost_idempotency_keys 5"} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}
