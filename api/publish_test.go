package api

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestPublish_BodyIsTheMessage(t *testing.T) {
	for _, c := range []struct {
		name, kind, body string
		binary           bool
	}{
		{"text", "text/plain", "hello", false},
		{"json", "application/json", `{"a":1}`, false},
		{"no type", "", "hello", false},
		{"form, as curl sends", "application/x-www-form-urlencoded", "hello=1&x", false},
		{"empty", "", "", false},
		{"unicode", "text/plain; charset=utf-8", "zażółć 😀", false},
		{"binary", "application/octet-stream", "\x00\xff\xfe", true},
		{"binary with parameter", "Application/Octet-Stream; x=1", "\xff", true},
		{"not quite binary", "application/octet-streams", "x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := &recorder{}
			s := serve(t, Config{}, rec)
			var headers []string
			if c.kind != "" {
				headers = []string{"Content-Type: " + c.kind}
			}
			r := ask(t, "POST", s.URL+"/v1/rooms/a.b:c@d=e,f;g+h~-_/publish", c.body, headers...)
			r.wantOK(t, `{"room":"a.b:c@d=e,f;g+h~-_","offset":1,"epoch":"e1"}`+"\n")
			if got := r.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			rec.want(t, message{room: "a.b:c@d=e,f;g+h~-_", data: c.body, binary: c.binary})
		})
	}
}

func TestPublish_Refused(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{MaxMessage: 1000}, rec)
	at := s.URL + "/v1/rooms/r/publish"
	for _, c := range []struct {
		name, url, body string
		headers         []string
		status          int
		code, message   string
	}{
		{"text that is not UTF-8", at, "\xff", nil, 400, "bad_request", "not UTF-8"},
		{"too large", at, strings.Repeat("x", 1001), nil, 413, "too_large", "at most 1000 bytes"},
		{"unknown parameter", at + "?keys=k", "x", nil, 400, "bad_request", `unknown query parameter "keys": exclude, key`},
		{"unknown beside known", at + "?exclude=conn7&what=", "x", nil, 400, "bad_request", `"what"`},
		{"no connection", at + "?exclude=nobody", "x", nil, 400, "bad_request", `"nobody"`},
		{"empty connection", at + "?exclude=", "x", nil, 400, "bad_request", `exclude ""`},
		{"two connections", at + "?exclude=conn7&exclude=conn7", "x", nil, 400, "bad_request", "once"},
		{"malformed query", at + "?exclude=%zz", "x", nil, 400, "bad_request", "malformed"},
		{"semicolon in query", at + "?exclude=conn7;a=b", "x", nil, 400, "bad_request", "malformed"},
		{"bad room", s.URL + "/v1/rooms/a%2Fb/publish", "x", nil, 400, "bad_request", `"a/b": room name`},
		{"compressed", at, "x", []string{"Content-Encoding: gzip"}, 415, "unsupported", "gzip"},
		{"empty key", at + "?key=", "x", nil, 400, "bad_request", "key is not"},
		{"long key", at + "?key=" + strings.Repeat("k", 201), "x", nil, 400, "bad_request", "key is not"},
		{"two keys", at + "?key=a&key=b", "x", nil, 400, "bad_request", "once"},
		{"empty idempotency key", at, "x", []string{"Idempotency-Key: "}, 400, "bad_request", "1 to 200 visible"},
		{"long idempotency key", at, "x", []string{"Idempotency-Key: " + strings.Repeat("k", 201)}, 400, "bad_request", "1 to 200 visible"},
		{"idempotency key of two words", at, "x", []string{"Idempotency-Key: a b"}, 400, "bad_request", "visible"},
		{"idempotency key that is not ASCII", at, "x", []string{"Idempotency-Key: é"}, 400, "bad_request", "visible"},
		{"two idempotency keys", at, "x", []string{"Idempotency-Key: a", "Idempotency-Key: a"}, 400, "bad_request", "stands 2 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask(t, "POST", c.url, c.body, c.headers...).wantError(t, c.status, c.code, c.message)
			rec.want(t)
		})
	}
}

func TestPublish_Limit_TakesWhatIsExactlyAsLarge(t *testing.T) {
	for _, limit := range []int{125, 4095, 4096, 4097, 65535, 65536, 200_000} {
		rec := &recorder{}
		s := serve(t, Config{MaxMessage: limit}, edgeWithoutLimit{rec})
		for _, chunked := range []bool{false, true} {
			for _, n := range []int{limit - 1, limit, limit + 1} {
				var body interface{ Read([]byte) (int, error) } = strings.NewReader(strings.Repeat("x", n))
				if chunked {
					body = bufio.NewReader(body) // of no length that net/http knows
				}
				q, _ := http.NewRequest("POST", s.URL+"/v1/rooms/r/publish", body)
				r, err := http.DefaultTransport.RoundTrip(q)
				if err != nil {
					t.Fatalf("limit %d, %d bytes, chunked %v: %v", limit, n, chunked, err)
				}
				r.Body.Close()
				got := rec.take()
				if n <= limit {
					if r.StatusCode != 200 || len(got) != 1 || len(got[0].data) != n {
						t.Errorf("limit %d, %d bytes, chunked %v: status %d, %d messages", limit, n, chunked, r.StatusCode, len(got))
					}
				} else if r.StatusCode != 413 || len(got) != 0 {
					t.Errorf("limit %d, %d bytes, chunked %v: status %d, %d messages", limit, n, chunked, r.StatusCode, len(got))
				}
			}
		}
	}
}

// edgeWithoutLimit takes messages of any size.
type edgeWithoutLimit struct{ *recorder }

func (e edgeWithoutLimit) Publish(room string, m edge.Message) (edge.Position, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, message{room, string(m.Data), m.Binary, m.Exclude, m.Key, m.Once, m.String})
	return edge.Position{Offset: 1}, nil
}

func TestPublish_Exclude(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	ask(t, "POST", s.URL+"/v1/rooms/r/publish?exclude=conn7", "x").wantOK(t, `{"room":"r","offset":1,"epoch":"e1"}`+"\n")
	rec.want(t, message{room: "r", data: "x", exclude: 7})
}

func TestPublish_Key(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	key := strings.Repeat("k", 200)
	ask(t, "POST", s.URL+"/v1/rooms/r/publish?key=NORD%2F%C3%A9", "x")
	ask(t, "POST", s.URL+"/v1/rooms/r/publish?exclude=conn7&key="+key, "x")
	rec.want(t, message{room: "r", data: "x", key: "NORD/é"}, message{room: "r", data: "x", key: key, exclude: 7})
}

func TestPublish_IdempotencyKey(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	long := strings.Repeat("~", 200)
	ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x", "Idempotency-Key: "+long)
	ask(t, "POST", s.URL+"/v1/rooms/r/publish", `"x"`, `Idempotency-Key: "8e03978e-40d5"`)
	rec.want(t, message{room: "r", data: "x", once: long}, message{room: "r", data: `"x"`, once: `"8e03978e-40d5"`})
}

func TestPublish_EdgeRefuses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{edge.ErrOverloaded, 503, "unavailable", "1"},
		{edge.ErrClosed, 503, "unavailable", "5"},
		{edge.ErrDraining, 503, "unavailable", "5"},
		{fmt.Errorf("publish: %w", edge.ErrOverloaded), 503, "unavailable", "1"},
		{edge.ErrTooLarge, 413, "too_large", ""},
		{errors.New("something of the inside"), 500, "internal", ""},
	} {
		s := serve(t, Config{}, &recorder{err: c.err})
		r := ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x")
		r.wantError(t, c.status, c.code, "")
		if got := r.Header.Get("Retry-After"); got != c.retry {
			t.Errorf("%v: Retry-After %q, want %q", c.err, got, c.retry)
		}
		if strings.Contains(r.body, "inside") {
			t.Errorf("an internal error is told: %s", r.body)
		}
	}
}

// A body that is announced and does not come must not publish what came of it.
func TestPublish_BodyCutShort(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "POST /v1/rooms/r/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
	_ = c.(*net.TCPConn).CloseWrite()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		defer r.Body.Close()
		if r.StatusCode != 400 {
			t.Errorf("status %d, want 400", r.StatusCode)
		}
	}
	rec.want(t)
}

// A body that does not come is given up, and its sender is told.
func TestPublish_BodyTooSlow(t *testing.T) {
	rec := &recorder{}
	h, err := New(Config{}, rec)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ReadTimeout = 100 * time.Millisecond
	s.Start()
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(c, "POST /v1/rooms/r/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d, want 408", r.StatusCode)
	}
	rec.want(t)
}

// Publishing is cheap: what it takes does not grow with the message. The pools
// may be emptied while it is measured; so the bound is not tight.
func TestPublish_Allocations(t *testing.T) {
	for _, size := range []int{128, 60_000} {
		run := handlerRun(t, Config{Secret: "s3cret"}, "/v1/rooms/ticker.NORD/publish", strings.Repeat("x", size))
		if n := testing.AllocsPerRun(500, run); n > 4 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}
