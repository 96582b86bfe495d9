package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// The bounds of the server at --admin. A request that takes longer to answer
// than adminWrite is a profile of two minutes: no other does.
const (
	adminHeader      = 5 * time.Second   // for a request's header
	adminRead        = 30 * time.Second  // for the whole of a request
	adminWrite       = 150 * time.Second // for handling it and writing the answer
	adminIdle        = 2 * time.Minute   // between two requests
	adminHeaderBytes = 16 << 10
	adminConnections = 256             // at once; more wait to be accepted
	adminGoodbye     = 5 * time.Second // for answers under way, at the end
)

// listenAdmin opens the listener of the API. Without a secret it must be
// loopback, whatever the name that was given meant to the resolver.
func listenAdmin(addr string, secret secret) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen at %s: address is in use", addr)
		}
		return nil, fmt.Errorf("listen at %s: %w", addr, err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); secret == "" && (!ok || !a.IP.IsLoopback()) {
		_ = l.Close()
		return nil, fmt.Errorf("listen at %s: %s is not loopback, and there is no admin secret", addr, l.Addr())
	}
	return &limitedListener{Listener: l, free: make(chan struct{}, adminConnections), closed: make(chan struct{})}, nil
}

// An adminServer serves the HTTP API at a listener of its own, so that neither
// a herd of clients nor a drain takes it away.
type adminServer struct {
	// Static after construction.
	listener net.Listener
	http     *http.Server

	// Guarded by mu.
	mu    sync.Mutex
	fresh map[net.Conn]struct{} // connections that have sent nothing yet
}

func newAdminServer(l net.Listener, h http.Handler, log *slog.Logger) *adminServer {
	a := &adminServer{listener: l, fresh: make(map[net.Conn]struct{})}
	a.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: adminHeader,
		ReadTimeout:       adminRead,
		WriteTimeout:      adminWrite,
		IdleTimeout:       adminIdle,
		MaxHeaderBytes:    adminHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnState:         a.track,
	}
	return a
}

func (a *adminServer) track(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateNew {
		a.fresh[c] = struct{}{}
	} else {
		delete(a.fresh, c)
	}
}

// serve answers requests until close.
func (a *adminServer) serve() error {
	err := a.http.Serve(a.listener)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve at %s: %w", a.listener.Addr(), err)
}

// close lets answers under way end, then ends all.
func (a *adminServer) close() {
	_ = a.listener.Close()
	// Shutdown would wait five seconds for a connection that a browser opened to
	// have it at hand (Go 1.26, net/http, closeIdleConns).
	a.mu.Lock()
	for c := range a.fresh {
		_ = c.Close()
	}
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), adminGoodbye)
	defer cancel()
	if a.http.Shutdown(ctx) != nil {
		_ = a.http.Close()
	}
}

// A limitedListener accepts no more connections than have room in free.
type limitedListener struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once // guards closed
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *limitedListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

// A limitedConn makes room when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// CloseWrite ends our side alone. net/http does so before it closes a connection of
// which it has not read all: else what it said last would be lost to a reset.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
