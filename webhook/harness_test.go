package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

const patience = 20 * time.Second // for what should take milliseconds

var (
	allEvents = []edge.What{edge.WhatConnect, edge.WhatDisconnect, edge.WhatJoin, edge.WhatLeave, edge.WhatPublish, edge.WhatOccupied, edge.WhatVacated}
	allAsks   = []edge.What{edge.WhatConnect, edge.WhatJoin, edge.WhatPublish}
)

// A post is what a backend was sent.
type post struct {
	header http.Header
	path   string
	body   []byte
}

// A backend is an HTTP server that keeps what it is sent and answers as the test
// says, or 200 with an empty body.
type backend struct {
	*httptest.Server
	posts chan post
}

func serve(t testing.TB, answer func(w http.ResponseWriter, p post)) *backend {
	t.Helper()
	b := newBackend(answer)
	b.Start()
	t.Cleanup(b.Close)
	return b
}

func newBackend(answer func(w http.ResponseWriter, p post)) *backend {
	b := &backend{posts: make(chan post, 10_000)}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		p := post{r.Header, r.URL.RequestURI(), body}
		b.posts <- p
		if answer != nil {
			answer(w, p)
		}
	}))
	return b
}

// next is the next post.
func (b *backend) next(t testing.TB) post {
	t.Helper()
	select {
	case p := <-b.posts:
		return p
	case <-time.After(patience):
		t.Fatal("nothing was sent")
		return post{}
	}
}

// events are those of a post.
func (p post) events(t testing.TB) []message {
	t.Helper()
	var events []message
	d := json.NewDecoder(bytes.NewReader(p.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&events); err != nil || len(events) == 0 {
		t.Fatalf("%s: %v", p.body, err)
	}
	return events
}

// signature is the header of a post.
var signature = regexp.MustCompile(`^t=([0-9]+),v1=([0-9a-f]{64})$`)

// wantSigned checks the signature as a backend does.
func (p post) wantSigned(t testing.TB, secret string) {
	t.Helper()
	parts := signature.FindStringSubmatch(p.header.Get("Roost-Signature"))
	if parts == nil {
		t.Fatalf("signature %q", p.header.Get("Roost-Signature"))
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(slices.Concat([]byte(parts[1]), []byte{'.'}, p.body))
	if want := hex.EncodeToString(mac.Sum(nil)); parts[2] != want {
		t.Errorf("signature %s, want %s", parts[2], want)
	}
	at, _ := strconv.ParseInt(parts[1], 10, 64)
	if off := time.Since(time.Unix(at, 0)); off < -time.Second || off > patience {
		t.Errorf("signed %v ago", off)
	}
}

func newHooks(t testing.TB, cfg Config) *Hooks {
	t.Helper()
	if cfg.Events == nil && cfg.Asks == nil {
		cfg.Events, cfg.Asks = allEvents, allAsks
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// run runs h until the test ends or stop is called, which gives Run's error.
func run(t testing.TB, h *Hooks) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Error("Run does not return")
			return nil
		}
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// tell gives h join events of the users named by the numbers from, from+1, ….
func tell(h *Hooks, from, n int) {
	for i := range n {
		h.Event(&edge.Event{What: edge.WhatJoin, Time: time.Now(), User: strconv.Itoa(from + i)})
	}
}

// until waits for something to become true.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to: %s", what)
		}
	}
}

// A record is a log that a test can read.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// failuresOf is how many failures of a kind there were.
func failuresOf(s Stats, k kind) uint64 { return s.Failures[k].N }

// askedOf is how many questions had an outcome.
func askedOf(s Stats, event, outcome string) uint64 {
	for _, a := range s.Asked {
		if a.Event == event && a.Outcome == outcome {
			return a.N
		}
	}
	return 1 << 63
}
