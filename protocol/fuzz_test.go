package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainly reads whole input the simple way: all at once, with copies, straight
// from the RFC. It shares nothing with Reader, unmasking among it.
func plainly(in []byte, limit int, deflate bool) string {
	var out []string
	var op Op
	var msg []byte
	var z bool
	stop := func(code int) string { return strings.Join(append(out, fmt.Sprint(code)), " ") }
	for len(in) > 0 {
		f, o := in[0]&0x80 != 0, Op(in[0]&15)
		ctl := o >= 8
		rsv := in[0] & 0x70
		if deflate && (o == 1 || o == 2) {
			rsv &= 0x30
		}
		if rsv != 0 || o > 2 && o < 8 || o > 10 || ctl && !f || o == 0 && op == 0 || op != 0 && (o == 1 || o == 2) {
			return stop(1002)
		}
		if len(in) < 2 {
			break
		}
		n, h := uint64(in[1]&127), 2
		if in[1]&0x80 == 0 || ctl && n > 125 {
			return stop(1002)
		}
		if n == 126 {
			if len(in) < 4 {
				break
			}
			if n, h = uint64(binary.BigEndian.Uint16(in[2:])), 4; n < 126 {
				return stop(1002)
			}
		} else if n == 127 {
			if len(in) < 10 {
				break
			}
			if n, h = binary.BigEndian.Uint64(in[2:]), 10; n>>63 != 0 || n < 65536 {
				return stop(1002)
			}
		}
		most := limit
		if z || o != 0 && in[0]&0x40 != 0 {
			most += limit/8 + limit/64 + 64
		}
		if !ctl && n > uint64(most-len(msg)) {
			return stop(1009)
		}
		if len(in) < h+4 {
			break
		}
		if o == 1 || o == 2 {
			op, z = o, in[0]&0x40 != 0
		}
		have := int(min(n, uint64(len(in)-h-4)))
		p := bytes.Clone(in[h+4 : h+4+have])
		for i := range p {
			p[i] ^= in[h+i%4]
		}
		whole := uint64(have) == n
		in = in[h+4+have:]
		if ctl {
			if whole {
				out = append(out, fmt.Sprintf("%d:%s", o, p))
			}
			continue
		}
		msg = append(msg, p...)
		if op == OpText && !z {
			for i := 0; i < len(msg); {
				if !utf8.FullRune(msg[i:]) && !(f && whole) {
					break // its other bytes may come
				}
				r, size := utf8.DecodeRune(msg[i:])
				if r == utf8.RuneError && size == 1 {
					return stop(1007)
				}
				i += size
			}
		}
		if f && whole {
			out = append(out, word(&Message{Op: op, Compressed: z, Payload: msg}))
			op, msg, z = 0, nil, false
		}
	}
	return strings.Join(out, " ")
}

// cut cuts in into pieces of the sizes in plan; what is left is the last.
func cut(in []byte, plan []byte) (pieces []string) {
	for _, n := range plan {
		n := min(int(n), len(in))
		pieces = append(pieces, string(in[:n]))
		in = in[n:]
	}
	return append(pieces, string(in))
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{
		frame(text, "hello") + frame(ping, "p") + frame(bin, "\x00"),
		frame(textPart, "\xe2\x82") + frame(pong, "x") + frame(cont, "\xac"),
		frame(closing, "\x03\xe8") + frame(contPart, ""),
		frame(bin, strings.Repeat("z", 200)),
		frame(binPart, strings.Repeat("z", 200)) + frame(ping, "") + frame(contPart, "") + frame(cont, strings.Repeat("y", 100)),
		long(bin, 1<<16), long(text, 1<<62), long(cont, 1<<63),
		string(AppendMaskedFrame(nil, OpText, []byte("κόσμε €😀"), [4]byte{})),
	} {
		f.Add([]byte(s), []byte{1, 7})
		f.Add([]byte(s), []byte{})
	}
	f.Add([]byte(frame(textPart|rsv1, "\xf2\x48\xcd")+frame(ping, "")+frame(cont, "\xc9\xc9\x07\x00")+frame(bin, "b")), []byte{3, 9})
	var used Reader // of all that came before
	f.Fuzz(func(t *testing.T, in, plan []byte) {
		const limit = 300
		pieces := cut(in, plan)
		for _, deflate := range []bool{false, true} {
			want := plainly(in, limit, deflate)
			r := &Reader{Limit: limit, Deflate: deflate}
			if got := readAll(t, r, pieces...); got != want {
				t.Fatalf("%x cut as %d, deflate %v: %q, expected %q", in, plan, deflate, got, want)
			}
			if n := r.Buffered(); n > 3*1024 {
				t.Fatalf("%d bytes kept of %d", n, len(in))
			}
			used.Reset()
			used.Limit, used.Deflate = limit, deflate
			if got := readAll(t, &used, pieces...); got != want {
				t.Fatalf("%x by a used Reader, deflate %v: %q, expected %q", in, deflate, got, want)
			}
		}
	})
}

func FuzzParseClose(f *testing.F) {
	f.Add([]byte("\x03\xe8bye"))
	f.Add([]byte{3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		code, reason, err := ParseClose(payload)
		switch ok := len(payload) == 0 || len(payload) >= 2 && ValidCloseCode(binary.BigEndian.Uint16(payload)) && utf8.Valid(payload[2:]); {
		case ok != (err == nil):
			t.Fatalf("%x: %v", payload, err)
		case err != nil && (code != 0 || reason != nil):
			t.Fatalf("%x: %d %q beside %v", payload, code, reason, err)
		case err == nil && code != NoCode && len(payload) <= maxControl && string(AppendClose(nil, code, string(reason))[2:]) != string(payload):
			t.Fatalf("%x does not come back", payload)
		}
	})
}

func FuzzBoundary(f *testing.F) {
	f.Add([]byte("\x81\x02ab\x82\x7e\x00\x7e"), 3)
	f.Add([]byte("HTTP/1.1 101 x\r\n\r\n\x81\x02ab"), 20)
	f.Fuzz(func(t *testing.T, frames []byte, off int) {
		off = min(max(off, 0), len(frames))
		if end := Boundary(frames, off); end < off || end > len(frames) {
			t.Fatalf("%x from %d: %d", frames, off, end)
		}
	})
}

// Whatever a client asks for and a Decider decides, the answer is one well-formed
// HTTP response, the Decider is asked at most once, and what it lets in is let in.
func FuzzHandshaker_Handshake_Decision(f *testing.F) {
	f.Add(request("/"), 0, "", "", "id", "")
	f.Add(request("/rooms/a?x=%20&y=+", "Sec-WebSocket-Protocol: a, b\r\n"), 0, "", "", "bad\r\nid", "b")
	f.Add(request("http://h/p", "Cookie: a\r\nCookie: b\r\n"), 403, "forbidden", "no \"room\"\n", "", "")
	f.Add("GET / HTTP/1.0\r\n\r\n", -1, "", "", "", "x\r\nEvil: 1")
	f.Fuzz(func(t *testing.T, head string, status int, code, message, conn, proto string) {
		if end := HeaderEnd([]byte(head), 0); end >= 0 {
			head = head[:end]
		}
		d := &asked{decision: Decision{Protocol: proto, Connection: conn, Park: status < 0}}
		if status > 0 {
			d.decision.Reject = &Reject{Status: status, Code: code, Message: message, RetryAfter: status % 7}
		}
		h := NewHandshaker(d)
		block := []byte(head)
		out := h.Handshake(block)
		if string(block) != head {
			t.Fatal("the header block was changed")
		}
		if d.times > 1 || out.Status == 101 && d.times == 0 || d.times == 1 && status == 0 && out.Status != 101 {
			t.Fatalf("%d after %d decisions", out.Status, d.times)
		}
		if out.Parked {
			if status >= 0 || len(out.Reply) != 0 || out.Status != 0 || out.Plain {
				t.Fatalf("parked with %+v", out)
			}
			return
		}
		resp, _ := answer(t, string(h.Request().Method), out)
		if len(resp.Header["Evil"]) > 0 {
			t.Fatalf("a header came in: %q", out.Reply)
		}
	})
}

func FuzzRequest_Query(f *testing.F) {
	f.Add("a=1&b=%20&%61=2&c=+", "a")
	f.Add("a=%zz&a=1", "a")
	f.Fuzz(func(t *testing.T, raw, key string) {
		q := &Request{RawQuery: []byte(raw)}
		got, ok := q.Query(key)
		want, wantOK := queryPlainly(raw, key)
		if ok != wantOK || string(got) != want {
			t.Fatalf("%q of %q: %q, %v; expected %q, %v", key, raw, got, ok, want, wantOK)
		}
	})
}
