package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The example as its first lines describe it: somebody watches an order, and
// hears when it moves on.
func TestExample_WatchAnOrder(t *testing.T) {
	listen, api := freePort(t), freePort(t)
	done := make(chan error, 1)
	go func() { done <- run(listen, api) }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var c *websocket.Conn
	var err error
	for {
		if c, _, err = websocket.Dial(ctx, "ws://"+listen+"/orders/7", nil); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	var resp *http.Response
	for {
		if resp, err = http.Post("http://"+api+"/orders/7/shipped", "", nil); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "published as number 1\n" {
		t.Errorf("the service answered %q", body)
	}
	if _, b, err := c.Read(ctx); err != nil || string(b) != `{"order":"7","state":"shipped"}` {
		t.Errorf("got %q, %v", b, err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("time")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(ctx); err != nil || !strings.HasPrefix(string(b), "2") {
		t.Errorf("the time is %q, %v", b, err)
	}
	if _, resp, err := websocket.Dial(ctx, "ws://"+listen+"/nothing", nil); err == nil || resp.StatusCode != 404 {
		t.Errorf("another path: %v, %v", resp, err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the goodbye: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
