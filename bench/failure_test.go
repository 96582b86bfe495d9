package bench_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/bench"
)

// run has no long waits: what hangs is an error after 5 seconds.
func TestRun_Refused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + l.Addr().String() + "/"
	l.Close()
	for _, mode := range []bench.Mode{bench.Idle, bench.Echo, bench.Fanout, bench.Churn} {
		r, err := run(t, bench.Options{Mode: mode, URL: url, Conns: 500})
		if err == nil || !strings.Contains(err.Error(), "connection refused") || r.Up != 0 || r.Failed < 100 {
			t.Errorf("%s: %v, up %d, failed %d", mode, err, r.Up, r.Failed)
		}
	}
}

func TestRun_Unauthorized(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.gate = func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, `{"error":"unauthorized","message":"no token"}`, http.StatusUnauthorized)
			return false
		}
	})
	for _, mode := range []bench.Mode{bench.Idle, bench.Echo, bench.Fanout, bench.Churn} {
		r, err := run(t, bench.Options{Mode: mode, URL: s.ws("/echo")})
		if err == nil || !strings.Contains(err.Error(), "401 Unauthorized: {") || !strings.Contains(err.Error(), "no token") || r.Failed < 20 {
			t.Errorf("%s: %v, failed %d", mode, err, r.Failed)
		}
	}
}

func TestRun_SomeRefused(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.gate = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.Header.Get("X-Number"), "1") {
				http.Error(w, "full", http.StatusServiceUnavailable)
				return false
			}
			return true
		}
	})
	r, err := run(t, bench.Options{Mode: bench.Echo, URL: s.ws("/echo"), Header: func(i int) string { return fmt.Sprintf("X-Number: %d\r\n", i) }})
	if err != nil || r.Up != 18 || r.Failed != 2 || r.Errors["upgrade: 503 Service Unavailable: full"] != 2 {
		t.Errorf("%v: up %d, failed %d, %v", err, r.Up, r.Failed, r.Errors)
	}
}

func TestRun_ServerDies(t *testing.T) {
	for _, mode := range []bench.Mode{bench.Idle, bench.Echo} {
		closed := make(chan struct{})
		url := rawServer(t, answer101, func(c net.Conn) {
			go func() { // echoes until it dies
				<-closed
				c.Close()
			}()
			echoFrames(c)
		})
		time.AfterFunc(400*time.Millisecond, func() { close(closed) })
		r, err := run(t, bench.Options{Mode: mode, URL: url, Duration: 10 * time.Second})
		if err == nil || !strings.Contains(err.Error(), "no connection is left") || r.Dropped != 20 {
			t.Errorf("%s: %v, dropped %d, %v", mode, err, r.Dropped, r.Errors)
		}
	}
}

func TestRun_BadAnswers(t *testing.T) {
	for want, answer := range map[string]string{
		"wrong Sec-WebSocket-Accept": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		"without Upgrade":            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
		"not an answer of HTTP":      "SSH-2.0-OpenSSH_9.6\r\n\r\n",
		"end of stream":              "HTTP/1.1 101 Switching",
		"over 16 KiB":                "HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 20<<10),
	} {
		url := rawServer(t, func(string) string { return answer }, nil)
		r, err := run(t, bench.Options{Mode: bench.Idle, URL: url, Conns: 3})
		if err == nil || !strings.Contains(err.Error(), want) || r.Failed != 3 {
			t.Errorf("%q: %v, failed %d", want, err, r.Failed)
		}
	}
}

func TestRun_NoAnswer(t *testing.T) {
	done := make(chan struct{})
	url := rawServer(t, func(string) string { <-done; return "" }, nil)
	_, err := run(t, bench.Options{Mode: bench.Idle, URL: url, Conns: 3, Timeout: 300 * time.Millisecond})
	close(done)
	if err == nil || !strings.Contains(err.Error(), "upgrade: no answer in 300ms") {
		t.Errorf("%v", err)
	}
}

func answer101(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, Upgrade\r\nSec-Websocket-accept:" +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

// echoFrames sends each frame back unmasked, in pieces: a header of a text
// fragment, its payload byte by byte with a ping between, an empty last fragment.
func echoFrames(c net.Conn) {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(c, head[:2]); err != nil {
			return
		}
		n := int(head[1] & 127)
		if n == 126 {
			if _, err := io.ReadFull(c, head[2:4]); err != nil {
				return
			}
			n = int(head[2])<<8 | int(head[3])
		}
		body := make([]byte, 4+n)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		key, body := body[:4], body[4:]
		for i := range body {
			body[i] ^= key[i&3]
		}
		switch head[0] & 15 {
		case 8:
			_, _ = c.Write([]byte{0x88, 0})
			return
		case 10:
			if string(body) != "hi" {
				return
			}
			continue
		}
		out := []byte{0x01, byte(n / 2)}
		out = append(out, body[:n/2]...)
		out = append(out, 0x89, 2, 'h', 'i')
		out = append(out, 0x00, byte(n-n/2))
		out = append(out, body[n/2:]...)
		out = append(out, 0x80, 0)
		for i := range out {
			if _, err := c.Write(out[i : i+1]); err != nil {
				return
			}
		}
	}
}

func TestRun_TornAndFragmented(t *testing.T) {
	url := rawServer(t, answer101, echoFrames)
	r := must(t, bench.Options{Mode: bench.Echo, URL: url, Conns: 3})
	if *r.Ops == 0 || *r.Lost != 0 {
		t.Errorf("%d echoes, %d lost", *r.Ops, *r.Lost)
	}
}

func TestOptions_Validate(t *testing.T) {
	good := bench.Options{Mode: bench.Echo, URL: "ws://127.0.0.1:1/"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*bench.Options){
		"Mode: \"x\"":            func(o *bench.Options) { o.Mode = "x" },
		"URL: \"http":            func(o *bench.Options) { o.URL = "http://a/" },
		"URL: wss":               func(o *bench.Options) { o.URL = "wss://a/" },
		"Conns: -1":              func(o *bench.Options) { o.Conns = -1 },
		"Conns: 99999999 do not": func(o *bench.Options) { o.Conns = 99999999 },
		"Size: 5":                func(o *bench.Options) { o.Size = 5 },
		"Rate: -3":               func(o *bench.Options) { o.Rate = -3 },
		"Duration: -1s":          func(o *bench.Options) { o.Duration = -time.Second },
		"Opening: -2":            func(o *bench.Options) { o.Opening = -2 },
		"Publish: \"GET":         func(o *bench.Options) { o.Publish = "GET http://a" },
		"Publish: \"ws://a\" is": func(o *bench.Options) { o.Publish = "POST ws://a" },
		"Free: \"x\" is not":     func(o *bench.Options) { o.Free = "x" },
		"GC: needs Pid and Free": func(o *bench.Options) { o.GC = true },
		"Timeout: -1s is neg":    func(o *bench.Options) { o.Timeout = -time.Second },
	} {
		o := good
		change(&o)
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
		if _, err := bench.Run(t.Context(), o); err == nil {
			t.Errorf("%s: Run goes on", want)
		}
	}
}
