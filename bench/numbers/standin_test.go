package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// The test's own program stands in for roost: started with `serve`, it is a
// server with the same flags, paths and ports, so that these tests need no other.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, standIn(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type hub struct {
	mu      sync.Mutex
	members map[*websocket.Conn]bool
}

func standIn(args []string) error {
	flags := map[string]string{}
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "--"); ok && i+1 < len(args) {
			flags[name] = args[i+1]
		}
	}
	h := &hub{members: map[*websocket.Conn]bool{}}
	admin := http.NewServeMux()
	admin.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	admin.HandleFunc("POST /debug/freemem", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	admin.HandleFunc("POST /v1/rooms/bench/publish", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		h.publish(b)
	})
	go func() { _ = http.ListenAndServe(flags["admin"], admin) }()
	clients := http.NewServeMux()
	for _, path := range []string{"/echo", "/rooms/bench"} {
		clients.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if flags["auth"] == "jwt" && !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
				http.Error(w, "no token", http.StatusUnauthorized)
				return
			}
			h.serve(w, r)
		})
	}
	return http.ListenAndServe(flags["listen"], clients)
}

func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	c, err := websocket.Accept(w, r, nil)
	if err == nil && r.URL.Path != "/echo" {
		h.members[c] = true
	}
	h.mu.Unlock()
	if err != nil {
		return
	}
	defer func() {
		h.mu.Lock()
		delete(h.members, c)
		h.mu.Unlock()
		_ = c.CloseNow()
	}()
	for {
		kind, b, err := c.Read(context.Background())
		if err != nil || c.Write(context.Background(), kind, b) != nil {
			return
		}
	}
}

func (h *hub) publish(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.members {
		_ = c.Write(context.Background(), websocket.MessageText, b)
	}
}
