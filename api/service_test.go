package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestNew_ConfigErrors(t *testing.T) {
	for _, c := range []struct {
		cfg   Config
		field string
	}{
		{Config{MaxMessage: -1}, "MaxMessage"},
		{Config{MaxMessage: 124}, "MaxMessage"},
		{Config{MaxMessage: 64<<20 + 1}, "MaxMessage"},
		{Config{Secret: "two words"}, "Secret"},
		{Config{Secret: "line\n"}, "Secret"},
		{Config{Dev: true}, "ClientURL"},
		{Config{Dev: true, ClientURL: "http://127.0.0.1:8080"}, "ClientURL"},
		{Config{Dev: true, ClientURL: "ws://127.0.0.1:8080?x=1"}, "ClientURL"},
	} {
		_, err := New(c.cfg, &recorder{})
		var f *edge.FieldError
		if !errors.As(err, &f) || f.Field != c.field {
			t.Errorf("%+v: %v, want an error of %s", c.cfg, err, c.field)
		}
		if err != nil && c.cfg.Secret != "" && strings.Contains(err.Error(), c.cfg.Secret) {
			t.Errorf("the secret stands in %q", err)
		}
	}
	if _, err := New(Config{Dev: true, ClientURL: "wss://example.org/push"}, &recorder{}); err != nil {
		t.Error(err)
	}
}

func TestService_UnknownPaths(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	for _, path := range []string{
		"/nothing", "/v1", "/v1/", "/v1/rooms/", "/v1/rooms/r/", "/v1/rooms/r/publish/", "/v1/rooms/r/members", "/v1/rooms//publish", "/v1/rooms/a/b/publish",
		"/v1/rooms/../publish", "//v1/publish", "/v1/./stats", "/v1/users", "/v1/users/u/", "/v1/users/a/b/send", "/v1/users//send", "/v1/connections/", "/v1/connections/conn7/x", "/v1/tickets/t", "/v1/openapi", "/v1/openapi.json", "/metrics/", "/page.html", "/page", "/debug/pprof/", "/debug/freemem",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			ask(t, method, s.URL+path, "").wantError(t, 404, "not_found", "nothing is served")
		}
	}
	long := ask(t, "GET", s.URL+"/"+strings.Repeat("x", 5000), "")
	long.wantError(t, 404, "not_found", "")
	if len(long.body) > 300 {
		t.Errorf("the answer has %d bytes", len(long.body))
	}
}

func TestService_WrongMethod(t *testing.T) {
	s := serve(t, Config{Debug: true, Dev: true, ClientURL: "ws://127.0.0.1:1"}, &recorder{})
	for path, allow := range map[string]string{
		"/v1/rooms/r/publish": "POST", "/v1/publish": "POST", "/debug/freemem": "POST", "/v1/tickets": "POST", "/v1/drain": "POST", "/v1/users/u/send": "POST", "/v1/users/u/disconnect": "POST",
		"/v1/rooms": "GET, HEAD", "/v1/rooms/r": "GET, HEAD", "/v1/rooms/r/presence": "GET, HEAD", "/v1/rooms/r/history": "GET, HEAD", "/v1/rooms/r/document": "GET, HEAD, PATCH, PUT",
		"/v1/users/u": "GET, HEAD", "/v1/connections": "GET, HEAD", "/v1/connections/conn7": "DELETE, GET, HEAD", "/v1/closings": "GET, HEAD", "/v1/openapi.yaml": "GET, HEAD",
		"/v1/stats": "GET, HEAD", "/metrics": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD",
		"/": "GET, HEAD", "/page.js": "GET, HEAD", "/page.json": "GET, HEAD", "/debug/pprof/": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			r := ask(t, method, s.URL+path, "")
			r.wantError(t, 405, "method_not_allowed", allow)
			if got := r.Header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
			}
		}
	}
}

// HEAD is served wherever GET is, without a body.
func TestService_Head(t *testing.T) {
	s := serve(t, Config{Debug: true}, sampleWorld())
	paths := []string{"/"}
	for _, u := range operationsUnderTest {
		if strings.HasPrefix(u.operation, "GET ") && u.status == 200 {
			paths = append(paths, u.at)
		}
	}
	for _, path := range paths {
		if r := ask(t, "HEAD", s.URL+path, ""); r.StatusCode != 200 || r.body != "" {
			t.Errorf("HEAD %s: %d %q", path, r.StatusCode, r.body)
		}
	}
}

func TestService_Secret(t *testing.T) {
	const secret = "s3cret"
	rec := &recorder{}
	s := serve(t, Config{Secret: secret, Debug: true, Dev: true, DevToken: "tok", ClientURL: "ws://127.0.0.1:1"}, rec)
	for _, path := range []string{"/v1/stats", "/metrics", "/page.json", "/debug/pprof/", "/nothing", "/v1/publish"} {
		r := ask(t, "GET", s.URL+path, "")
		r.wantError(t, 401, "unauthorized", "missing")
		if got := r.Header.Get("Www-Authenticate"); got != `Bearer realm="roost"` {
			t.Errorf("WWW-Authenticate %q", got)
		}
		for _, wrong := range []string{"Bearer s3cre", "Bearer s3cret1", "Bearer S3CRET", "Bearer s3cret s3cret"} {
			r := ask(t, "GET", s.URL+path, "", "Authorization: "+wrong)
			r.wantError(t, 401, "unauthorized", "wrong")
			if got := r.Header.Get("Www-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if strings.Contains(r.body, secret) {
				t.Errorf("the secret is told: %s", r.body)
			}
		}
		for _, none := range []string{"Basic czNjcmV0", "s3cret", "Bearer", "Bearer "} {
			ask(t, "GET", s.URL+path, "", "Authorization: "+none).wantError(t, 401, "unauthorized", "missing")
		}
		ask(t, "GET", s.URL+path, "", "Authorization: Bearer "+secret, "Authorization: Bearer other").wantError(t, 401, "unauthorized", "")
	}
	ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x").wantError(t, 401, "unauthorized", "")
	ask(t, "POST", s.URL+"/debug/freemem", "").wantError(t, 401, "unauthorized", "")
	rec.want(t)
	for _, path := range []string{"/", "/page.js", "/page.css", "/page.svg", "/healthz", "/readyz"} {
		if r := ask(t, "GET", s.URL+path, ""); r.StatusCode != 200 || strings.Contains(r.body, "tok\"") {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, right := range []string{"Bearer s3cret", "bearer s3cret", "BEARER  s3cret"} {
		if r := ask(t, "GET", s.URL+"/v1/stats", "", "Authorization: "+right); r.StatusCode != 200 {
			t.Errorf("%q: %d %s", right, r.StatusCode, r.body)
		}
	}
}

func TestService_Health(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	ask(t, "GET", s.URL+"/healthz", "").wantOK(t, "ok\n")
	ask(t, "GET", s.URL+"/healthz?now=1", "").wantOK(t, "ok\n")
	ask(t, "GET", s.URL+"/readyz", "").wantOK(t, "ready\n")

	s = serve(t, Config{}, &recorder{unready: edge.ErrDraining})
	ask(t, "GET", s.URL+"/healthz", "").wantOK(t, "ok\n")
	r := ask(t, "GET", s.URL+"/readyz", "")
	r.wantError(t, 503, "unavailable", "draining")
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestService_Panic(t *testing.T) {
	var log lockedBuffer
	rec := &recorder{broken: true}
	s := serve(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, rec)
	for range 2 {
		r := ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x")
		r.wantError(t, 500, "internal", "failed")
		if strings.Contains(r.body, "out of order") {
			t.Errorf("the panic is told: %s", r.body)
		}
	}
	ask(t, "GET", s.URL+"/v1/stats", "").wantError(t, 500, "internal", "failed")
	ask(t, "GET", s.URL+"/metrics", "").wantError(t, 500, "internal", "")
	rec.broken = false
	ask(t, "GET", s.URL+"/healthz", "").wantOK(t, "ok\n")
	if r := ask(t, "GET", s.URL+"/metrics", ""); !strings.Contains(r.body, "\nroost_panics_total 4\n") {
		t.Errorf("panics are not counted: %s", r.body)
	}
	s.Close()
	if n := strings.Count(log.String(), "out of order"); n < 3 {
		t.Errorf("%d panics in the log: %s", n, log.String())
	}
}

func TestService_Stats(t *testing.T) {
	st := edge.Stats{
		Connections: 3, Rooms: 2, Draining: true, Uptime: 1500 * time.Millisecond, Opened: 9, Received: 4, Published: 5, Delivered: 6,
		BytesReceived: 7, BytesSent: 8, Panics: 1, AcceptPauses: 2, OutboxBytes: 10, PublishBytes: 11, ReadBytes: 12, TableBytes: 13,
		HistoryBytes: 21, HistoryMessages: 22, Documents: 23, DocumentBytes: 24, PresenceRooms: 25, RoomsEvicted: 27, HistoriesEvicted: 28, Repeated: 30, Tickets: 31, Parked: 32,
		Closed:     []edge.Count{{Label: "client", N: 4}, {Label: "no_pong", N: 2}},
		Dropped:    []edge.Count{{Label: "slow_consumer", N: 1}, {Label: "overload", N: 2}},
		Handshakes: []edge.Count{{Label: "ok", N: 9}, {Label: "origin", N: 0}},
	}
	s := serve(t, Config{Version: "v1.2.3"}, &recorder{figures: st})
	r := ask(t, "GET", s.URL+"/v1/stats", "")
	var got map[string]any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"connections": 3.0, "rooms": 2.0, "draining": true, "uptime_seconds": 1.5, "opened": 9.0, "closed": 6.0, "received": 4.0, "published": 5.0,
		"delivered": 6.0, "dropped": 3.0, "bytes_received": 7.0, "bytes_sent": 8.0, "outbox_bytes": 10.0, "publish_queue_bytes": 11.0,
		"read_bytes": 12.0, "table_bytes": 13.0, "panics": 1.0, "accept_pauses": 2.0, "history_bytes": 21.0, "history_messages": 22.0,
		"documents": 23.0, "document_bytes": 24.0, "presence_rooms": 25.0, "rooms_evicted": 27.0, "histories_evicted": 28.0, "repeated": 30.0, "tickets": 31.0, "parked": 32.0, "version": "v1.2.3",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if by, _ := got["handshakes"].(map[string]any); len(by) != 2 || by["ok"] != 9.0 || by["origin"] != 0.0 {
		t.Errorf("handshakes: %v", by)
	}
	ask(t, "GET", s.URL+"/v1/stats?x=1", "").wantError(t, 400, "bad_request", `unknown query parameter "x": none`)
}

func TestService_Headers(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	for _, path := range []string{"/v1/stats", "/metrics", "/nothing", "/healthz"} {
		r := ask(t, "GET", s.URL+path, "")
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s lets other origins read", path)
		}
	}
}

func TestService_Debug(t *testing.T) {
	s := serve(t, Config{Debug: true}, &recorder{})
	r := ask(t, "POST", s.URL+"/debug/freemem", "")
	var got map[string]float64
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	for _, name := range []string{"heap_bytes", "in_use_bytes", "sys_bytes", "stack_bytes", "objects", "goroutines"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if r := ask(t, "GET", s.URL+"/debug/pprof/", ""); r.StatusCode != 200 || !strings.Contains(r.body, "goroutine") {
		t.Errorf("index: %d", r.StatusCode)
	}
	for _, path := range []string{"heap", "goroutine?debug=1", "profile?seconds=1", "trace?seconds=0.05", "symbol"} {
		if r := ask(t, "GET", s.URL+"/debug/pprof/"+path, ""); r.StatusCode != 200 || r.body == "" {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, path := range []string{"cmdline", "nothing"} {
		ask(t, "GET", s.URL+"/debug/pprof/"+path, "").wantError(t, 404, "not_found", path)
	}
}

// The libraries' handlers fail as ours do.
func TestInJSON(t *testing.T) {
	w := httptest.NewRecorder()
	inJSON(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		http.Error(w, "it is \"out\" of order "+strings.Repeat("x", 1000), http.StatusServiceUnavailable)
	})(w, nil)
	r := reply{w.Result(), w.Body.String()}
	r.Request = httptest.NewRequest("GET", "/", nil)
	r.wantError(t, 503, "unavailable", `it is "out" of order`)
	if h := w.Header(); h.Get("Content-Encoding") != "" || h.Get("Retry-After") == "" || w.Body.Len() > 600 {
		t.Errorf("%v, %d bytes", h, w.Body.Len())
	}
}
