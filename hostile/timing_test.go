package hostile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/protocol"
)

// waiting sends something and then nothing more, and tells what comes. Then
// within the time that the server gives.
func waiting(bytes string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		p.send(bytes)
		return p.answer()
	}
}

// dripping sends bytes one by one, each after a pause, until it is answered.
func dripping(bytes string, pause time.Duration) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		defer p.dribble(bytes, pause)()
		return p.answer()
	}
}

// dribble begins to send bytes one by one, each after a pause, until stop is called.
func (p *peer) dribble(bytes string, pause time.Duration) (stop func()) {
	done := make(chan struct{})
	go func() {
		for i := range len(bytes) {
			select {
			case <-done:
				return
			case <-time.After(pause):
				p.send(bytes[i : i+1])
			}
		}
	}()
	return func() { close(done) }
}

const tooSlow = "408 timeout"

var slowHandshakes = []attack{
	{name: "nothing is sent", run: waiting(""), want: "end"},
	{name: "one byte", run: waiting("G"), want: tooSlow},
	{name: "half a line", run: waiting("GET /ec"), want: tooSlow},
	{name: "a line without headers", run: waiting("GET /echo HTTP/1.1\r\n"), want: tooSlow},
	{name: "all but the last byte", run: waiting(strings.TrimSuffix(handshake("GET /echo HTTP/1.1"), "\n")), want: tooSlow},
	{name: "lines that end in LF", run: waiting(strings.ReplaceAll(handshake("GET /echo HTTP/1.1"), "\r\n", "\n")), want: tooSlow},
	{name: "lines that end in CR", run: waiting(strings.ReplaceAll(handshake("GET /echo HTTP/1.1"), "\r\n", "\r")), want: tooSlow},
	{name: "a command of Redis", run: waiting("*1\r\n$8\r\nFLUSHALL\r\n"), want: tooSlow},
	{name: "8 KiB without an end", run: waiting(block(8192)[:8190]), want: tooSlow},
	{name: "a byte every 50 ms", run: dripping(handshake("GET /echo HTTP/1.1", many(50)...), 50*time.Millisecond), want: tooSlow},
	{name: "TLS on the plain port", run: speakTLS, want: "no TLS"},
}

var slowAPI = []attack{
	{name: "nothing is sent to the API", run: calling(""), want: "end"},
	{name: "half a request to the API", run: calling("GET /v1/st"), want: "400"},
	{name: "half a header block", run: calling(strings.TrimSuffix(call("GET /v1/stats", ""), "\r\n")), want: "end"},
	{name: "a body that does not come", run: patiently(40*time.Second, call("POST "+publish, "", "Content-Length: 10")), want: tooSlow, slow: true},
}

var slowMessages = []attack{
	{name: "silence, and no pong", run: silent(""), want: "ping: close 4005"},
	{name: "one byte, and silence", run: silent("\x81"), want: "ping: close 4005"},
	{name: "half a header, and silence", run: silent("\x81\xfe\x10"), want: "ping: close 4005"},
	{name: "half a message, and silence", run: silent(frame(text, stars(1000))[:500]), want: "ping: close 4005"},
	{name: "a first fragment, and silence", run: silent(frame(textPart, "a")), want: "ping: close 4005"},
	{name: "echoes that are never read", run: stuck, want: "sent away"},
	{name: "half a close, and silence", run: silent(goodbye[:5]), want: "ping: close 4005"},
	{name: "an answer to goodbye that is none", run: nagging, want: broken},
	{name: "a message with a byte each 500 ms, for ever", run: forever, want: "close 1008", slow: true},
}

// patiently is calling for what takes longer than a peer's patience.
func patiently(most time.Duration, bytes string) func(*server) string {
	return func(s *server) string {
		p := connect(s.admin)
		defer p.close()
		if p.err == nil {
			_ = p.c.SetDeadline(time.Now().Add(most))
		}
		p.send(bytes)
		return p.apiAnswer()
	}
}

// silent sends some bytes of a frame and nothing more.
func silent(bytes string) func(*server) string {
	return func(s *server) string {
		p := s.upgraded("/echo")
		defer p.close()
		p.send(bytes)
		return p.rest()
	}
}

// forever begins a message and never ends it.
func forever(s *server) string {
	p := s.upgraded("/echo")
	defer p.close()
	if p.err != nil {
		return p.err.Error()
	}
	_ = p.c.SetDeadline(time.Now().Add(100 * time.Second))
	p.send(frame(bin, stars(1000))[:8])
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
				p.send("*")
			}
		}
	}()
	for {
		op, payload, err := p.frame()
		if err != nil {
			return end(err)
		}
		if op == protocol.OpClose {
			return closeWord(payload)
		}
	}
}

// nagging is sent away, and goes on talking instead of saying goodbye.
func nagging(s *server) string {
	p := s.upgraded("/echo")
	defer p.close()
	p.send("\x83\x80\x00\x00\x00\x00")
	op, payload, err := p.frame()
	if err != nil || op != protocol.OpClose {
		return fmt.Sprint(op, payload, err)
	}
	began := time.Now()
	for time.Since(began) < hangs {
		if _, err := io.WriteString(p.w, frame(text, "and another thing")); err != nil {
			return closeWord(payload)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "it is never cut off"
}

// speakTLS begins TLS in earnest. It gets an answer of HTTP, which is none.
func speakTLS(s *server) string {
	p := s.dial()
	defer p.close()
	if p.err != nil {
		return p.err.Error()
	}
	var record tls.RecordHeaderError
	err := tls.Client(p.c, &tls.Config{ServerName: "test"}).Handshake()
	if errors.As(err, &record) {
		return "no TLS"
	}
	return fmt.Sprint(err)
}

// All who are slow are so at once.
func TestHostile_Slow(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--handshake-timeout", "1s", "--heartbeat", "1s", "--heartbeat-timeout", "1s")
	var all []attack
	for _, list := range [][]attack{slowHandshakes, slowAPI, slowMessages} {
		all = append(all, list...)
	}
	s.sufferAtOnce(t, 0, all)
}

// resets has connections end with RST after some bytes, 200 times.
func resets(path string, bytes ...string) func(*server) string {
	return func(s *server) string {
		for range 10 {
			var mu sync.Mutex
			var failed error
			atOnce(20, func(s *server) string {
				p := s.dial()
				if path != "" {
					p.close()
					p = s.upgraded(path)
				}
				p.send(strings.Join(bytes, ""))
				if p.err != nil {
					mu.Lock()
					failed = p.err
					mu.Unlock()
				}
				p.reset()
				return ""
			}, s)
			if failed != nil {
				return failed.Error()
			}
		}
		return ""
	}
}

var resetting = []attack{
	{name: "before a byte", run: resets("")},
	{name: "within a request", run: resets("", "GET /echo HTT")},
	{name: "before the answer", run: resets("", handshake("GET /echo HTTP/1.1"))},
	{name: "before the answer of a member", run: resets("", handshake("GET /rooms/team.r HTTP/1.1"))},
	{name: "before a refusal", run: resets("", path404)},
	{name: "with frames behind the request", run: resets("", handshake("GET /echo HTTP/1.1"), frame(text, stars(1000)))},
	{name: "after the upgrade", run: resets("/echo")},
	{name: "within a header", run: resets("/echo", "\x81\xfe")},
	{name: "within a message", run: resets("/echo", frame(text, stars(60_000))[:30_000])},
	{name: "between fragments", run: resets("/echo", frame(textPart, stars(1000)))},
	{name: "before the echo", run: resets("/echo", strings.Repeat(frame(bin, stars(65_536)), 4))},
	{name: "before a pong", run: resets("/rooms/r", strings.Repeat(frame(ping, stars(125)), 100))},
	{name: "before the answer to a close", run: resets("/echo", goodbye)},
	{name: "after a violation", run: resets("/echo", "\xff\xff")},
	{name: "of a member who publishes", run: resets("/rooms/r", strings.Repeat(frame(text, stars(1000)), 20))},
	{name: "of a native member", run: resets("/ws", frame(text, `{"type":"join","id":1,"room":"team.r","presence":true}`))},
	{name: "within a command", run: resets("/ws", frame(text, `{"type":"join","id":1,"room":"team.r"}`)[:20])},
	{name: "before the answers to 1,000 commands", run: resets("/ws", strings.Repeat(frame(text, `{"type":"presence","id":1,"room":"team.r"}`), 1000))},
}

func TestHostile_Resets(t *testing.T) {
	start(t, 0, "--auth", "none").suffer(t, resetting)
}
