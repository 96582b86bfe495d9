package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A user is somebody with a browser: a jar of cookies, and a way to the service.
type user struct {
	t    *testing.T
	ctx  context.Context
	http *http.Client
	base string
}

func newUser(ctx context.Context, t *testing.T, base, name string) *user {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	u := &user{t, ctx, &http.Client{Jar: jar}, base}
	u.post("/login", 200, "name", name) // behind the redirect
	return u
}

func (u *user) post(path string, status int, form ...string) {
	u.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	resp, err := u.http.PostForm(u.base+path, v)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != status {
		body, _ := io.ReadAll(resp.Body)
		u.t.Fatalf("POST %s: %s, %s", path, resp.Status, body)
	}
}

// open opens a list as the page does, at the service's port or roost's own.
func (u *user) open(addr, list string) (*websocket.Conn, map[string]any) {
	u.t.Helper()
	c, _, err := websocket.Dial(u.ctx, "ws://"+addr+"/ws", &websocket.DialOptions{
		HTTPClient: u.http, HTTPHeader: http.Header{"Origin": {u.base}}, Subprotocols: []string{"roost.v1.json"},
	})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = c.CloseNow() })
	u.next(c, "welcome")
	if err := c.Write(u.ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"join","id":1,"room":"list.%s","presence":true}`, list)); err != nil {
		u.t.Fatal(err)
	}
	return c, u.next(c, "")
}

// next reads up to a message of a kind; presence is told at a time of its own.
func (u *user) next(c *websocket.Conn, kind string) (m map[string]any) {
	u.t.Helper()
	for {
		_, b, err := c.Read(u.ctx)
		if err != nil {
			u.t.Fatalf("waiting for %q: %v", kind, err)
		}
		m = nil
		if err := json.Unmarshal(b, &m); err != nil {
			u.t.Fatal(err)
		}
		if m["type"] == kind || kind == "" {
			return m
		}
		if m["type"] != "presence" {
			u.t.Fatalf("got %s, expected %s", b, kind)
		}
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// The example as its first lines describe it: two have a list open, one through the
// service's port and one through roost's, and what either does shows at both.
func TestExample_TwoAtOneList(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	said, done := make(chan string, 2), make(chan error, 1)
	go func() {
		done <- run("127.0.0.1:0", "127.0.0.1:0", func(format string, args ...any) { said <- fmt.Sprintf(format, args...) })
	}()
	base := strings.TrimSuffix(strings.Fields(<-said)[1], "/")
	front := strings.TrimPrefix(base, "http://")
	alice, bob := newUser(ctx, t, base, "alice"), newUser(ctx, t, base, "bob")
	direct := strings.TrimSuffix(strings.Fields(<-said)[8], ")")

	a, joined := alice.open(front, "shared")
	if text(joined["document"]) != "{}" || joined["count"] != 1.0 {
		t.Errorf("joined %v", joined)
	}
	alice.post("/lists/shared/items", 201, "text", "milk")
	alice.next(a, "patch")
	alice.next(a, "message")
	b, joined := bob.open(direct, "shared")
	if text(joined["document"]) != `{"items":[{"done":false,"text":"milk"}]}` || joined["count"] != 2.0 {
		t.Errorf("joined %v", joined)
	}
	if m := alice.next(a, "presence"); !strings.Contains(text(m["joined"]), `"user":"alice"`) && !strings.Contains(text(m["joined"]), `"user":"bob"`) {
		t.Errorf("presence %v", m)
	}
	bob.post("/lists/shared/items", 201, "text", "bread")
	bob.post("/lists/shared/items/0/done", 204)
	for u, c := range map[*user]*websocket.Conn{alice: a, bob: b} {
		if m := u.next(c, "patch"); text(m["patch"]) != `[{"op":"add","path":"/items/-","value":{"done":false,"text":"bread"}}]` || m["version"] != 2.0 {
			t.Errorf("patch %v", m)
		}
		if m := u.next(c, "message"); text(m["data"]) != `{"by":"bob","did":"added bread"}` {
			t.Errorf("message %v", m)
		}
		if m := u.next(c, "patch"); text(m["patch"]) != `[{"op":"replace","path":"/items/0/done","value":true}]` {
			t.Errorf("patch %v", m)
		}
		u.next(c, "message")
	}

	// Others' lists, others' pages and people without a session are kept out of both.
	other, refused := bob.open(front, "alice")
	if refused["code"] != "forbidden" {
		t.Errorf("another's list: %v", refused)
	}
	_ = other.Close(websocket.StatusNormalClosure, "")
	bob.post("/lists/alice/items", 404, "text", "x")
	for _, addr := range []string{front, direct} {
		foreign := &websocket.DialOptions{HTTPClient: alice.http, HTTPHeader: http.Header{"Origin": {"http://elsewhere.example"}}}
		for want, options := range map[int]*websocket.DialOptions{401: nil, 403: foreign} {
			if _, resp, err := websocket.Dial(ctx, "ws://"+addr+"/ws", options); err == nil || resp == nil || resp.StatusCode != want {
				t.Errorf("%s: %v, %v; expected %d", addr, resp, err, want)
			}
		}
	}

	// Who logs out is disconnected and stays out; the others get a goodbye at the end.
	alice.post("/logout", 200)
	if code := closing(ctx, a); code != 4502 {
		t.Errorf("alice was closed with %d", code)
	}
	alice.post("/lists/shared/items", 401, "text", "x")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := closing(ctx, b); code != websocket.StatusGoingAway {
		t.Errorf("bob was closed with %d", code)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// closing reads until the close frame and gives its code.
func closing(ctx context.Context, c *websocket.Conn) websocket.StatusCode {
	for {
		if _, _, err := c.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}
