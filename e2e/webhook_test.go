package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
)

// An example is a backend of the examples, as a process.
type example struct {
	url string
	out *output // the events that it was told
}

// runExample runs a backend until the test ends.
func runExample(t *testing.T, at string, command ...string) *example {
	t.Helper()
	x := &example{url: "http://" + at + "/roost", out: new(output)}
	cmd := exec.Command(command[0], command[1:]...)
	_, port, _ := net.SplitHostPort(at)
	cmd.Env = append(os.Environ(), "ROOST_WEBHOOK_SECRET=hush", "PORT="+port)
	cmd.Stdout, cmd.Stderr = x.out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get(x.url)
		if err == nil {
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusForbidden {
				t.Errorf("what is not signed is answered %d", resp.StatusCode)
			}
			return x
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestWebhooks_ExampleGo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "backend")
	if out, err := exec.Command("go", "build", "-o", file, "github.com/roostws/roost/examples/webhook-go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tryExample(t, runExample(t, freePort(t), file))
}

func TestWebhooks_ExampleNode(t *testing.T) {
	t.Parallel()
	tryExample(t, runExample(t, freePort(t), "node", "../examples/webhook-node/server.mjs"))
}

// hooks is a configuration with a backend that is told and asked all.
func hooks(url, secret, more string) string {
	return fmt.Sprintf(`
auth: webhook
webhooks:
  url: %s
  secret: %s
  events: [connect, disconnect, join, leave, publish, occupied, vacated]
  ask: [connect, join, publish]
%s`, url, secret, more)
}

// tryExample has clients of a server with the backend come, speak and go.
func tryExample(t *testing.T, x *example) {
	s := start(t, configure(t, hooks(x.url, "hush", "")))
	refused(t, s, "", 401, "log in first")
	refused(t, s, "?token=let-bob-in", 401, "log in first")
	alice := s.native(t, "?token=let-alice-in", nil)
	if m := alice.hear(); m["user"] != "alice" {
		t.Errorf("the welcome is %v", m)
	}
	alice.ask(`{"type":"join","id":1,"room":"chat.1"}`, "joined")
	if m := alice.ask(`{"type":"join","id":2,"room":"news"}`, "error"); m["code"] != "forbidden" {
		t.Errorf("a room that the backend does not give her: %v", m)
	}
	alice.ask(`{"type":"publish","id":3,"room":"chat.1","data":{"text":"hello"}}`, "published")
	if m := alice.ask(`{"type":"publish","id":4,"room":"news","data":1}`, "error"); m["code"] != "forbidden" {
		t.Errorf("a room that she may not publish to: %v", m)
	}
	_ = alice.c.Close(coder.StatusNormalClosure, "")
	for _, want := range []string{
		`"event":"connect"`, `"event":"join"`, `"event":"occupied"`, `"data":{"text":"hello"}`,
		`"event":"leave"`, `"event":"vacated"`, `"reason":"client"`,
	} {
		s.until("the backend is told "+want, func() bool { return strings.Contains(x.out.String(), want) })
	}

	// Who is there when the server ends is told of before it has ended.
	still := s.native(t, "?token=let-alice-in", nil)
	still.hear()
	if s.stop(15) != 0 {
		t.Error("a drain does not end with status 0")
	}
	if code := still.ended(); code != 1001 {
		t.Errorf("the goodbye is %d", code)
	}
	s.until("the backend is told of the end", func() bool { return strings.Contains(x.out.String(), `"reason":"drain"`) })

	// A server that signs with another secret is not believed.
	stranger := start(t, configure(t, hooks(x.url, "guess", "")))
	refused(t, stranger, "?token=let-alice-in", 503, "")
}

// refused looks that a client is not let in, and why.
func refused(t *testing.T, s *server, query string, status int, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, resp, err := coder.Dial(ctx, "ws://"+s.client+"/ws"+query, nil)
	if err == nil || resp == nil {
		t.Fatalf("%q: %v", query, err)
	}
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status || !strings.Contains(string(b), words) {
		t.Errorf("%q: %d %s, expected %d %s", query, resp.StatusCode, b, status, words)
	}
}

// A hanging backend answers all but who wants to join slow.1, until it is let.
func hanging(t *testing.T) (url string, open chan struct{}, release chan struct{}) {
	open, release = make(chan struct{}, 10), make(chan struct{})
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Event, Room string }
		if err := json.NewDecoder(r.Body).Decode(&q); err == nil && q.Event == "join" && q.Room == "slow.1" {
			open <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, `{"allow":true,"user":"somebody","rooms":["*"],"publish":["*"]}`)
	}))
	t.Cleanup(b.Close)
	return b.URL, open, release
}

// While a backend hangs over one client's command, others are served.
func TestWebhooks_BackendHangs(t *testing.T) {
	t.Parallel()
	url, open, release := hanging(t)
	s := start(t, configure(t, "auth: webhook\nwebhooks: {url: \""+url+"\", ask: [connect, join, publish], timeout: 30s}\n"), "--loops", "1")
	alice, bob := s.native(t, "", nil), s.native(t, "", nil)
	alice.hear()
	bob.hear()
	alice.say(`{"type":"join","id":1,"room":"slow.1"}`)
	alice.say(`{"type":"ping","id":2}`)
	<-open
	bob.ask(`{"type":"join","id":1,"room":"chat.1"}`, "joined")
	for i := range 20 {
		bob.ask(fmt.Sprintf(`{"type":"publish","id":%d,"room":"chat.1","data":%d}`, i, i), "published")
		s.publish("chat.1", "from a service")
		if m := bob.hear(); m["data"] != "from a service" {
			t.Fatalf("Bob got %v", m)
		}
	}
	if s.stats("parked") != 1 {
		t.Errorf("%v connections wait", s.stats("parked"))
	}
	close(release)
	if m := alice.hear(); m["type"] != "joined" {
		t.Errorf("after the answer comes %v", m)
	}
	if m := alice.hear(); m["type"] != "pong" {
		t.Errorf("after that comes %v", m)
	}
}

// A backend that does not answer in time refuses.
func TestWebhooks_BackendTakesTooLong(t *testing.T) {
	t.Parallel()
	url, _, release := hanging(t)
	defer close(release)
	s := start(t, configure(t, "auth: webhook\nwebhooks: {url: \""+url+"\", ask: [connect, join], timeout: 500ms}\n"))
	alice := s.native(t, "", nil)
	alice.hear()
	if m := alice.ask(`{"type":"join","id":1,"room":"slow.1"}`, "error"); m["code"] != "unavailable" || m["id"] != 1.0 {
		t.Errorf("she is told %v", m)
	}
	alice.ask(`{"type":"join","id":2,"room":"chat.1"}`, "joined")
}
