package poller

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A server is a Group under test; its hooks run on the loops.
type server struct {
	*Group
	t    testing.TB
	addr string
	done chan error

	open   func(l *Loop, s Slot)
	data   func(l *Loop, s Slot, b []byte)
	timer  func(l *Loop, s Slot)
	closed func(l *Loop, s Slot, c Cause)
	turn   func(l *Loop) bool
	full   func(l *Loop, s Slot, c Cause)
	fault  func(l *Loop, s Slot, v any)

	opens, closes atomic.Int64
	mu            sync.Mutex
	ids           []ConnID // in the order of their opening
	causes        map[Cause]int
	peerFD        Slot
}

// A worker is a server's handler and worker on one loop.
type worker struct {
	srv *server
	l   *Loop
}

func (w *worker) Open(s Slot) {
	w.srv.opens.Add(1)
	if w.srv.open != nil {
		w.srv.open(w.l, s)
	}
	w.srv.mu.Lock()
	w.srv.ids = append(w.srv.ids, w.l.ID(s))
	w.srv.mu.Unlock()
}

func (w *worker) Data(s Slot, b []byte) {
	if w.srv.data != nil {
		w.srv.data(w.l, s, b)
	}
}

func (w *worker) Timer(s Slot) {
	if w.srv.timer != nil {
		w.srv.timer(w.l, s)
	}
}

func (w *worker) Closed(s Slot, c Cause) {
	w.srv.closes.Add(1)
	w.srv.mu.Lock()
	w.srv.causes[c]++
	w.srv.mu.Unlock()
	if w.srv.closed != nil {
		w.srv.closed(w.l, s, c)
	}
}

// Post runs a func(*Loop) on the loop.
func (w *worker) Post(p Post) { p.Arg.(func(*Loop))(w.l) }

func (w *worker) Turn() bool { return w.srv.turn != nil && w.srv.turn(w.l) }

func (w *worker) Fault(s Slot, v any, _ []byte) {
	if w.srv.fault != nil {
		w.srv.fault(w.l, s, v)
	}
}

func (w *worker) Full(s Slot, c Cause) {
	if w.srv.full != nil {
		w.srv.full(w.l, s, c)
	}
}

// start runs the server until the test ends.
func (s *server) start(t testing.TB, cfg Config) *server {
	t.Helper()
	s.t, s.causes, s.done = t, map[Cause]int{}, make(chan error, 1)
	if cfg.Listen == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	cfg.New = func(l *Loop) (Handler, Worker) {
		w := &worker{srv: s, l: l}
		return w, w
	}
	g, err := NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Group, s.addr = g, g.Addrs()[0].String()
	go func() { s.done <- g.Run() }()
	t.Cleanup(s.end)
	return s
}

// end stops the server and checks that open and closed came in pairs.
func (s *server) end() {
	s.Stop()
	select {
	case err := <-s.done:
		s.done <- err
		if err != nil {
			s.t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		s.t.Fatal("the group does not stop")
	}
	if o, c := s.opens.Load(), s.closes.Load(); o != c {
		s.t.Errorf("%d opened, %d closed", o, c)
	}
	if n := s.OutboxBytes(); n != 0 {
		s.t.Errorf("%d bytes still count as waiting", n)
	}
	if n := s.Open(); n != 0 {
		s.t.Errorf("%d connections still count as open", n)
	}
}

// on runs f on the first loop and waits for it.
func (s *server) on(f func(l *Loop)) {
	s.t.Helper()
	done := make(chan struct{})
	if err := s.Loops()[0].Post(Post{Arg: func(l *Loop) { defer close(done); f(l) }}); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		s.t.Fatal("the loop does not answer")
	}
}

func (s *server) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	s.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// id waits for the n-th connection, from 0, and gives its ID.
func (s *server) id(n int) (id ConnID) {
	s.t.Helper()
	s.until("a connection opens", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.ids) > n {
			id = s.ids[n]
		}
		return len(s.ids) > n
	})
	return id
}

// until waits for a condition.
func (s *server) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited too long until %s", what)
		}
	}
}

func (s *server) cause(c Cause) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.causes[c]
}

func echo(l *Loop, s Slot, b []byte) { l.Write(s, b) }

// must reads n bytes of c.
func must(t testing.TB, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		k, err := c.Read(b[got:])
		if got += k; err != nil && got < n {
			t.Fatalf("read: %v after %d of %d bytes", err, got, n)
		}
	}
	return b
}
