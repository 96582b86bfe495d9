package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

const secret = "a secret of at least thirty-two bytes"

// token asks the command for one, as a user would.
func token(t *testing.T, args ...string) string {
	t.Helper()
	status, out, log := run(t, []string{"ROOST_JWT_SECRET=" + secret}, append([]string{"token"}, args...)...)
	if status != 0 {
		t.Fatalf("roost token: %d %s", status, log)
	}
	return strings.TrimSpace(out)
}

func TestClients_Coder(t *testing.T) {
	s := start(t, "--auth", "jwt", "--jwt-secret", secret)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, _, err := coder.Dial(ctx, "ws://"+s.client+"/rooms/chat.1?token="+token(t, "--sub", "alice", "--rooms", "chat.*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.publish("chat.1", "hello coder")
	if _, b, err := c.Read(ctx); err != nil || string(b) != "hello coder" {
		t.Fatalf("got %q, %v", b, err)
	}
	if err := c.Ping(ctxReading(ctx, c)); err != nil {
		t.Errorf("ping: %v", err)
	}
	if s.stop(15) != 0 {
		t.Error("a drain does not end with status 0")
	}
}

// ctxReading reads in the background, which the library needs to see pongs, and
// waits for the server's goodbye.
func ctxReading(ctx context.Context, c *coder.Conn) context.Context { return c.CloseRead(ctx) }

func TestClients_Gorilla(t *testing.T) {
	s := start(t, "--auth", "none", "--echo")
	c, resp, err := gorilla.DefaultDialer.Dial("ws://"+s.client+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Roost-Connection") == "" {
		t.Errorf("no connection id in %v", resp.Header)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for _, n := range []int{0, 1, 125, 126, 60_000} {
		for _, kind := range []int{gorilla.TextMessage, gorilla.BinaryMessage} {
			text := strings.Repeat("g", n)
			if err := c.WriteMessage(kind, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if k, b, err := c.ReadMessage(); err != nil || k != kind || string(b) != text {
				t.Fatalf("%d bytes came back as %d of kind %d, %v", n, len(b), k, err)
			}
		}
	}
	if err := c.WriteMessage(gorilla.TextMessage, make([]byte, 70_000)); err != nil {
		t.Fatal(err)
	}
	var ce *gorilla.CloseError
	if _, _, err := c.ReadMessage(); !errors.As(err, &ce) || ce.Code != 1009 {
		t.Errorf("a message over the limit: %v", err)
	}
}

// node runs a script of clients.
func node(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = "clients"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func TestClients_NodeWS(t *testing.T) {
	s := start(t, "--auth", "jwt", "--jwt-secret", secret)
	tok := token(t, "--sub", "bob", "--rooms", "*", "--publish", "talk.*")
	node(t, "ws.js", s.client, s.admin, tok)
	s.until("the clients are gone", func() bool { return s.stats("connections") == 0 })
	if strings.Contains(s.log.String(), tok) {
		t.Error("the token stands in the log")
	}
}

// The demo, as make run starts it: a page on which a ticker moves, fed by HTTP,
// received by a real browser over WebSocket.
func TestClients_Chromium(t *testing.T) {
	s := start(t, "--dev")
	fmt.Println(strings.TrimSpace(node(t, "browser.js", "http://"+s.admin+"/", os.Getenv("ROOST_SCREENSHOT"))))
	if s.stats("delivered") == 0 {
		t.Error("nothing was delivered")
	}
}
