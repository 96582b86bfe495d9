package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/edge"
)

// start runs a push server and its API at 127.0.0.1 for the test.
func start(t testing.TB, cfg edge.Config, apiConfig Config) (*edge.Server, *httptest.Server, string) {
	t.Helper()
	cfg.Listen = []string{"127.0.0.1:0"}
	e, err := edge.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
	})
	client := "ws://" + e.Addrs()[0].(*net.TCPAddr).String()
	if apiConfig.Dev {
		apiConfig.ClientURL = client
	}
	s := serve(t, apiConfig, e)
	until(t, "readiness", func() bool { return ask(t, "GET", s.URL+"/readyz", "").StatusCode == 200 })
	return e, s, client
}

// join opens a raw stream and gives the connection's name.
func join(t testing.TB, url string) (c *websocket.Conn, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, r, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, r.Header.Get("Roost-Connection")
}

func want(t testing.TB, c *websocket.Conn, kind websocket.MessageType, data string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	k, b, err := c.Read(ctx)
	if err != nil || k != kind || string(b) != data {
		t.Fatalf("%v %q, %v; want %v %q", k, b, err, kind, data)
	}
}

func TestServer_PublishReachesMembers(t *testing.T) {
	_, s, client := start(t, edge.Config{}, Config{})
	a, nameA := join(t, client+"/rooms/r")
	b, _ := join(t, client+"/rooms/r?rooms=other")
	at := s.URL + "/v1/rooms/r/publish"

	r := ask(t, "POST", at, "hello")
	var first, second edge.Position
	if err := json.Unmarshal([]byte(r.body), &first); err != nil || first.Offset != 1 || first.Epoch == "" {
		t.Fatalf("%s", r.body)
	}
	ask(t, "POST", at, "\x00\xff", "Content-Type: application/octet-stream")
	r = ask(t, "POST", at+"?exclude="+nameA, "not for a")
	if err := json.Unmarshal([]byte(r.body), &second); err != nil || second.Offset != 3 || second.Epoch != first.Epoch {
		t.Fatalf("%s", r.body)
	}
	r = ask(t, "POST", s.URL+"/v1/publish", fmt.Sprintf(`[{"room":"r","data":{"n":1}},{"room":"other","data":"o"},{"room":"r","base64":"AP8="},{"room":"r","data":"x","exclude":%q}]`, nameA))
	if r.StatusCode != 200 || strings.Contains(r.body, "error") {
		t.Fatal(r.body)
	}
	ask(t, "POST", at, "last")
	for _, m := range []struct {
		kind websocket.MessageType
		data string
	}{{websocket.MessageText, "hello"}, {websocket.MessageBinary, "\x00\xff"}, {websocket.MessageText, `{"n":1}`}, {websocket.MessageBinary, "\x00\xff"}, {websocket.MessageText, "last"}} {
		want(t, a, m.kind, m.data)
	}
	var got []string
	for range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, data, err := b.Read(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != "o" { // the order is of each room
			got = append(got, string(data))
		}
	}
	if all := strings.Join(got, "|"); all != "hello|\x00\xff|not for a|{\"n\":1}|\x00\xff|x|last" {
		t.Errorf("b got %q", all)
	}
}

func TestServer_Refuses(t *testing.T) {
	_, s, _ := start(t, edge.Config{MaxMessage: 1000}, Config{MaxMessage: 1000})
	at := s.URL + "/v1/rooms/r/publish"
	if r := ask(t, "POST", at, strings.Repeat("x", 1000)); r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	ask(t, "POST", at, strings.Repeat("x", 1001)).wantError(t, 413, "too_large", "1000")
	ask(t, "POST", at, "\xff").wantError(t, 400, "bad_request", "UTF-8")
	ask(t, "POST", at+"?exclude=x", "x").wantError(t, 400, "bad_request", "exclude")
	ask(t, "POST", s.URL+"/v1/rooms/"+strings.Repeat("r", 201)+"/publish", "x").wantError(t, 400, "bad_request", "room name")
	ask(t, "POST", s.URL+"/v1/rooms/a%20b/publish", "x").wantError(t, 400, "bad_request", "room name")
	r := ask(t, "POST", s.URL+"/v1/publish", `[{"room":"r","data":"`+strings.Repeat("x", 1001)+`"},{"room":"r","data":"`+strings.Repeat("x", 1000)+`"}]`)
	if r.StatusCode != 200 || !strings.HasPrefix(r.body, `[{"error":"too_large"`) || !strings.Contains(r.body, `{"room":"r","offset":2,`) {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func TestServer_StatsAndMetrics(t *testing.T) {
	_, s, client := start(t, edge.Config{}, Config{})
	c, _ := join(t, client+"/rooms/r?rooms=q")
	for range 3 {
		ask(t, "POST", s.URL+"/v1/rooms/r/publish", "hello")
		want(t, c, websocket.MessageText, "hello")
	}
	until(t, "the loop has counted its last write, which the client may see before", func() bool {
		return strings.Contains(ask(t, "GET", s.URL+"/metrics", "").body, "\nroost_publish_queue_bytes 0\n")
	})
	var st figures
	if err := json.Unmarshal([]byte(ask(t, "GET", s.URL+"/v1/stats", "").body), &st); err != nil {
		t.Fatal(err)
	}
	if st.Connections != 1 || st.Rooms != 2 || st.Published != 3 || st.Delivered != 3 || st.Dropped != 0 || st.UptimeSeconds <= 0 || st.Draining || st.BytesSent == 0 || st.TableBytes == 0 {
		t.Errorf("%+v", st)
	}
	metrics := ask(t, "GET", s.URL+"/metrics", "").body
	for _, line := range []string{`roost_connections 1`, `roost_rooms 2`, `roost_messages_published_total 3`, `roost_messages_delivered_total 3`,
		`roost_handshakes_total{result="ok"} 1`, `roost_publish_seconds_count 3`, `roost_connections_closed_total{reason="slow_consumer"} 0`, `roost_messages_dropped_total{reason="slow_consumer"} 0`} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	until(t, "the client's end", func() bool {
		return strings.Contains(ask(t, "GET", s.URL+"/metrics", "").body, "\nroost_connections_closed_total{reason=\"client\"} 1\n")
	})
}

func TestServer_Draining(t *testing.T) {
	e, s, client := start(t, edge.Config{DrainTimeout: time.Second}, Config{})
	c, _ := join(t, client+"/rooms/r")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- e.Shutdown(ctx) }()
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the client sees %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	ask(t, "GET", s.URL+"/healthz", "").wantOK(t, "ok\n")
	r := ask(t, "GET", s.URL+"/readyz", "")
	r.wantError(t, 503, "unavailable", "")
	until(t, "the server's end", func() bool { return ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x").StatusCode == 503 })
	r = ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x")
	r.wantError(t, 503, "unavailable", "not running")
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// The demo as the page sees it: all five symbols on one connection.
func TestServer_Feed(t *testing.T) {
	_, s, _ := start(t, edge.Config{}, Config{Dev: true})
	var d demo
	if err := json.Unmarshal([]byte(ask(t, "GET", s.URL+"/page.json", "").body), &d); err != nil {
		t.Fatal(err)
	}
	c, _ := join(t, d.URL+"/rooms/"+d.Rooms[0]+"?rooms="+strings.Join(d.Rooms[1:], ","))
	runFeed(t, FeedConfig{AdminURL: s.URL})
	next := map[string]uint64{}
	for range 25 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, b, err := c.Read(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		var q quote
		if err := json.Unmarshal(b, &q); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if next[q.Symbol]++; q.Number != next[q.Symbol] {
			t.Errorf("%s: number %d, want %d", q.Symbol, q.Number, next[q.Symbol])
		}
	}
	if len(next) != len(symbols) {
		t.Errorf("symbols %v", next)
	}
	ask(t, "POST", s.URL+"/v1/rooms/"+d.Lobby+"/publish", "hello")
	until(t, "the lobby's message", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, b, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) == "hello"
	})
}
