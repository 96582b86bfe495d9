package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// start runs a floor until the test process ends, and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	s, err := newServer(0)
	if err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(s.listener)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.run() }()
	return fmt.Sprintf("ws://127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
}

func dial(t *testing.T, ctx context.Context, url string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestServer_Echo(t *testing.T) {
	ctx := within(t)
	c := dial(t, ctx, start(t)+"/echo")
	// The client writes a longer frame in two pieces, and the floor keeps no part of one.
	for _, n := range []int{0, 1, 7, 8, 125, 126, 1000, 4000} {
		sent := bytes.Repeat([]byte("abcdefghijk"), n/11+1)[:n]
		if err := c.Write(ctx, websocket.MessageBinary, sent); err != nil {
			t.Fatal(err)
		}
		kind, got, err := c.Read(ctx)
		if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes: %v, %v, %d bytes", n, err, kind, len(got))
		}
	}
	read := c.CloseRead(ctx)
	if err := c.Ping(read); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestServer_Publish_ToAllThatAreLeft(t *testing.T) {
	ctx := within(t)
	url := start(t) + "/any/room"
	var all []*websocket.Conn
	for range 5 {
		all = append(all, dial(t, ctx, url))
	}
	round := func(text string) {
		t.Helper()
		if err := all[1].Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for i, c := range all {
			_, got, err := c.Read(ctx)
			if err != nil || string(got) != text {
				t.Fatalf("subscriber %d: %q, %v", i, got, err)
			}
		}
	}
	round("one")
	// One closes with a handshake, which ends when the floor has let go of it.
	if err := all[0].Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	all = all[1:]
	all[0], all[1] = all[1], all[0]
	round("two")
	all = append(all, dial(t, ctx, url))
	round("three")
}

func TestServer_Upgrade_NoKey(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var port int
	if _, err := fmt.Sscanf(start(t), "ws://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(fd, make([]byte, 100)); n != 0 || err != nil {
		t.Errorf("%d bytes, %v: not the end of stream", n, err)
	}
}

func TestNewServer_PortTaken(t *testing.T) {
	s, err := newServer(0)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := unix.Getsockname(s.listener)
	if _, err := newServer(name.(*unix.SockaddrInet4).Port); err == nil {
		t.Error("two listen at one port")
	}
	_ = unix.Close(s.listener)
}

func TestServer_Frames_NoAllocs(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(0)
	if err != nil {
		t.Fatal(err)
	}
	s.kind[ends[0]] = echo
	frame := append([]byte{0x81, 0x80 | 64, 1, 2, 3, 4}, make([]byte, 64)...)
	sink := make([]byte, 1024)
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = unix.Write(ends[1], frame)
		s.read(ends[0])
		_, _ = unix.Read(ends[1], sink)
	}); n != 0 {
		t.Errorf("an echo allocates %g times", n)
	}
	_, _ = unix.Close(ends[1]), unix.Close(ends[0])
	_, _ = unix.Close(s.listener), unix.Close(s.ep)
}
