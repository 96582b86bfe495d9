package protocol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// noAllocs expects f to make nothing, once pools are warm.
func noAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	noAllocsIn(t, 1000, what, f)
}

// noAllocsIn is noAllocs for what takes long.
func noAllocsIn(t *testing.T, runs int, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(runs, f); n != 0 && !poolsForget {
		t.Errorf("%s: %v allocations", what, n)
	}
}

func TestReader_Next_Allocations(t *testing.T) {
	for name, pieces := range map[string][]string{
		"short text":                  {frame(text, strings.Repeat("m", 100))},
		"text of 128 bytes":           {frame(text, strings.Repeat("m", 128))},
		"binary of 60 KiB":            {frame(bin, strings.Repeat("m", 60<<10))},
		"ping":                        {frame(ping, "are you there")},
		"several in one read":         {frame(text, "a") + frame(pong, "") + frame(bin, strings.Repeat("m", 300))},
		"fragments in one read":       {frame(textPart, "a") + frame(ping, "p") + frame(cont, "b")},
		"torn":                        {frame(text, strings.Repeat("m", 1000))[:500], frame(text, strings.Repeat("m", 1000))[500:]},
		"torn in the header":          {frame(text, "hello")[:1], frame(text, "hello")[1:]},
		"torn ping between fragments": {frame(textPart, "a"), frame(ping, "ping")[:8], frame(ping, "ping")[8:], frame(cont, "b")},
		"an error":                    {frame(fin|3, "a")},
	} {
		r := &Reader{Limit: 1 << 20}
		room := make([]byte, 1<<17)
		noAllocs(t, name, func() {
			for _, piece := range pieces {
				for in := room[:copy(room, piece)]; len(in) > 0; {
					m, rest, err := r.Next(in)
					if err != nil {
						r.Reset()
						break
					}
					if m.Op != 0 {
						_ = m.Frame()
					}
					in = rest
				}
			}
		})
	}
}

func TestHandshaker_Handshake_AllocationsOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		head     string
		decision Decision
		most     float64
	}{
		"let in with deflate": {request("/rooms/a?token=x", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"), Decision{Connection: "abc", Deflate: true}, 2},
		"let in":              {request("/rooms/a?token=x", "Cookie: a=b\r\nOrigin: http://o\r\n"), Decision{Connection: "abc"}, 2},
		"with a protocol":     {request("/ws", "Sec-WebSocket-Protocol: roost.v1.json, bearer.x\r\n"), Decision{Connection: "abc", Protocol: "roost.v1.json"}, 3},
		"with a long token":   {request("/ws?token=" + strings.Repeat("x", 2000)), Decision{Connection: "abc"}, 2},
		"parked":              {request("/"), Decision{Park: true}, 0},
		"refused":             {request("/"), Decision{Reject: rejectHost}, 0},
		"malformed":           {"GET /\r\n\r\n", Decision{}, 0},
		"plain":               {"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Decision{}, 0},
	} {
		h := NewHandshaker(&asked{decision: c.decision})
		head := []byte(c.head)
		if n := testing.AllocsPerRun(1000, func() { h.Handshake(head) }); n > c.most && !poolsForget {
			t.Errorf("%s: %v allocations, expected at most %v", name, n, c.most)
		}
	}
}

func TestAppend_Allocations(t *testing.T) {
	room := make([]byte, 0, 1024)
	payload := []byte("payload")
	noAllocs(t, "AppendFrame", func() { AppendFrame(room, OpText, payload) })
	noAllocs(t, "AppendMaskedFrame", func() { AppendMaskedFrame(room, OpText, payload, key) })
	noAllocs(t, "AppendClose", func() { AppendClose(room, 1001, "retry=1000") })
	noAllocs(t, "AppendReject", func() { AppendReject(room, rejectPlain) })
	noAllocs(t, "AppendResponse", func() { AppendResponse(room, 200, "text/plain", "ok\n") })
	noAllocs(t, "ParseClose", func() { _, _, _ = ParseClose([]byte("\x03\xe8bye")) })
	q := &Request{RawQuery: []byte("a=1&token=plain&b=%20x")}
	noAllocs(t, "Query", func() { q.Query("token"); q.scratch = q.scratch[:0]; q.Query("b") })
}

// Beside each message, what unmasking it, checking its text and filling the
// buffer again cost alone: the difference is the Reader's.
func BenchmarkReader_Next(b *testing.B) {
	for _, n := range []int{16, 100, 128, 1024, 16 << 10} {
		one := []byte(frame(text, strings.Repeat("m", n)))
		in := make([]byte, len(one))
		b.Run(fmt.Sprintf("whole/%d", n), func(b *testing.B) {
			r := &Reader{Limit: 1 << 20}
			b.ReportAllocs()
			for b.Loop() {
				copy(in, one)
				m, _, _ := r.Next(in)
				_ = m.Frame()
			}
		})
		b.Run(fmt.Sprintf("cipher/%d", n), func(b *testing.B) {
			for b.Loop() {
				copy(in, one)
				ws.Cipher(in[len(in)-n:], key, 0)
			}
		})
	}
	b.Run("compressed/100", func(b *testing.B) { // read, not inflated
		one := []byte(frame(text|rsv1, strings.Repeat("m", 100)))
		in := make([]byte, len(one))
		r := &Reader{Limit: 1 << 20, Deflate: true}
		for b.Loop() {
			copy(in, one)
			_, _, _ = r.Next(in)
		}
	})
	b.Run("ping", func(b *testing.B) {
		one := []byte(frame(pong, ""))
		r := &Reader{Limit: 1 << 20}
		for b.Loop() {
			_, _, _ = r.Next(one)
		}
	})
	b.Run("torn/1024", func(b *testing.B) {
		one := []byte(frame(text, strings.Repeat("m", 1024)))
		in := make([]byte, len(one))
		r := &Reader{Limit: 1 << 20}
		b.ReportAllocs()
		for b.Loop() {
			copy(in, one)
			_, _, _ = r.Next(in[:500])
			m, _, _ := r.Next(in[500:])
			_ = m.Frame()
		}
	})
	b.Run("fragment/1", func(b *testing.B) {
		tiny := []byte(frame(contPart, "x"))
		in := make([]byte, len(tiny))
		r := &Reader{Limit: 1 << 40}
		_, _, _ = r.Next([]byte(frame(binPart, "")))
		b.ReportAllocs()
		for b.Loop() {
			copy(in, tiny)
			_, _, _ = r.Next(in)
		}
	})
	b.Run("stream/1MiB", func(b *testing.B) { // in reads of 64 KiB
		one := []byte(frame(bin, strings.Repeat("m", 1<<20)))
		in := make([]byte, len(one))
		r := &Reader{Limit: 1 << 20}
		b.SetBytes(int64(len(one)))
		b.ReportAllocs()
		for b.Loop() {
			copy(in, one)
			for rest := in; len(rest) > 0; rest = rest[min(len(rest), 64<<10):] {
				_, _, _ = r.Next(rest[:min(len(rest), 64<<10)])
			}
		}
	})
}

func BenchmarkAppendReject(b *testing.B) {
	var room []byte
	for b.Loop() {
		room = AppendReject(room[:0], rejectPlain)
	}
}

func BenchmarkHandshaker_Browser(b *testing.B) {
	h := NewHandshaker(&asked{decision: Decision{Connection: "abc"}})
	head := []byte(request("/rooms/a?token="+strings.Repeat("x", 200), "Origin: https://example.com\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"+
		"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session="+strings.Repeat("y", 100)+"\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"))
	b.ReportAllocs()
	for b.Loop() {
		h.Handshake(head)
	}
}
