package bench_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// testServer echoes at /echo, has one room at /room and POST /publish, and errs as it is told to.
type testServer struct {
	*httptest.Server
	t *testing.T

	// Static after construction: how it errs.
	alter  func(n int, message []byte) []byte                         // of the n-th echo of all; nil: as it came, empty: none
	scheme func(member, n int, message []byte, late *[]byte) [][]byte // what a member gets of the n-th message
	gate   func(w http.ResponseWriter, r *http.Request) bool

	// Guarded by mu.
	mu        sync.Mutex
	members   []*member
	echoes    int
	published int
	addresses map[string]int
}

type member struct {
	c    *websocket.Conn
	late []byte
}

func newTestServer(t *testing.T, errs func(*testServer)) *testServer {
	s := &testServer{t: t, addresses: map[string]int{}}
	if errs != nil {
		errs(s)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", s.echo)
	mux.HandleFunc("/room", s.room)
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.publish(body)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// seen is what it counted.
func (s *testServer) seen() (echoes, addresses int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.echoes, len(s.addresses)
}

func (s *testServer) ws(path string) string { return "ws" + strings.TrimPrefix(s.URL, "http") + path }

func (s *testServer) accept(w http.ResponseWriter, r *http.Request) *websocket.Conn {
	if s.gate != nil && !s.gate(w, r) {
		return nil
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.mu.Lock()
	s.addresses[host]++
	s.mu.Unlock()
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.t.Errorf("a request that is not right: %v", err)
		return nil
	}
	c.SetReadLimit(1 << 20)
	return c
}

func (s *testServer) echo(w http.ResponseWriter, r *http.Request) {
	c := s.accept(w, r)
	if c == nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, b, err := c.Read(context.Background())
		if err != nil {
			return
		}
		s.mu.Lock()
		s.echoes++
		if s.alter != nil {
			b = s.alter(s.echoes, b)
		}
		s.mu.Unlock()
		if len(b) > 0 && c.Write(context.Background(), kind, b) != nil {
			return
		}
	}
}

// room is a raw stream: what a member sends is published, to the sender too.
func (s *testServer) room(w http.ResponseWriter, r *http.Request) {
	// Joining and accepting are one, so that a member gets what is published once it is up.
	if s.gate != nil && !s.gate(w, r) {
		return
	}
	s.mu.Lock()
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		s.mu.Unlock()
		return
	}
	m := &member{c: c}
	s.members = append(s.members, m)
	s.mu.Unlock()
	defer func() { _ = c.CloseNow() }()
	for {
		_, b, err := c.Read(context.Background())
		if err != nil {
			return
		}
		s.publish(b)
	}
}

func (s *testServer) publish(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.members {
		all := [][]byte{b}
		if s.scheme != nil {
			all = s.scheme(i, s.published, b, &m.late)
		}
		for _, b := range all {
			_ = m.c.Write(context.Background(), websocket.MessageText, b)
		}
	}
	s.published++
}

// rawServer upgrades each connection, hands it to serve, and closes it after.
func rawServer(t *testing.T, answer func(key string) string, serve func(net.Conn)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				head := make([]byte, 4096)
				n, err := c.Read(head)
				if err != nil {
					return
				}
				_, key, _ := strings.Cut(string(head[:n]), "Sec-WebSocket-Key: ")
				key, _, _ = strings.Cut(key, "\r\n")
				if _, err := io.WriteString(c, answer(key)); err == nil && serve != nil {
					serve(c)
				}
			})
		}
	})
	return fmt.Sprintf("ws://%s/", l.Addr())
}
