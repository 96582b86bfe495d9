package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/bench"
)

// run has no long waits: what hangs is an error after 5 seconds.
func run(t *testing.T, o bench.Options) (bench.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if o.Conns == 0 {
		o.Conns = 20
	}
	if o.Duration == 0 {
		o.Duration = 300 * time.Millisecond
	}
	o.Warmup = 50 * time.Millisecond
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return bench.Run(ctx, o)
}

func must(t *testing.T, o bench.Options) bench.Result {
	t.Helper()
	r, err := run(t, o)
	if err != nil {
		t.Fatalf("%v; %+v", err, r)
	}
	if r.Up != r.Conns && o.Mode != bench.Churn || r.Failed != 0 || r.Dropped != 0 {
		t.Fatalf("up %d, failed %d, dropped %d: %v", r.Up, r.Failed, r.Dropped, r.Errors)
	}
	return r
}

func TestRun_Echo_Counts(t *testing.T) {
	s := newTestServer(t, nil)
	for _, size := range []int{0, bench.MinSize, 125, 126, 40000, 70000} {
		r := must(t, bench.Options{Mode: bench.Echo, URL: s.ws("/echo"), Size: size, Conns: 5, Pid: os.Getpid()})
		if *r.Ops == 0 || *r.OpsPerSecond <= 0 || *r.Lost != 0 {
			t.Errorf("size %d: %d echoes, %d lost", size, *r.Ops, *r.Lost)
		}
		if l := r.Latency; l == nil || l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
			t.Errorf("size %d: latency %+v", size, r.Latency)
		}
		if v := r.Server; v == nil || *v.CPUPerOp <= 0 || v.RSS == 0 || v.Fds < 10 || v.RSSPerConn != nil {
			t.Errorf("size %d: server %+v", size, v)
		}
	}
	if echoes, _ := s.seen(); echoes == 0 {
		t.Error("the server saw no message")
	}
}

func TestRun_Echo_WrongAnswer(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.alter = func(_ int, b []byte) []byte { return append(b[:len(b)-1:len(b)-1], '!') }
	})
	r, err := run(t, bench.Options{Mode: bench.Echo, URL: s.ws("/echo")})
	if err == nil || !strings.Contains(err.Error(), "not what was sent") || r.Dropped != 20 {
		t.Errorf("%v, dropped %d", err, r.Dropped)
	}
}

func TestRun_Echo_Lost(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.alter = func(n int, b []byte) []byte {
			if n == 3 || n == 7 {
				return nil
			}
			return b
		}
	})
	r, err := run(t, bench.Options{Mode: bench.Echo, URL: s.ws("/echo"), Timeout: time.Second})
	if err != nil || *r.Lost != 2 || r.Dropped != 0 {
		t.Errorf("%v, lost %d, dropped %d", err, *r.Lost, r.Dropped)
	}
}

func TestRun_Echo_Silence(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.alter = func(int, []byte) []byte { return nil }
	})
	_, err := run(t, bench.Options{Mode: bench.Echo, URL: s.ws("/echo"), Duration: 10 * time.Second, Timeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "nothing came through") {
		t.Errorf("%v", err)
	}
}

func TestRun_Churn_Counts(t *testing.T) {
	s := newTestServer(t, nil)
	r := must(t, bench.Options{Mode: bench.Churn, URL: s.ws("/echo"), Conns: 8})
	if *r.Ops == 0 || int64(r.Up) < *r.Ops || r.Latency == nil || r.Lost != nil {
		t.Errorf("%d upgrades of %d, latency %+v", *r.Ops, r.Up, r.Latency)
	}
	if _, addresses := s.seen(); addresses < 8 {
		t.Errorf("connections from %d addresses alone", addresses)
	}
}

func TestRun_Churn_TriesAgain(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	s := newTestServer(t, func(s *testServer) {
		s.gate = func(w http.ResponseWriter, _ *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked <= 8 {
				http.Error(w, "full", http.StatusServiceUnavailable)
				return false
			}
			return true
		}
	})
	r, err := run(t, bench.Options{Mode: bench.Churn, URL: s.ws("/echo"), Conns: 8, Duration: time.Second})
	if err != nil || r.Failed != 8 || *r.Ops == 0 {
		t.Errorf("%v: failed %d, %d upgrades", err, r.Failed, *r.Ops)
	}
}

func TestRun_Idle_Memory(t *testing.T) {
	s := newTestServer(t, nil)
	var freed atomic.Int32
	free := http.NewServeMux()
	free.HandleFunc("POST /free", func(http.ResponseWriter, *http.Request) { freed.Add(1) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(l, free) }()
	defer l.Close()
	o := bench.Options{Mode: bench.Idle, URL: s.ws("/echo"), Conns: 200, Pid: os.Getpid(), Free: "http://" + l.Addr().String() + "/free"}
	v := must(t, o).Server
	if v.RSSPerConn == nil || v.AnonPerConn == nil || v.SettledPerConn == nil || v.FreeFull != nil || v.Fds < 400 || freed.Load() != 1 {
		t.Errorf("%+v, freed %d times", v, freed.Load())
	}
	o.GC = true
	v = must(t, o).Server
	if v.FreeEmpty == nil || v.FreeFull == nil || v.RSSPerConn != nil || freed.Load() != 9 {
		t.Errorf("%+v, freed %d times", v, freed.Load())
	}
}

// What was not measured is absent, never 0.
func TestResult_JSON_Absent(t *testing.T) {
	s := newTestServer(t, nil)
	b, err := json.Marshal(must(t, bench.Options{Mode: bench.Idle, URL: s.ws("/echo")}))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"ops", "ops_per_second", "lost", "doubled", "reordered", "latency_ms", "server", "errors"} {
		if _, there := got[key]; there {
			t.Errorf("%s is there: %s", key, b)
		}
	}
	for _, key := range []string{"mode", "url", "conns", "up", "failed", "dropped", "seconds", "client"} {
		if _, there := got[key]; !there {
			t.Errorf("%s is absent: %s", key, b)
		}
	}
}

func TestRun_Header_EachItsOwn(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	s := newTestServer(t, func(s *testServer) {
		s.gate = func(_ http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			seen[r.Header.Get("X-Number")+r.Header.Get("Sec-WebSocket-Key")]++
			return true
		}
	})
	must(t, bench.Options{Mode: bench.Idle, URL: s.ws("/echo?a=b"), Conns: 50, Header: func(i int) string { return fmt.Sprintf("X-Number: %d\r\n", i) }})
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 50 {
		t.Errorf("%d different requests of 50", len(seen))
	}
}

func TestRun_AnswersPings(t *testing.T) {
	answered := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			answered <- err
			return
		}
		ctx := c.CloseRead(context.Background())
		within, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		answered <- c.Ping(within)
		<-ctx.Done()
	}))
	defer s.Close()
	must(t, bench.Options{Mode: bench.Idle, URL: "ws" + strings.TrimPrefix(s.URL, "http"), Conns: 1})
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestRun_Cancelled(t *testing.T) {
	s := newTestServer(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	begun := time.Now()
	_, err := bench.Run(ctx, bench.Options{Mode: bench.Echo, URL: s.ws("/echo"), Conns: 10, Duration: time.Minute})
	if err != context.Canceled && (err == nil || !strings.Contains(err.Error(), "context canceled")) || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}
