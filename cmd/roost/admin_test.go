package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestAdminServer_Listen_PortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	if _, err := listenAdmin(addr, ""); err == nil || err.Error() != "listen at "+addr+": address is in use" {
		t.Errorf("the error is %v", err)
	}
}

// Whatever a name means to the resolver: without a secret nobody else comes in.
func TestAdminServer_Listen_NeedsSecret(t *testing.T) {
	if l, err := listenAdmin("0.0.0.0:0", ""); err == nil {
		l.Close()
		t.Error("it listens everywhere without a secret")
	}
	l, err := listenAdmin("0.0.0.0:0", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// More connections than there is room for wait, and come in once others go.
func TestAdminServer_Serve_BoundsConnections(t *testing.T) {
	l, err := listenAdmin("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{}, adminConnections+1)
	a := newAdminServer(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		fmt.Fprintln(w, "here")
	}), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- a.serve() }()

	ask := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var conns []net.Conn
	for range adminConnections {
		conns = append(conns, ask())
		<-entered
	}
	late := ask()
	select {
	case <-entered:
		t.Error("one more than there is room for came in")
	case <-time.After(50 * time.Millisecond):
	}
	conns[0].Close()
	select {
	case <-entered:
	case <-time.After(10 * time.Second):
		t.Error("there is room, and it did not come in")
	}
	for _, c := range append(conns, late) {
		c.Close()
	}
	a.close()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

// A connection that says nothing does not hold the end up; an answer under way does.
func TestAdminServer_Close_WaitsForAnswersAlone(t *testing.T) {
	l, err := listenAdmin("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	entered, answer := make(chan struct{}), make(chan struct{})
	a := newAdminServer(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-answer
		fmt.Fprint(w, "here")
	}), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- a.serve() }()
	fresh, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	body := make(chan string, 1)
	go func() {
		_, b := get("http://" + l.Addr().String())
		body <- b
	}()
	<-entered
	began := time.Now()
	closed := make(chan struct{})
	go func() {
		a.close()
		close(closed)
	}()
	_ = fresh.SetReadDeadline(time.Now().Add(patience))
	if _, err := fresh.Read(make([]byte, 1)); err == nil {
		t.Error("the connection that said nothing got an answer")
	}
	close(answer)
	if b := <-body; b != "here" {
		t.Errorf("the answer under way is %s", b)
	}
	<-closed
	if d := time.Since(began); d > adminGoodbye-time.Second {
		t.Errorf("it took %v", d)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// close waits for no one for ever, and ends serve even where nothing has room.
func TestAdminServer_Close_WhileFull(t *testing.T) {
	l, err := listenAdmin("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	for range adminConnections {
		l.(*limitedListener).free <- struct{}{}
	}
	a := newAdminServer(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- a.serve() }()
	a.close()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("serve did not end")
	}
}
