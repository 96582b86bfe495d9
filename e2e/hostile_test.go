package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/roostws/roost/protocol"
)

// rss is the server's resident memory, in bytes.
func (s *server) rss() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return kb << 10
		}
	}
	s.t.Fatal("no VmRSS")
	return 0
}

func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", s.client, 5*time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

const request = "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// upgrade makes a WebSocket by hand.
func (s *server) upgrade(path string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c := s.dial()
	_, _ = fmt.Fprintf(c, request, path)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 101 ") {
		s.t.Fatalf("upgrade: %q, %v", line, err)
	}
	for line != "\r\n" {
		if line, err = r.ReadString('\n'); err != nil {
			s.t.Fatal(err)
		}
	}
	return c, r
}

// What the hostile do has a clear answer, costs little memory, and a client that
// behaves is served all along.
func TestHostile_OthersAreServed(t *testing.T) {
	s := start(t, "--auth", "none", "--echo", "--handshake-timeout", "2s")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	good, _, err := coder.Dial(ctx, "ws://"+s.client+"/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	served := func() {
		t.Helper()
		began := time.Now()
		if err := good.Write(ctx, coder.MessageText, []byte("still there?")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := good.Read(ctx); err != nil || string(b) != "still there?" {
			t.Fatalf("%q, %v", b, err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("the one who behaves waited %v", d)
		}
	}
	served()
	before := s.rss()

	attacks := []struct {
		name   string
		attack func(t *testing.T)
	}{
		{"a header block that never ends", func(t *testing.T) {
			c := s.dial()
			line := "X-Filler: " + strings.Repeat("y", 1000) + "\r\n"
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
			for range 1000 {
				if _, err := io.WriteString(c, line); err != nil {
					break
				}
			}
			if b, _ := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.1 431 ") && len(b) > 0 {
				t.Errorf("%q", b)
			}
		}},
		{"one byte a moment", func(t *testing.T) {
			c := s.dial()
			go func() {
				for _, b := range []byte(strings.Repeat("GET / HTTP/1.1 ", 100)) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}()
			if b, _ := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
				t.Errorf("%q", b)
			}
		}},
		{"a length of 2^62", func(t *testing.T) {
			c, r := s.upgrade("/echo")
			_, _ = io.WriteString(c, "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
			if b, _ := io.ReadAll(r); len(b) < 4 || b[0] != 0x88 || int(b[2])<<8|int(b[3]) != 1009 {
				t.Errorf("%q", b)
			}
		}},
		{"100,000 pings", func(t *testing.T) {
			c, r := s.upgrade("/rooms/x")
			ping := strings.Repeat(string(protocol.AppendMaskedFrame(nil, protocol.OpPing, []byte("ping"), [4]byte{1, 2, 3, 4})), 1000)
			done := make(chan error, 1)
			go func() {
				_, err := io.CopyN(io.Discard, r, 100_000*6)
				done <- err
			}()
			for range 100 {
				_, _ = io.WriteString(c, ping)
			}
			if err := <-done; err != nil {
				t.Errorf("the pongs: %v", err)
			}
		}},
		{"pings without reading", func(t *testing.T) {
			c, _ := s.upgrade("/rooms/x")
			ping := strings.Repeat(string(protocol.AppendMaskedFrame(nil, protocol.OpPing, make([]byte, 125), [4]byte{})), 500)
			_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
			for range 2000 {
				if _, err := io.WriteString(c, ping); err != nil {
					break // it was cut off
				}
			}
			s.until("it is closed as a slow consumer", func() bool {
				return s.metric(`roost_connections_closed_total{reason="slow_consumer"}`) == "1"
			})
		}},
		{"a flood of fragments", func(t *testing.T) {
			c, r := s.upgrade("/echo")
			first := protocol.AppendMaskedFrame(nil, protocol.OpText, []byte("a"), [4]byte{})
			first[0] &= 0x7f
			more := protocol.AppendMaskedFrame(nil, protocol.OpContinuation, []byte("b"), [4]byte{})
			more[0] &= 0x7f
			_, _ = c.Write(first)
			flood := strings.Repeat(string(more), 1000)
			go func() {
				for range 100 {
					if _, err := io.WriteString(c, flood); err != nil {
						return
					}
				}
			}()
			if b, _ := io.ReadAll(r); len(b) < 4 || int(b[2])<<8|int(b[3]) != 1009 {
				t.Errorf("%q", b)
			}
		}},
		{"one byte of a frame on 2,000 connections", func(t *testing.T) {
			for range 2000 {
				c, _ := s.upgrade("/rooms/x")
				_, _ = c.Write([]byte{0x81})
			}
		}},
		{"TLS on the plain port", func(t *testing.T) {
			c := s.dial()
			_, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
			if b, _ := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.1 400 ") {
				t.Errorf("%q", b)
			}
		}},
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			a.attack(t)
			s.t = t
			served()
		})
	}
	s.t = t
	if grown := s.rss() - before; grown > 32<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
	if n := s.metric("roost_panics_total"); n != "0" {
		t.Errorf("%s panics", n)
	}
	if s.stop(15) != 0 {
		t.Error("it does not end well")
	}
}

// With few descriptors those inside go on, those outside get 503, and the API
// answers all along.
func TestLimits_OutOfDescriptors(t *testing.T) {
	dir := t.TempDir()
	wrapper := filepath.Join(dir, "roost")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nulimit -n 128\nexec "+binary+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	whole := binary
	binary = wrapper
	s := start(t, "--auth", "none", "--max-connections", "1000000")
	binary = whole
	var inside, refused int
	var last net.Conn
	for range 300 {
		c, err := net.DialTimeout("tcp", s.client, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = fmt.Fprintf(c, request, "/rooms/r")
		b := make([]byte, 12)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("no answer: %v", err)
		}
		switch string(b) {
		case "HTTP/1.1 101":
			inside++
			last = c
		case "HTTP/1.1 503":
			refused++
		default:
			t.Fatalf("%q", b)
		}
		if refused >= 10 {
			break
		}
	}
	if inside < 50 || refused < 10 {
		t.Fatalf("%d inside, %d refused", inside, refused)
	}
	s.publish("r", "still here")
	found := false
	b := make([]byte, 4096)
	for !found {
		n, err := last.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		found = strings.Contains(string(b[:n]), "still here")
	}
}
