package protocol

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// The examples of RFC 6455, section 5.7.
func TestAppendFrame_Examples(t *testing.T) {
	if got := AppendFrame(nil, OpText, []byte("Hello")); string(got) != "\x81\x05Hello" {
		t.Errorf("text: %x", got)
	}
	if got := AppendMaskedFrame(nil, OpText, []byte("Hello"), key); string(got) != "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" {
		t.Errorf("masked text: %x", got)
	}
	if got := AppendFrame(nil, OpPing, []byte("Hello")); string(got) != "\x89\x05Hello" {
		t.Errorf("ping: %x", got)
	}
	if got := AppendHeader(nil, OpBinary, 256); string(got) != "\x82\x7e\x01\x00" {
		t.Errorf("256 bytes: %x", got)
	}
	if got := AppendHeader(nil, OpBinary, 65536); string(got) != "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" {
		t.Errorf("64 KiB: %x", got)
	}
	if string(PingFrame) != "\x89\x00" {
		t.Errorf("PingFrame is %x", PingFrame)
	}
}

// What is written is what gobwas/ws reads.
func TestAppendFrame_ReadsBack(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte{0xa5}, n)
		before := bytes.Clone(payload)
		plain := AppendFrame([]byte("before"), OpBinary, payload)
		if len(plain) != len("before")+FrameSize(n) {
			t.Errorf("%d: %d bytes, FrameSize says %d", n, len(plain)-len("before"), FrameSize(n))
		}
		for name, frame := range map[string][]byte{"plain": plain[len("before"):], "masked": AppendMaskedFrame(nil, OpBinary, payload, key)} {
			in := bytes.NewReader(frame)
			h, err := ws.ReadHeader(in)
			body := frame[len(frame)-in.Len():]
			if h.Masked {
				ws.Cipher(body, h.Mask, 0)
			}
			if err != nil || !h.Fin || h.Rsv != 0 || h.OpCode != ws.OpBinary || h.Masked != (name == "masked") || h.Length != int64(n) || !bytes.Equal(body, payload) {
				t.Errorf("%s %d: %v %+v", name, n, err, h)
			}
		}
		if !bytes.Equal(before, payload) {
			t.Errorf("%d: the payload was changed", n)
		}
	}
}

// ws.Cipher works in blocks (gobwas/ws v1.5.0, cipher_amd64.s): here against the
// definition of RFC 6455, section 5.3, for each length, place and offset.
func TestCipher_EveryLengthAndOffset(t *testing.T) {
	room := make([]byte, 400)
	for n := range 300 {
		for place := range 8 {
			for offset := range 5 {
				b := room[place : place+n]
				for i := range room {
					room[i] = byte(i * 31)
				}
				want := bytes.Clone(room)
				for i := range n {
					want[place+i] ^= key[(offset+i)%4]
				}
				ws.Cipher(b, key, offset)
				if !bytes.Equal(room, want) {
					t.Fatalf("%d bytes at %d from offset %d", n, place, offset)
				}
			}
		}
	}
}

func TestBoundary(t *testing.T) {
	var frames []byte
	ends := []int{0}
	for _, n := range []int{0, 5, 125, 126, 65535, 65536, 3} {
		frames = AppendFrame(frames, OpText, make([]byte, n))
		ends = append(ends, len(frames))
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
	for _, before := range []string{"", answer} {
		all := append([]byte(before), frames...)
		clone := bytes.Clone(all)
		for off := len(before); off <= len(all); off++ {
			want := 0
			for _, end := range ends {
				if want = end + len(before); want >= off {
					break
				}
			}
			if got := Boundary(all, off); got != want {
				t.Fatalf("offset %d: %d, expected %d", off, got, want)
			}
			if off > 300 && off%1009 != 0 && off < len(all)-70 {
				off += 7
			}
		}
		for off := 1; off < len(before); off++ {
			if got := Boundary(all, off); got != len(before) {
				t.Fatalf("offset %d in the answer: %d, expected %d", off, got, len(before))
			}
		}
		if !bytes.Equal(all, clone) {
			t.Error("Boundary changed the frames")
		}
	}
	for _, c := range []struct {
		frames    string
		off, want int
	}{
		{"", 0, 0}, {answer, 5, len(answer)}, {answer, len(answer), len(answer)}, {string(frames), 0, 0},
		{"\x81\x05He", 1, 4}, {"\x81", 1, 1}, {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffab", 3, 12},
	} {
		if got := Boundary([]byte(c.frames), c.off); got != c.want {
			t.Errorf("%.10q from %d: %d, expected %d", c.frames, c.off, got, c.want)
		}
	}
}

func TestMessages_CountsDataAlone(t *testing.T) {
	var b []byte
	for _, n := range []int{0, 125, 126, 70_000} {
		b = AppendFrame(b, OpText, make([]byte, n))
		b = AppendFrame(b, OpPing, nil)
	}
	if n := Messages(b); n != 4 {
		t.Errorf("%d messages, expected 4", n)
	}
	if n := Messages(nil); n != 0 {
		t.Errorf("%d messages in nothing", n)
	}
}
