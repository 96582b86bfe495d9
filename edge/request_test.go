package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/protocol"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func hmac(t testing.TB) auth.Verifier {
	t.Helper()
	v, err := auth.NewHMAC(auth.HMACConfig{Secrets: [][]byte{secret}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func token(t testing.TB, id auth.Identity) string {
	t.Helper()
	if id.Expires == 0 {
		id.Expires = time.Now().Add(time.Hour).Unix()
	}
	tok, err := auth.Mint(secret, "HS256", id, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// All is decided before 101, each with its status and one line of JSON.
func TestServer_Request_Statuses(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), Echo: true, TokenCookie: "session"}, nil)
	alice := token(t, auth.Identity{User: "alice", Rooms: auth.Patterns{"chat.*"}})
	bearer := "Authorization: Bearer " + alice + "\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"header":           {ask("/rooms/chat.1", bearer), 101, ""},
		"query":            {ask("/rooms/chat.1?token=" + alice), 101, ""},
		"subprotocol":      {ask("/rooms/chat.1", "Sec-WebSocket-Protocol: bearer."+alice+"\r\n"), 101, ""},
		"cookie":           {ask("/rooms/chat.1", "Cookie: a=b; session="+alice+"\r\n"), 101, ""},
		"same token twice": {ask("/rooms/chat.1?token="+alice, bearer), 101, ""},
		"escaped room":     {ask("/rooms/chat%2E1", bearer), 101, ""},
		"same host":        {ask("/rooms/chat.1", bearer, "Origin: http://test\r\n"), 101, ""},
		"echo":             {ask("/echo", bearer), 101, ""},
		"no token":         {ask("/rooms/chat.1"), 401, "unauthorized"},
		"garbage":          {ask("/rooms/chat.1?token=garbage"), 401, "unauthorized"},
		"expired":          {ask("/rooms/chat.1?token=" + token(t, auth.Identity{User: "a", Expires: time.Now().Add(-time.Hour).Unix()})), 401, "unauthorized"},
		"two tokens":       {ask("/rooms/chat.1?token=x", bearer), 400, "bad_request"},
		"wrong room":       {ask("/rooms/news", bearer), 403, "forbidden"},
		"one wrong room":   {ask("/rooms/chat.1?rooms=chat.2,news", bearer), 403, "forbidden"},
		"bad room":         {ask("/rooms/a%20b", bearer), 400, "bad_request"},
		"bad escape":       {ask("/rooms/a%2", bearer), 400, "bad_request"},
		"empty in rooms":   {ask("/rooms/chat.1?rooms=,", bearer), 400, "bad_request"},
		"too many rooms":   {ask("/rooms/chat.1?rooms="+strings.Repeat("chat.2,", 64)+"chat.3", bearer), 400, "bad_request"},
		"foreign origin":   {ask("/rooms/chat.1", bearer, "Origin: http://evil.example\r\n"), 403, "forbidden"},
		"no room":          {ask("/rooms/", bearer), 404, "not_found"},
		"other path":       {ask("/nothing", bearer), 404, "not_found"},
		"plain":            {"GET /rooms/x HTTP/1.1\r\nHost: test\r\n\r\n", 426, ""},
		"health":           {"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n", 200, ""},
		"version":          {strings.Replace(ask("/rooms/x"), "Version: 13", "Version: 12", 1), 426, ""},
		"not http":         {"hello there\r\n\r\n", 400, ""},
		"large head":       {ask("/rooms/x", "X: "+strings.Repeat("y", maxHead)+"\r\n"), 431, "too_large"},
		"endless head":     {"GET / HTTP/1.1\r\nX: " + strings.Repeat("y", maxHead+1000), 431, "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := f.raw()
			conn.t = t
			conn.send(c.request)
			status, body := conn.status()
			if status != c.status {
				t.Fatalf("%d %s, expected %d", status, body, c.status)
			}
			if c.code != "" {
				var e struct{ Error, Message string }
				if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error != c.code || e.Message == "" || strings.Count(body, "\n") > 1 {
					t.Errorf("body %q, %v", body, err)
				}
				if strings.Contains(body, alice) {
					t.Error("the token stands in the answer")
				}
			}
			if status != 101 {
				if _, err := conn.r.ReadByte(); err != io.EOF {
					t.Errorf("after the answer: %v", err)
				}
			}
		})
	}
}

func TestServer_Request_TokenIsNeverEchoed(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t)}, nil)
	alice := token(t, auth.Identity{User: "alice", Rooms: auth.Patterns{"*"}})
	c := f.raw()
	c.send(ask("/rooms/r", "Sec-WebSocket-Protocol: bearer."+alice+"\r\n"))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := resp.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		t.Errorf("subprotocol %q", p)
	}
	if _, ok := f.ParseConn(resp.Header.Get("Roost-Connection")); !ok {
		t.Errorf("no connection id in %v", resp.Header)
	}
}

// A request torn at every byte, with frames behind it, is answered and its
// frames are handled.
func TestServer_Request_TornAtEveryByte(t *testing.T) {
	f := serve(t, Config{Echo: true}, nil)
	request := ask("/echo") + masked(protocol.OpText, "early")
	for cut := 1; cut < len(request); cut += 1 + cut%3 {
		c := f.raw()
		c.send(request[:cut])
		if cut%2 == 0 {
			f.until("the first part is read", func() bool { return f.Stats().ReadBytes > 0 || cut > len(ask("/echo")) })
		}
		c.send(request[cut:])
		if status, body := c.status(); status != 101 {
			t.Fatalf("cut at %d: %d %s", cut, status, body)
		}
		if op, b, err := c.frame(); err != nil || op != protocol.OpText || string(b) != "early" {
			t.Fatalf("cut at %d: %v %q %v", cut, op, b, err)
		}
		_ = c.Close()
	}
}

func TestServer_Request_TooSlow(t *testing.T) {
	f := serve(t, Config{HandshakeTimeout: time.Second}, nil)
	silent, slow := f.raw(), f.raw()
	slow.send("GET /rooms/r HT")
	if status, body := slow.status(); status != 408 {
		t.Errorf("a slow request: %d %s", status, body)
	}
	if b, err := io.ReadAll(silent); len(b) != 0 || err != nil {
		t.Errorf("a silent peer got %q, %v", b, err)
	}
	if n := f.Stats().Handshakes[resultTimeout].N; n != 2 {
		t.Errorf("%d timeouts counted", n)
	}
}

func TestServer_MaxConnections_503UntilSomebodyLeaves(t *testing.T) {
	f := serve(t, Config{MaxConnections: 3}, nil)
	first := f.dial("/rooms/r")
	f.dial("/rooms/r")
	last := f.dial("/rooms/r")
	for range 3 {
		_, resp, err := f.try("/rooms/r")
		if err == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("one too many: %v, %v", resp, err)
		}
	}
	f.publish("r", "still here")
	want(t, last, "still here")
	_ = first.CloseNow()
	f.until("somebody left", func() bool { return f.Stats().Connections == 2 })
	c := f.dial("/rooms/r")
	f.publish("r", "new")
	want(t, c, "new")
}

func TestServer_Token_ConnectionEndsWithIt(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t)}, nil)
	end := time.Now().Add(2 * time.Second)
	c := f.dial("/rooms/r?token=" + token(t, auth.Identity{User: "a", Rooms: auth.Patterns{"r"}, Expires: end.Unix()}))
	f.publish("r", "before")
	want(t, c, "before")
	wantClose(t, c, 4001)
	if now := time.Now(); now.Unix() < end.Unix() || now.Sub(end) > 3*time.Second {
		t.Errorf("ended at %v, the token at %v", now, end)
	}
	f.until("it is counted", func() bool { return f.closed(ReasonTokenExpired) == 1 })
}

func TestServer_Token_PublishNeedsTheClaim(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t)}, nil)
	all := auth.Patterns{"*"}
	may := f.dial("/rooms/r?token=" + token(t, auth.Identity{User: "may", Rooms: all, Publish: auth.Patterns{"r"}}))
	not := f.dial("/rooms/r?token=" + token(t, auth.Identity{User: "not", Rooms: all, Publish: auth.Patterns{"other"}}))
	say(t, may, "hello")
	want(t, not, "hello")
	say(t, not, "me too")
	wantClose(t, not, 1008)
	if n := f.Stats().Dropped[dropForbidden].N; n != 1 {
		t.Errorf("%d counted as dropped", n)
	}
}

// A lazy verifier takes its time, as one that asks a key server does.
type lazy struct {
	auth.Verifier
	calls atomic.Int64
	gate  chan struct{}
}

func (*lazy) Inline() bool { return false }

func (v *lazy) Verify(ctx context.Context, token string, now time.Time) (auth.Identity, error) {
	v.calls.Add(1)
	select {
	case <-v.gate:
	case <-ctx.Done():
		return auth.Identity{}, fmt.Errorf("no verdict in time")
	}
	if token == "panic" {
		panic("on purpose")
	}
	return v.Verifier.Verify(ctx, token, now)
}

// While tokens are verified off the loop the handshakes are parked, others are
// served, frames that came early wait, and a full pool says 503.
func TestServer_Verifier_OffTheLoop(t *testing.T) {
	v := &lazy{Verifier: hmac(t), gate: make(chan struct{})}
	f := serve(t, Config{Auth: v, Verifiers: 1, Echo: true, Loops: 1}, nil)
	good := token(t, auth.Identity{User: "a", Rooms: auth.Patterns{"*"}})
	early := f.raw()
	early.send(ask("/echo?token="+good), masked(protocol.OpText, "ear"))
	early.send(masked(protocol.OpText, "ly"))
	f.until("it is parked", func() bool { return v.calls.Load() == 1 })

	bad, broken, gone := f.raw(), f.raw(), f.raw()
	bad.send(ask("/echo?token=nonsense"))
	broken.send(ask("/echo?token=panic"))
	gone.send(ask("/echo?token=" + good))
	f.until("all wait", func() bool { return f.workers.waiting() == 1+3 })
	_ = gone.Close()
	health := f.raw()
	health.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
	if status, _ := health.status(); status != 200 {
		t.Errorf("others wait: %d", status)
	}
	for range tasksPerWorker - 3 {
		f.raw().send(ask("/echo?token=" + good))
	}
	f.until("the queue is full", func() bool { return f.workers.waiting() == 1+tasksPerWorker })
	one := f.raw()
	one.send(ask("/echo?token=" + good))
	if status, _ := one.status(); status != 503 {
		t.Errorf("one too many: %d", status)
	}

	close(v.gate)
	if status, body := early.status(); status != 101 {
		t.Fatalf("the parked one: %d %s", status, body)
	}
	for _, text := range []string{"ear", "ly"} {
		if _, b, err := early.frame(); err != nil || string(b) != text {
			t.Errorf("got %q, %v", b, err)
		}
	}
	if status, _ := bad.status(); status != 401 {
		t.Errorf("a bad token: %d", status)
	}
	if status, _ := broken.status(); status != 401 {
		t.Errorf("a token that breaks the verifier: %d", status)
	}
}

// What a client may keep the server waiting with is bounded: the request's
// early frames too.
func TestServer_Verifier_EarlyBytesAreBounded(t *testing.T) {
	v := &lazy{Verifier: hmac(t), gate: make(chan struct{})}
	f := serve(t, Config{Auth: v, Echo: true, HandshakeTimeout: 2 * time.Second}, nil)
	c := f.raw()
	c.send(ask("/echo?token=x"))
	f.until("it is parked", func() bool { return v.calls.Load() == 1 })
	big := masked(protocol.OpBinary, strings.Repeat("x", 60_000))
	for range 4 {
		if _, err := io.WriteString(c, big); err != nil {
			break
		}
	}
	if status, _ := c.status(); status != 400 {
		t.Errorf("got %d", status)
	}
	late := f.raw()
	late.send(ask("/echo?token=y"))
	if status, _ := late.status(); status != 401 && status != 408 {
		t.Errorf("a verifier that never answers: %d", status)
	}
}

func TestServer_Shutdown_SaysGoodbye(t *testing.T) {
	f := serve(t, Config{DrainTimeout: 5 * time.Second}, nil)
	c := f.dial("/rooms/r")
	half := f.raw()
	half.send("GET /rooms/r")
	f.until("the half request is there", func() bool { return f.Stats().ReadBytes > 0 })
	f.publish("r", "last words")
	done := make(chan error, 1)
	go func() { done <- f.Shutdown(context.Background()) }()
	want(t, c, "last words")
	ce := wantClose(t, c, 1001)
	ms, ok := strings.CutPrefix(ce.Reason, "retry=")
	if n, err := strconv.Atoi(ms); !ok || err != nil || n < 0 || n > 60_000 {
		t.Errorf("the reason is %q", ce.Reason)
	}
	if status, _ := half.status(); status != 503 {
		t.Errorf("a half request: %d", status)
	}
	_ = half.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := f.Ready(); err == nil {
		t.Error("ready after the drain")
	}
	if err := <-f.done; err != nil {
		t.Error(err)
	}
	f.done <- nil
}

// A peer that does not close its side is cut off when the time is up.
func TestServer_Shutdown_EndsInTime(t *testing.T) {
	f := serve(t, Config{}, nil)
	f.upgrade("/rooms/r")
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := f.Shutdown(ctx); err == nil {
		t.Error("no word of those who were cut off")
	}
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("took %v", d)
	}
}
