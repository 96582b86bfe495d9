// Package webhooknode tests the example in server.mjs.
package webhooknode

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/webhook"
)

// start starts the backend and gives its URL and what it prints.
func start(t *testing.T) (url string, out *bufio.Scanner) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	cmd := exec.Command("node", "server.mjs")
	cmd.Env = append(os.Environ(), "PORT="+strings.TrimPrefix(at.String(), "127.0.0.1:"), "ROOST_WEBHOOK_SECRET=hush")
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("make setup installs Node.js: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url = "http://" + at.String()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r, err := http.Get(url)
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode != http.StatusForbidden {
				t.Errorf("unsigned: status %d", r.StatusCode)
			}
			return url, bufio.NewScanner(pipe)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// The backend is asked and told by roost itself.
func TestExample_AskAndTell(t *testing.T) {
	url, out := start(t)
	h, err := webhook.New(webhook.Config{
		URL: url, Secret: "hush", Timeout: 20 * time.Second,
		Events: []edge.What{edge.WhatJoin}, Asks: []edge.What{edge.WhatConnect, edge.WhatJoin},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		question edge.Question
		allow    bool
		code     string
	}{
		{edge.Question{What: edge.WhatConnect, Token: "let-alice-in"}, true, ""},
		{edge.Question{What: edge.WhatConnect, Token: "let-bob-in"}, false, "unauthorized"},
		{edge.Question{What: edge.WhatConnect}, false, "unauthorized"},
		{edge.Question{What: edge.WhatJoin, User: "alice", Room: "chat.1"}, true, ""},
		{edge.Question{What: edge.WhatJoin, User: "bob", Room: "chat.1"}, false, ""},
	} {
		d, err := h.Decide(t.Context(), &c.question)
		if err != nil || d.Allow != c.allow || d.Code != c.code {
			t.Errorf("%+v: %+v, %v", c.question, d, err)
		}
		if c.question.Token == "let-alice-in" && (d.Identity == nil || d.Identity.User != "alice" || !d.Identity.Rooms.Match("chat.1")) {
			t.Errorf("alice is %+v", d.Identity)
		}
	}
	h.Event(&edge.Event{What: edge.WhatJoin, Time: time.Now(), User: "alice", Room: "chat.1"})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ended); err != nil { // delivers what there is
		t.Error(err)
	}
	if !out.Scan() || !strings.Contains(out.Text(), `"event":"join"`) {
		t.Errorf("it heard %q, %v", out.Text(), out.Err())
	}
}

func TestExample_WrongSecret(t *testing.T) {
	url, _ := start(t)
	h, err := webhook.New(webhook.Config{URL: url, Secret: "guess", Timeout: 20 * time.Second, Asks: []edge.What{edge.WhatJoin}})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := h.Decide(t.Context(), &edge.Question{What: edge.WhatJoin, User: "alice"}); err != nil || d.Allow || d.Code != "unavailable" {
		t.Errorf("%+v, %v", d, err)
	}
}
