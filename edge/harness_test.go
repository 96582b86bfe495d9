package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/certs/certstest"
	"github.com/roostws/roost/protocol"
)

// A fixture is a server under test.
type fixture struct {
	*Server
	t    testing.TB
	addr string
	stop context.CancelFunc
	done chan error
}

func serve(t testing.TB, cfg Config, h Handler) *fixture {
	t.Helper()
	gated := *byTLS && cfg.Listen == nil
	if cfg.Listen == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	if gated {
		cfg.Listen = []string{"tls://127.0.0.1:0"}
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{certstest.New(certstest.Options{}).TLS}}
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = time.Second
	}
	s, err := New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fixture{Server: s, t: t, addr: s.Addrs()[0].String(), stop: cancel, done: make(chan error, 1)}
	if gated {
		f.addr = openGate(t, f.addr)
	}
	go func() { f.done <- s.Run(ctx) }()
	f.until("the server is ready", func() bool { return s.Ready() == nil })
	t.Cleanup(f.end)
	return f
}

// end stops the server and looks whether anything is left over.
func (f *fixture) end() {
	f.stop()
	select {
	case err := <-f.done:
		f.done <- err
		if err != nil {
			f.t.Errorf("Run: %v", err)
		}
	case <-time.After(15 * time.Second):
		f.t.Fatal("the server does not stop")
	}
	st := f.Stats()
	if st.Connections != 0 || st.OutboxBytes != 0 || st.PublishBytes != 0 || st.ReadBytes != 0 || st.Rooms != 0 {
		f.t.Errorf("left over: %d connections, %d outbox bytes, %d publish bytes, %d read bytes, %d rooms",
			st.Connections, st.OutboxBytes, st.PublishBytes, st.ReadBytes, st.Rooms)
	}
	var closed uint64
	for _, c := range st.Closed {
		closed += c.N
	}
	if closed != st.Opened {
		f.t.Errorf("%d opened, %d closed", st.Opened, closed)
	}
	if n := f.parked.Load(); n != 0 {
		f.t.Errorf("%d connections wait for ever", n)
	}
	if n := f.users.len(); n != 0 {
		f.t.Errorf("%d users left over", n)
	}
	for _, l := range f.loops {
		for _, shard := range l.shards {
			if n := shard.Seats(); n != 0 {
				f.t.Errorf("%d seats left over", n)
			}
		}
		if len(l.lags) != 0 || len(l.latest) != 0 {
			f.t.Errorf("left over: %d who lag, %d rooms' latest", len(l.lags), len(l.latest))
		}
		if len(l.awaited) != 0 {
			f.t.Errorf("joins left over: %v", l.awaited)
		}
		if l.strings.used != 0 {
			f.t.Errorf("%d bytes of names left over", l.strings.used)
		}
	}
}

func (f *fixture) until(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited too long until %s", what)
		}
	}
}

// dial connects as a well-behaved client.
func (f *fixture) dial(path string, header ...string) *websocket.Conn {
	f.t.Helper()
	c, resp, err := f.try(path, header...)
	if err != nil {
		f.t.Fatalf("dial %s: %v (%v)", path, err, resp)
	}
	return c
}

func (f *fixture) try(path string, header ...string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, "ws://"+f.addr+path, &websocket.DialOptions{HTTPHeader: h})
	if err == nil {
		c.SetReadLimit(64 << 20)
		f.t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, resp, err
}

func (f *fixture) publish(room, text string) Position {
	f.t.Helper()
	at, err := f.Publish(room, Message{Data: []byte(text)})
	if err != nil {
		f.t.Fatalf("publish to %s: %v", room, err)
	}
	return at
}

func (f *fixture) closed(why Reason) uint64 { return f.Stats().Closed[why].N }

func read(t testing.TB, c *websocket.Conn) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	return string(b), err
}

func want(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	if got, err := read(t, c); err != nil || got != text {
		t.Fatalf("got %.100q, %v; want %.100q", got, err, text)
	}
}

func say(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// wantClose reads until the connection is closed and checks the code.
func wantClose(t testing.TB, c *websocket.Conn, code int) websocket.CloseError {
	t.Helper()
	for {
		if _, err := read(t, c); err != nil {
			var ce websocket.CloseError
			if !errors.As(err, &ce) || int(ce.Code) != code {
				t.Fatalf("closed with %v; want %d", err, code)
			}
			return ce
		}
	}
}

// A raw is a client that does as it likes.
type raw struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (f *fixture) raw() *raw {
	f.t.Helper()
	c, err := net.DialTimeout("tcp", f.addr, 5*time.Second)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	f.t.Cleanup(func() { _ = c.Close() })
	return &raw{c, f.t, bufio.NewReader(c)}
}

// ask is a request for an upgrade.
func ask(path string, header ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(header, "") + "\r\n"
}

func (c *raw) send(parts ...string) {
	c.t.Helper()
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			c.t.Fatal(err)
		}
	}
}

// status reads an answer to a request.
func (c *raw) status() (int, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode == 101 {
		return 101, ""
	}
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// upgrade asks for path and expects to get it.
func (f *fixture) upgrade(path string, header ...string) *raw {
	f.t.Helper()
	c := f.raw()
	c.send(ask(path, header...))
	if status, body := c.status(); status != 101 {
		f.t.Fatalf("%s: %d %s", path, status, body)
	}
	return c
}

// frame reads one frame.
func (c *raw) frame() (op protocol.Op, payload []byte, err error) {
	var h [10]byte
	if _, err := io.ReadFull(c.r, h[:2]); err != nil {
		return 0, nil, err
	}
	n := int(h[1] & 127)
	switch n {
	case 126:
		if _, err := io.ReadFull(c.r, h[2:4]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(h[2:4]))
	case 127:
		if _, err := io.ReadFull(c.r, h[2:10]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint64(h[2:10]))
	}
	if h[0]&0x70 != 0 || h[1]&0x80 != 0 || n > 64<<20 {
		return 0, nil, fmt.Errorf("a frame begins with %x", h)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return protocol.Op(h[0] & 15), payload, err
}

// closing reads until a close frame and gives its code; then the end must come.
func (c *raw) closing() (code int, text string) {
	c.t.Helper()
	for {
		op, payload, err := c.frame()
		if err != nil {
			c.t.Fatalf("no close frame: %v", err)
		}
		if op != protocol.OpClose {
			continue
		}
		if _, err := c.r.ReadByte(); err != io.EOF {
			c.t.Errorf("after the close frame: %v", err)
		}
		if len(payload) < 2 {
			return 1005, ""
		}
		return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
}

func masked(op protocol.Op, payload string) string {
	return string(protocol.AppendMaskedFrame(nil, op, []byte(payload), [4]byte{1, 2, 3, 4}))
}
