package bench

import (
	"bytes"
	"errors"
	"testing"

	"github.com/roostws/roost/protocol"
)

func TestFrame_Next_Refuses(t *testing.T) {
	for want, b := range map[error][]byte{
		errMasked:   {0x81, 0x80, 0, 0, 0, 0},
		errReserved: {0xc1, 0},
		errTooLong:  {0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		if _, _, ok, err := nextFrame(b); ok || !errors.Is(err, want) {
			t.Errorf("% x: %v, %v", b, ok, err)
		}
	}
	if _, _, _, err := nextFrame([]byte{0x83, 0}); err != errReserved {
		t.Errorf("opcode 3: %v", err)
	}
}

// What a server gets back when it takes the mask off is what was sent.
func FuzzMasked_RoundTrip(f *testing.F) {
	f.Add([]byte("hello"), 0)
	f.Add([]byte{}, 126)
	f.Add([]byte("x"), 70000)
	f.Fuzz(func(t *testing.T, b []byte, more int) {
		b = append(b, make([]byte, max(more, 0)%100000)...)
		wire := appendMasked([]byte("head"), protocol.OpBinary, b)
		wire = wire[4:]
		wire[1] &= 127 // as if a server's: then the key is the payload's first four bytes
		n := 2
		switch wire[1] {
		case 126:
			n = 4
		case 127:
			n = 10
		}
		got := bytes.Clone(wire[n+4:])
		for i := range got {
			got[i] ^= wire[n+i&3]
		}
		if !bytes.Equal(got, b) {
			t.Fatal("not what was sent")
		}
		copy(wire[n:], b)
		frame, rest, ok, err := nextFrame(wire[:n+len(b)])
		if err != nil || !ok || len(rest) != 0 || !frame.fin || frame.op != protocol.OpBinary || !bytes.Equal(frame.payload, b) {
			t.Fatalf("%v, %v, %d left", ok, err, len(rest))
		}
	})
}

func FuzzFrame_Next(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i', 0x89, 0})
	f.Add([]byte{0x82, 126, 0, 200})
	f.Add([]byte{0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, ok, err := nextFrame(b)
			if !ok || err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("nothing was taken")
			}
			b = rest
		}
	})
}
