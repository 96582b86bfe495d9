package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

// until waits for a condition, for some seconds at most.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// runFeed runs a feed until the test ends or end is called.
func runFeed(t testing.TB, cfg FeedConfig) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Feed(ctx, cfg) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Feed: %v", err)
		}
	})
	t.Cleanup(end)
	return end
}

func TestFeed_PublishesEachSymbolOverOneConnection(t *testing.T) {
	rec := &recorder{}
	h, err := New(Config{Secret: "s3cret"}, rec)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	var conns atomic.Int32
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	end := runFeed(t, FeedConfig{AdminURL: s.URL + "/", Secret: "s3cret"})
	begun := time.Now()
	until(t, "messages", func() bool { rec.mu.Lock(); defer rec.mu.Unlock(); return len(rec.messages) >= 50 })
	if d := time.Since(begun); d < 800*time.Millisecond {
		t.Errorf("ten messages of each symbol took %v", d)
	}
	end()
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	numbers := map[string]uint64{}
	for i, m := range rec.take() {
		var q quote
		if err := json.Unmarshal([]byte(m.data), &q); err != nil {
			t.Fatalf("%q: %v", m.data, err)
		}
		numbers[q.Symbol]++
		if m.room != "ticker."+q.Symbol || q.Symbol != symbols[i%len(symbols)] || m.binary || q.Number != numbers[q.Symbol] || q.Price <= 0 ||
			math.Abs(q.Price-q.Open-q.Change) > 0.011 || math.Abs(time.Since(time.UnixMilli(q.Time)).Seconds()) > 60 {
			t.Errorf("message %d to %s: %+v", i, m.room, q)
		}
	}
}

// A feed outlives a server that is away, and says so once.
func TestFeed_GoesOnTrying(t *testing.T) {
	var log lockedBuffer
	rec := &recorder{}
	h, err := New(Config{}, rec)
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	broken.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if broken.Load() {
			fail(w, &failure{status: 503, message: "not now"})
			return
		}
		h.ServeHTTP(w, q)
	}))
	defer s.Close()
	runFeed(t, FeedConfig{AdminURL: s.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	until(t, "a warning", func() bool { return strings.Contains(log.String(), "not now") })
	broken.Store(false)
	until(t, "messages", func() bool { rec.mu.Lock(); defer rec.mu.Unlock(); return len(rec.messages) > 0 })
	until(t, "good news", func() bool { return strings.Contains(log.String(), "publishes again") })
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

func TestFeed_ConfigErrors(t *testing.T) {
	for _, cfg := range []FeedConfig{{}, {AdminURL: "127.0.0.1:8081"}, {AdminURL: "ws://127.0.0.1:8081"}, {AdminURL: "http://127.0.0.1:1", Secret: "two words"}} {
		var f *edge.FieldError
		if err := Feed(t.Context(), cfg); !errors.As(err, &f) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// However long it runs, a price stays near where it began.
func TestWalk_Step_StaysNear(t *testing.T) {
	w := &walk{symbol: "X", open: 100, price: 100}
	moved := 0
	for range 200_000 {
		before := w.price
		q := w.step(time.Now())
		if q.Price < 70 || q.Price > 140 {
			t.Fatalf("price %v after %d steps", q.Price, q.Number)
		}
		if cents(before) != q.Price {
			moved++
		}
	}
	if moved < 150_000 {
		t.Errorf("it moved %d times of 200,000", moved)
	}
}

// A lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
