package edge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

// from connects from a loopback address of its own.
func (f *fixture) from(source, path string, header ...string) (*websocket.Conn, *http.Response, error) {
	f.t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, "ws://"+f.addr+path, &websocket.DialOptions{HTTPHeader: h, HTTPClient: client})
	if err == nil {
		f.t.Cleanup(func() { _ = c.CloseNow() })
	}
	return c, resp, err
}

func TestServer_MaxPerAddress(t *testing.T) {
	inTheClear(t)
	f := serve(t, Config{MaxPerAddress: 2, Echo: true, Loops: 2, TrustedProxies: []string{"127.0.9.0/24"}, Auth: hmac(t)}, nil)
	bearer := "Bearer " + token(t, anyone("a"))
	ok := func(source string, header ...string) *websocket.Conn {
		t.Helper()
		c, _, err := f.from(source, "/ws", append(header, "Authorization", bearer)...)
		if err != nil {
			t.Fatalf("from %s: %v", source, err)
		}
		return c
	}
	full := func(source string, header ...string) {
		t.Helper()
		_, resp, err := f.from(source, "/ws", append(header, "Authorization", bearer)...)
		if err == nil || resp == nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("a third from %s: %v, %v", source, resp, err)
		}
	}
	one := ok("127.0.1.1")
	ok("127.0.1.1")
	full("127.0.1.1")
	ok("127.0.1.2")
	_ = one.CloseNow()
	f.until("there is room again", func() bool { return f.Stats().Connections == 2 })
	ok("127.0.1.1")

	// Behind a proxy its clients count, each for itself; nobody else names one.
	for range 2 {
		ok("127.0.9.1", "X-Forwarded-For", "203.0.113.7")
		ok("127.0.9.1", "X-Forwarded-For", "6.6.6.6, 203.0.113.8, 127.0.9.2")
	}
	full("127.0.9.1", "X-Forwarded-For", "203.0.113.7")
	full("127.0.9.2", "X-Forwarded-For", "203.0.113.8")
	full("127.0.1.1", "X-Forwarded-For", "203.0.113.9")
	for range 4 {
		ok("127.0.9.1") // the proxy itself
	}
	if n := f.addresses.Len(); n != 4 {
		t.Errorf("%d addresses", n)
	}
	list, _, err := f.Connections(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, c := range list {
		seen[c.Remote.Addr().String()]++
		if c.User != "a" || string(c.Info) != `{"name":"a"}` {
			t.Errorf("%+v", c)
		}
	}
	if fmt.Sprint(seen) != "map[127.0.1.1:2 127.0.1.2:1 127.0.9.1:4 203.0.113.7:2 203.0.113.8:2]" {
		t.Errorf("clients %v", seen)
	}
	for _, c := range list {
		_ = f.Disconnect(c.ID, true)
	}
	f.until("all are gone", func() bool { return f.Stats().Connections == 0 })
	if n := f.addresses.Len(); n != 0 {
		t.Errorf("%d addresses left over", n)
	}
	closings, _, _ := f.Closings(ClosingFilter{Reason: "disconnected"}, "", 100)
	for _, c := range closings {
		seen[c.Remote.Addr().String()]--
	}
	for a, n := range seen {
		if n != 0 {
			t.Errorf("closings of %s are off by %d", a, n)
		}
	}
}

// A connection that says nothing counts for its address as well.
func TestServer_MaxPerAddress_BeforeTheRequest(t *testing.T) {
	inTheClear(t)
	f := serve(t, Config{MaxPerAddress: 1, Echo: true}, nil)
	silent := f.raw()
	f.until("it is there", func() bool { return f.addresses.Len() == 1 })
	c := f.raw()
	c.send(ask("/echo"))
	if status, body := c.status(); status != 429 || !strings.Contains(body, "rate_limited") {
		t.Errorf("%d %s", status, body)
	}
	var more []*raw
	for range 1 + leastOver { // they may ask, but not all, and not for long
		more = append(more, f.raw())
	}
	if status, _ := more[leastOver].status(); status != 429 {
		t.Errorf("one too many: %d", status)
	}
	began := time.Now()
	if _, err := more[0].r.ReadByte(); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("one that does not ask: %v after %v", err, time.Since(began))
	}
	_ = silent.Close()
	f.until("it is gone", func() bool { return f.addresses.Len() == 0 })
	f.upgrade("/echo")
}

func TestServer_ProxyProtocol(t *testing.T) {
	inTheClear(t)
	f := serve(t, Config{ProxyProtocol: true, TrustedProxies: []string{"127.0.0.1"}, Echo: true, MaxPerAddress: 1}, nil)
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x08\x7f\x00\x00\x01\x12\x34\x1f\x90"
	for i, header := range []string{"PROXY TCP4 203.0.113.7 127.0.0.1 4000 8080\r\n", v2} {
		request := header + ask("/echo")
		c := f.raw()
		if i == 0 {
			c.send(request)
		} else {
			for _, b := range []byte(request) { // torn anywhere
				c.send(string([]byte{b}))
			}
		}
		if status, body := c.status(); status != 101 {
			t.Fatalf("%q: %d %s", header, status, body)
		}
		again := f.raw()
		again.send(request)
		if status, _ := again.status(); status != 429 {
			t.Errorf("the same client again: %d", status)
		}
	}
	list, _, _ := f.Connections(t.Context(), "", 10)
	if got := fmt.Sprint(list[0].Remote, " ", list[1].Remote); got != "203.0.113.7:4000 203.0.113.8:4660" {
		t.Errorf("clients %s", got)
	}
	for _, bad := range []string{ask("/echo"), "PROXY nonsense\r\n" + ask("/echo"), "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"} {
		c := f.raw()
		c.send(bad)
		if status, _ := c.status(); status != 400 {
			t.Errorf("%.20q: %d", bad, status)
		}
	}
	health := f.raw() // of the proxy itself
	health.send("PROXY UNKNOWN\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, _ := health.status(); status != 200 {
		t.Errorf("health: %d", status)
	}
	if _, resp, err := f.from("127.0.1.1", "/echo"); err == nil || resp == nil || resp.StatusCode != 400 {
		t.Errorf("not a proxy: %v, %v", resp, err)
	}
}

func TestServer_HandshakesPerSecond(t *testing.T) {
	f := serve(t, Config{HandshakesPerSecond: 5, Echo: true}, nil)
	began := time.Now()
	let, refused := 0, 0
	for range 20 {
		_, resp, err := f.try("/echo")
		if err == nil {
			let++
			continue
		}
		refused++
		if after, _ := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != 503 || after < 1 || after > 11 {
			t.Fatalf("refused with %v", resp)
		}
	}
	if most := 5 + int(5*time.Since(began).Seconds()) + 1; let > most || refused == 0 {
		t.Errorf("%d were let in, at most %d might", let, most)
	}
	if resp, err := http.Get("http://" + f.addr + "/healthz"); err != nil || resp.StatusCode != 200 {
		t.Errorf("health: %v", err)
	}
}

func TestServer_MessagesPerSecond(t *testing.T) {
	f := serve(t, Config{MessagesPerSecond: 10, Echo: true}, nil)
	fair, flood := f.dial("/echo"), f.upgrade("/echo")
	for range 5 {
		say(t, fair, "x")
		want(t, fair, "x")
	}
	for range 30 {
		_, _ = flood.Write([]byte("\x89\x80\x00\x00\x00\x00")) // pings count, too
	}
	if code, _ := flood.closing(); code != 4004 {
		t.Errorf("closed with %d", code)
	}
	f.until("it is counted", func() bool { return f.closed(ReasonRateLimited) == 1 })
	say(t, fair, "still here")
	want(t, fair, "still here")
}

func TestServer_BytesPerSecond(t *testing.T) {
	f := serve(t, Config{BytesPerSecond: 10 << 10, MaxMessage: 8 << 10, Echo: true, Deflate: true}, nil)
	text := strings.Repeat("x", 8<<10)
	c := f.dial("/echo")
	for range 2 {
		say(t, c, text)
		want(t, c, text)
	}
	say(t, c, text)
	wantClose(t, c, 4004)
	// What is compressed counts as what it becomes.
	packed := f.deflating("/echo")
	for range 2 {
		speak(t, packed, text)
		hear(t, packed, text)
	}
	speak(t, packed, text)
	if _, _, err := packed.ReadMessage(); !gorilla.IsCloseError(err, 4004) {
		t.Errorf("compressed: %v", err)
	}
}
