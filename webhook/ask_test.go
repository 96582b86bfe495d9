package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func decide(t testing.TB, h *Hooks, q edge.Question) edge.Decision {
	t.Helper()
	d, err := h.Decide(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHooks_Decide_TheBackendDecides(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, p post) {
		var q message
		if err := json.Unmarshal(p.body, &q); err != nil || !q.Ask {
			t.Errorf("asked %s: %v", p.body, err)
		}
		switch {
		case q.Event == "connect" && q.Token == "good":
			_, _ = io.WriteString(w, `{"allow":true,"user":"alice","rooms":["chat.*"],"publish":["chat.1"],"info":{"name": "Alice"},"expires":1767225600.5}`)
		case q.Event == "connect":
			_, _ = io.WriteString(w, `{"allow":false,"code":"unauthorized","message":"log in first"}`)
		case q.User == "alice":
			_, _ = io.WriteString(w, `{"allow":true}`)
		default:
			_, _ = io.WriteString(w, `{"allow":false}`)
		}
	})
	h := newHooks(t, Config{URL: b.URL, Secret: "s3cret"})
	d := decide(t, h, edge.Question{What: edge.WhatConnect, Token: "good"})
	if id := d.Identity; !d.Allow || id == nil || id.User != "alice" || !id.Rooms.Match("chat.7") || id.Publish.Match("chat.7") ||
		string(id.Info) != `{"name":"Alice"}` || id.Expires != 1767225600 {
		t.Errorf("%+v of %+v", d, d.Identity)
	}
	p := b.next(t)
	p.wantSigned(t, "s3cret")
	if id := h.prefix + "-q1"; !bytes.Contains(p.body, []byte(`"id":"`+id+`"`)) || p.header.Get("Roost-Batch") != "" {
		t.Errorf("asked %s with %v", p.body, p.header)
	}
	for _, c := range []struct {
		question edge.Question
		want     edge.Decision
	}{
		{edge.Question{What: edge.WhatConnect}, edge.Decision{Code: "unauthorized", Message: "log in first"}},
		{edge.Question{What: edge.WhatJoin, User: "alice", Room: "r"}, edge.Decision{Allow: true}},
		{edge.Question{What: edge.WhatJoin, User: "bob", Room: "r"}, edge.Decision{}},
		{edge.Question{What: edge.WhatPublish, User: "alice", Room: "r", Data: []byte("x")}, edge.Decision{Allow: true}},
	} {
		if d := decide(t, h, c.question); d != c.want {
			t.Errorf("%+v: %+v, want %+v", c.question, d, c.want)
		}
	}
	s := h.Stats()
	for _, want := range []Asked{{"connect", "allowed", 1}, {"connect", "denied", 1}, {"connect", "failed", 0},
		{"join", "allowed", 1}, {"join", "denied", 1}, {"publish", "allowed", 1}, {"publish", "denied", 0}} {
		if got := askedOf(s, want.Event, want.Outcome); got != want.N {
			t.Errorf("%+v is %d", want, got)
		}
	}
	var n uint64
	for _, c := range s.AskSeconds.Counts {
		n += c
	}
	if n != 5 || s.AskSeconds.Sum <= 0 || len(s.AskSeconds.Counts) != len(s.AskSeconds.Bounds)+1 {
		t.Errorf("the histogram has %d: %+v", n, s.AskSeconds)
	}
}

// Whatever a backend does wrong, on_failure decides, within the timeout.
func TestHooks_Decide_Failures(t *testing.T) {
	hung := make(chan struct{})
	b := serve(t, func(w http.ResponseWriter, p post) {
		switch p.path {
		case "/timeout":
			<-hung
		case "/timeout/body":
			_, _ = io.WriteString(w, `{"allow":`)
			_ = http.NewResponseController(w).Flush()
			<-hung
		case "/connect/cut":
			panic(http.ErrAbortHandler)
		case "/connect/midway":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"allow":true}`)
		case "/status/500":
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"allow":true}`)
		case "/status/201":
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"allow":true}`)
		case "/status/403":
			w.WriteHeader(403)
		case "/status/307":
			w.Header().Set("Location", "/allow")
			w.WriteHeader(307)
		case "/garbage/empty":
		case "/garbage/text":
			_, _ = io.WriteString(w, `OK`)
		case "/garbage/none":
			_, _ = io.WriteString(w, `{"allowed":true}`)
		case "/garbage/word":
			_, _ = io.WriteString(w, `{"allow":"true"}`)
		case "/garbage/huge":
			_, _ = io.WriteString(w, `{"allow":true,"x":"`+strings.Repeat("x", 10<<20)+`"}`)
		case "/allow":
			_, _ = io.WriteString(w, `{"allow":true}`)
		}
	})
	defer close(hung)
	b.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, path := range []string{"/timeout", "/timeout/body", "/connect/cut", "/connect/midway", "/status/500", "/status/201", "/status/403", "/status/307",
		"/garbage/empty", "/garbage/text", "/garbage/none", "/garbage/word", "/garbage/huge"} {
		for _, allow := range []bool{false, true} {
			var lines record
			h := newHooks(t, Config{URL: b.URL + path, Timeout: 200 * time.Millisecond, Allow: allow, Logger: lines.logger(), Secret: "hush"})
			began := time.Now()
			d := decide(t, h, edge.Question{What: edge.WhatConnect, Token: "hush", Cookie: "hush"})
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s took %v", path, took)
			}
			want := edge.Decision{Code: "unavailable", Message: "the backend could not be asked"}
			if allow {
				want = edge.Decision{Allow: true}
			}
			if d != want {
				t.Errorf("%s: %+v, want %+v", path, d, want)
			}
			kind := strings.Split(path, "/")[1]
			for _, f := range h.Stats().Failures {
				if f.N != 0 != (f.Label == kind) {
					t.Errorf("%s: %s is %d", path, f.Label, f.N)
				}
			}
			if n := askedOf(h.Stats(), "connect", "failed"); n != 1 {
				t.Errorf("%s: %d failed", path, n)
			}
			if s := lines.String(); !strings.Contains(s, "kind="+kind) || strings.Contains(s, "hush") {
				t.Errorf("%s: the log is %s", path, s)
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	h := newHooks(t, Config{URL: "http://" + l.Addr().String()})
	if d := decide(t, h, edge.Question{What: edge.WhatJoin}); d.Allow || failuresOf(h.Stats(), kindConnect) != 1 {
		t.Errorf("nobody listens: %+v", d)
	}
}

// A refusal stays one, even where failures allow and its words cannot be used.
func TestHooks_Decide_RefusalIsNeverAnAdmission(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, p post) { _, _ = io.WriteString(w, `{"allow":false,"code":"No!"}`) })
	h := newHooks(t, Config{URL: b.URL, Allow: true})
	if d := decide(t, h, edge.Question{What: edge.WhatJoin}); d != (edge.Decision{}) {
		t.Errorf("%+v", d)
	}
	if s := h.Stats(); askedOf(s, "join", "denied") != 1 || failuresOf(s, kindGarbage) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestHooks_Decide_OnlyWhatIsAsked(t *testing.T) {
	b := serve(t, nil)
	h := newHooks(t, Config{URL: b.URL, Asks: []edge.What{edge.WhatJoin}, Allow: true})
	for _, w := range []edge.What{edge.WhatConnect, edge.WhatLeave, 99} {
		if d, err := h.Decide(t.Context(), &edge.Question{What: w}); err == nil || d.Allow {
			t.Errorf("%d: %+v", w, d)
		}
	}
	if len(b.posts) != 0 {
		t.Error("it was asked")
	}
}

// A caller that gives up is no failure of the backend, and lets nobody in.
func TestHooks_Decide_Cancelled(t *testing.T) {
	hung := make(chan struct{})
	b := serve(t, func(w http.ResponseWriter, p post) { <-hung })
	defer close(hung)
	h := newHooks(t, Config{URL: b.URL, Allow: true, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-b.posts
		cancel()
	}()
	if d, err := h.Decide(ctx, &edge.Question{What: edge.WhatJoin}); !errors.Is(err, context.Canceled) || d.Allow {
		t.Errorf("%+v, %v", d, err)
	}
	for _, f := range h.Stats().Failures {
		if f.N != 0 {
			t.Errorf("%+v", f)
		}
	}
}

// One question that hangs holds up none of 200 others, and those use their
// connections again.
func TestHooks_Decide_ManyAtOnce(t *testing.T) {
	hung := make(chan struct{})
	together := make(chan struct{})
	var inside, conns atomic.Int32
	b := newBackend(func(w http.ResponseWriter, p post) {
		if bytes.Contains(p.body, []byte(`"user":"hang"`)) {
			<-hung
			return
		}
		if inside.Add(1) == 200 {
			close(together)
		}
		<-together
		_, _ = io.WriteString(w, `{"allow":true}`)
	})
	b.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	b.Start()
	defer b.Close()
	h := newHooks(t, Config{URL: b.URL, Timeout: patience})
	ctx, cancel := context.WithCancel(t.Context())
	var late, all sync.WaitGroup
	late.Go(func() {
		if d, err := h.Decide(ctx, &edge.Question{What: edge.WhatJoin, User: "hang"}); err == nil {
			t.Errorf("the one that hangs gives %+v", d)
		}
	})
	for range 2 {
		for range 200 {
			all.Go(func() {
				if d, err := h.Decide(ctx, &edge.Question{What: edge.WhatJoin, User: "u"}); err != nil || !d.Allow {
					t.Errorf("%+v, %v", d, err)
				}
			})
		}
		all.Wait()
	}
	if n := conns.Load(); n > 350 {
		t.Errorf("401 questions took %d connections", n)
	}
	cancel()
	late.Wait()
	close(hung)
}

func TestHooks_Decide_LogsFailuresSeldom(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, p post) { w.WriteHeader(500) })
	var lines record
	h := newHooks(t, Config{URL: b.URL, Logger: lines.logger()})
	for range 50 {
		decide(t, h, edge.Question{What: edge.WhatJoin})
	}
	if n := strings.Count(lines.String(), "\n"); n != 1 {
		t.Errorf("%d lines:\n%s", n, lines.String())
	}
	if count, due := h.askNotice.more(time.Now().Add(logEvery)); !due || count != 50 {
		t.Errorf("the next line is of %d, %v", count, due)
	}
}

// A backend that closes connections it had kept, at the very moment that roost
// uses one, does not make a question fail.
func TestHooks_Decide_KeptConnectionWasClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var conns atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() { // answers once, and closes when it is asked again
				defer c.Close()
				for first := true; ; first = false {
					b := make([]byte, 4096)
					if _, err := c.Read(b); err != nil || !first {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"allow\":true}")
				}
			}()
		}
	}()
	h := newHooks(t, Config{URL: "http://" + l.Addr().String()})
	for i := range 5 {
		if d := decide(t, h, edge.Question{What: edge.WhatJoin}); !d.Allow {
			t.Errorf("question %d: %+v", i, d)
		}
	}
	if n := conns.Load(); n != 5 {
		t.Errorf("%d connections", n)
	}
}
