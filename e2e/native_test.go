package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	coder "github.com/coder/websocket"
)

// configure writes a roost.yaml and gives the flag that names it.
func configure(t *testing.T, yaml string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "roost.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + file
}

// teams is a configuration with presence and documents.
const teams = `
auth: jwt
jwt-secret: ` + secret + `
rooms:
  - match: "team.*"
    presence: true
  - match: "doc.*"
    document: json
`

// pair is what the scripts of clients get: where, and as whom.
func pair(t *testing.T, scheme string, s *server) string {
	t.Helper()
	b, err := json.Marshal(map[string]string{
		"url":   scheme + "://" + s.client + "/ws",
		"alice": token(t, "--sub", "alice", "--rooms", "*", "--publish", "*"),
		"bob":   token(t, "--sub", "bob", "--rooms", "*", "--publish", "*"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNative_Node(t *testing.T) {
	t.Parallel()
	s := start(t, configure(t, teams))
	node(t, "--experimental-websocket", "native.js", pair(t, "ws", s))
	s.until("the clients are gone", func() bool { return s.stats("connections") == 0 })
}

// somePage is a page that is not roost's.
func somePage(t *testing.T) *httptest.Server {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><title>a page of somebody's</title>")
	}))
	t.Cleanup(page.Close)
	return page
}

func TestNative_Chromium(t *testing.T) {
	page := somePage(t)
	s := start(t, configure(t, teams), "--origin", page.URL)
	node(t, "native-page.js", pair(t, "ws", s), page.URL)
	s.until("the clients are gone", func() bool { return s.stats("connections") == 0 })
}

// A client is one of the native protocol, in Go.
type client struct {
	t *testing.T
	c *coder.Conn
}

func (s *server) native(t *testing.T, query string, o *coder.DialOptions) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := coder.Dial(ctx, "ws://"+s.client+"/ws"+query, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return &client{t, c}
}

func (c *client) say(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.c.Write(ctx, coder.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// hear gives the next message.
func (c *client) hear() (m map[string]any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, b, err := c.c.Read(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		c.t.Fatalf("%v in %s", err, b)
	}
	return m
}

// ask sends a command and gives what comes next, which must be of a type.
func (c *client) ask(text, kind string) map[string]any {
	c.t.Helper()
	c.say(text)
	m := c.hear()
	if m["type"] != kind {
		c.t.Fatalf("%s is answered %v", text, m)
	}
	return m
}

// ended gives the close code.
func (c *client) ended() int {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := c.c.Read(ctx); err != nil {
			return int(coder.CloseStatus(err))
		}
	}
}

// A token of the command, and a ticket of the API.
func TestNative_TokenAndTicket(t *testing.T) {
	t.Parallel()
	s := start(t, configure(t, teams))
	tok := token(t, "--sub", "alice", "--rooms", "chat.*", "--publish", "chat.1", "--info", `{"name":"Alice"}`)
	alice := s.native(t, "", &coder.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + tok}}})
	if m := alice.hear(); m["type"] != "welcome" || m["user"] != "alice" || m["expires"] == nil {
		t.Errorf("the welcome is %v", m)
	}
	alice.ask(`{"type":"join","id":1,"room":"chat.1"}`, "joined")

	status, body := s.post("/v1/tickets", "application/json", `{"sub":"bob","rooms":["chat.*"],"publish":["chat.*"]}`)
	var ticket struct{ Ticket string }
	if err := json.Unmarshal([]byte(body), &ticket); status != 200 || err != nil {
		t.Fatalf("a ticket: %d %s", status, body)
	}
	bob := s.native(t, "?ticket="+ticket.Ticket, nil)
	if m := bob.hear(); m["type"] != "welcome" || m["user"] != "bob" {
		t.Errorf("the welcome is %v", m)
	}
	bob.ask(`{"type":"publish","id":1,"room":"chat.1","data":"hi"}`, "published")
	if m := alice.hear(); m["data"] != "hi" || m["from"].(map[string]any)["user"] != "bob" {
		t.Errorf("Alice got %v", m)
	}
	_, resp, err := coder.Dial(t.Context(), "ws://"+s.client+"/ws?ticket="+ticket.Ticket, nil)
	if err == nil || resp.StatusCode != 401 {
		t.Errorf("the ticket is good twice: %v", err)
	}
	if m := alice.ask(`{"type":"publish","id":2,"room":"chat.2","data":1}`, "error"); m["code"] != "forbidden" {
		t.Errorf("Alice may publish: %v", m)
	}
	if s.stop(15) != 0 {
		t.Error("a drain does not end with status 0")
	}
	if code := alice.ended(); code != 1001 {
		t.Errorf("the goodbye is %d", code)
	}
	for _, hidden := range []string{tok, ticket.Ticket} {
		if hidden == "" || strings.Contains(s.log.String(), hidden) {
			t.Errorf("%q stands in the log", hidden)
		}
	}
}

// A ticket that the command gets of a running server is good once, and no secret of
// tokens is needed for it.
func TestNative_TicketOfTheCommand(t *testing.T) {
	s := start(t, "--auth", "jwt", "--jwt-secret", secret, "--admin-secret", "hush")
	ask := func(args ...string) (int, string, string) {
		return run(t, []string{"ROOST_ADMIN_SECRET=hush"}, append([]string{"token", "--ticket", "--admin", s.admin}, args...)...)
	}
	status, out, log := ask("--sub", "carol", "--rooms", "chat.*")
	if status != 0 {
		t.Fatalf("status %d, %s", status, log)
	}
	name := strings.TrimSpace(out)
	c := s.native(t, "?ticket="+name, nil)
	if m := c.hear(); m["user"] != "carol" {
		t.Errorf("the welcome is %v", m)
	}
	c.ask(`{"type":"join","id":1,"room":"chat.1"}`, "joined")
	refused(t, s, "?ticket="+name, 401, "ticket")
	if status, _, log = ask("--sub", "carol", "--ttl", "25h"); status != 2 || !strings.Contains(log, "at most 24h") {
		t.Errorf("status %d, %s", status, log)
	}
	if status, _, log = run(t, nil, "token", "--ticket", "--admin", s.admin, "--sub", "carol"); status != 1 || !strings.Contains(log, "secret is missing") {
		t.Errorf("without the secret: status %d, %s", status, log)
	}
	if strings.Contains(s.log.String(), name) {
		t.Error("the ticket stands in the log")
	}
}

// SIGHUP has the rules of rooms read again; a file that is wrong changes nothing.
func TestNative_RulesAreReadAgain(t *testing.T) {
	const head = "auth: none\nrooms:\n  - match: \"news.*\"\n    publish: "
	flag := configure(t, head+"services\n")
	file := strings.TrimPrefix(flag, "--config=")
	s := start(t, flag)
	c := s.native(t, "", nil)
	c.hear()
	c.ask(`{"type":"publish","id":1,"room":"news.1","data":1}`, "error")
	write := func(text, heard string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		s.until(heard, func() bool { return strings.Contains(s.log.String(), heard) })
	}
	write(head+"nobody\n", "the old ones stay in force")
	c.ask(`{"type":"publish","id":2,"room":"news.1","data":1}`, "error")
	write(head+"claims\n", `msg="read the rules of rooms again"`)
	c.ask(`{"type":"publish","id":3,"room":"news.1","data":1}`, "published")
}
