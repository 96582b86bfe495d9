package protocol

import (
	"bytes"
	"strings"
	"testing"
)

// A declared length costs nothing; what came does, and not much more than that.
func TestReader_Buffered_GrowsWithWhatCame(t *testing.T) {
	const limit = 16 << 20
	for name, head := range map[string]string{"whole": long(bin, limit), "fragment": long(binPart, limit)} {
		r := &Reader{Limit: limit}
		if _, _, err := r.Next([]byte(head + "abc")); err != nil {
			t.Fatal(err)
		}
		if n := r.Buffered(); n > 512 {
			t.Errorf("%s: 3 bytes of 16 MiB hold %d bytes", name, n)
		}
		for total := 3; total < limit-10_000; {
			part := make([]byte, 10_000)
			if _, _, err := r.Next(part); err != nil {
				t.Fatal(err)
			}
			if total += len(part); r.Buffered() > total*9/4+512 || r.Buffered() > limit+headroom {
				t.Fatalf("%s: %d bytes hold %d", name, total, r.Buffered())
			}
		}
		r.Reset()
		if !r.Idle() || r.Buffered() != 0 || r.Limit != limit {
			t.Errorf("%s: after Reset: idle %v, %d bytes", name, r.Idle(), r.Buffered())
		}
	}
}

// A header alone, and a control frame, hold little beside a message.
func TestReader_Buffered_HeaderAndControl(t *testing.T) {
	r := &Reader{Limit: 1 << 20}
	r.Next([]byte(long(bin, 1<<20)[:13]))
	if n := r.Buffered(); n != 13 {
		t.Errorf("13 bytes of a header hold %d", n)
	}
	r.Reset()
	r.Next([]byte(frame(binPart, "ab")))
	r.Next([]byte(frame(ping, strings.Repeat("p", 125))[:50]))
	if n := r.Buffered(); n > 1024 {
		t.Errorf("a fragment and a torn ping hold %d", n)
	}
}

// Many small fragments are copied a few times each, not once for each that
// follows: what the buffers were made for adds up to a small multiple.
func TestReader_Next_SmallFragmentsAreLinear(t *testing.T) {
	const n = 1 << 20
	r := &Reader{Limit: n + 1}
	tiny := []byte(frame(contPart, "x"))
	in := make([]byte, len(tiny))
	r.Next([]byte(frame(binPart, "x")))
	var made, last int
	for range n {
		copy(in, tiny)
		if _, _, err := r.Next(in); err != nil {
			t.Fatal(err)
		}
		if size := r.Buffered(); size != last {
			made += size
			last = size
		}
	}
	if made > 4*n {
		t.Errorf("%d bytes took buffers of %d", n, made)
	}
	m, _, err := r.Next([]byte(frame(cont, "")))
	if err != nil || len(m.Payload) != n+1 || !bytes.Equal(m.Payload, bytes.Repeat([]byte("x"), n+1)) {
		t.Errorf("%d bytes, %v", len(m.Payload), err)
	}
}

// A message's last frame makes room for what it brings, not for twice as much.
func TestReader_Buffered_LastFrameIsKnown(t *testing.T) {
	const n = 100_000
	in := frame(bin, strings.Repeat("x", n))
	r := &Reader{Limit: 1 << 20}
	r.Next([]byte(in[:60_000]))
	if m, _, err := r.Next([]byte(in[60_000:])); err != nil || len(m.Payload) != n || r.Buffered() > n+headroom {
		t.Errorf("%d bytes hold %d, %v", len(m.Payload), r.Buffered(), err)
	}
}

// What was given out is given back with the next call, also by the short way.
func TestReader_Buffered_AfterMessage(t *testing.T) {
	for _, next := range []string{"", frame(text, "x"), frame(ping, ""), "\x81", frame(text, strings.Repeat("x", 200))} {
		r := &Reader{Limit: 1 << 20}
		readAll(t, r, frame(textPart, "a")+frame(cont, "b"))
		if r.Buffered() == 0 {
			t.Fatal("the message is kept nowhere")
		}
		if r.Next([]byte(next)); r.Buffered() > 1 {
			t.Errorf("%d bytes kept after %x", r.Buffered(), next)
		}
	}
}

func TestBuffer_Sizes(t *testing.T) {
	for _, n := range []int{headroom, 511, 512, 513, 4096, 65536, headroom + 65536, 73728, 73729, 1 << 20} {
		b := newBuffer(n)
		if b.size() < n || len(b.b) != headroom || b.payload() != 0 {
			t.Errorf("%d: %d bytes, %d of them used", n, b.size(), len(b.b))
		}
		if b.size() > max(512, n*9/4) {
			t.Errorf("%d: %d bytes", n, b.size())
		}
		b.b = append(b.b, "payload"...)
		if b.free() != nil {
			t.Error("free gives no nil")
		}
	}
	var none *buffer
	if none.free() != nil || none.size() != 0 || none.payload() != 0 {
		t.Error("nil is no empty buffer")
	}
}
