package protocol

import (
	"bytes"
	"strings"
	"testing"
)

// restored reads a compressed frame as a client does that knows the standard
// library alone.
func restored(t testing.TB, frame []byte) (Op, []byte) {
	t.Helper()
	if frame[0]&0xf0 != final|rsv1 || frame[1]&masked != 0 || FrameSize(len(Payload(frame))) != len(frame) {
		t.Fatalf("a frame %.20x of %d bytes", frame, len(frame))
	}
	out, code := inflatePlainly(Payload(frame), 1<<24)
	if code != 0 {
		t.Fatalf("%d from %.40x", code, frame)
	}
	return Op(frame[0] & 15), out
}

func TestDeflater_AppendFrame(t *testing.T) {
	for level := 1; level <= 9; level++ {
		d := NewDeflater(level)
		for _, p := range payloads()[3:6] {
			for _, op := range []Op{OpText, OpBinary} {
				before := bytes.Clone(p.data)
				frame, ok := d.AppendFrame([]byte("before"), op, p.data)
				if !ok || string(frame[:6]) != "before" || !bytes.Equal(p.data, before) {
					t.Fatalf("level %d, %s: %v %.20q", level, p.name, ok, frame)
				}
				if got, out := restored(t, frame[6:]); got != op || !bytes.Equal(out, p.data) {
					t.Errorf("level %d, %s: op %d, %.40q", level, p.name, got, out)
				}
				if len(frame)*2 > len(p.data)*11/10 {
					t.Errorf("level %d, %s: %d bytes of %d", level, p.name, len(frame), len(p.data))
				}
			}
		}
	}
}

// Where it does not pay, dst is as it was.
func TestDeflater_AppendFrame_SaysNo(t *testing.T) {
	m := newMaker()
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(m.Uint32())
	}
	good := document()
	d := NewDeflater(0)
	for name, c := range map[string]struct {
		op   Op
		data []byte
	}{
		"nothing":                 {OpText, nil},
		"short":                   {OpText, []byte(strings.Repeat("a", MinDeflate-1))},
		"noise":                   {OpBinary, noise[:1000]},
		"noise of several blocks": {OpBinary, noise},
		"noise of one block":      {OpBinary, noise[:65535]},
		"a ping":                  {OpPing, good},
		"a continuation":          {OpContinuation, good},
	} {
		dst := append(make([]byte, 0, 1<<18), "before"...)
		frame, ok := d.AppendFrame(dst, c.op, c.data)
		if ok || string(frame) != "before" {
			t.Errorf("%s: %v, %.20x", name, ok, frame)
		}
		if frame, ok := d.AppendFrame(nil, c.op, c.data); ok || frame != nil {
			t.Errorf("%s: %v, %.20x", name, ok, frame)
		}
		again, ok := d.AppendFrame(nil, OpText, good)
		if !ok {
			t.Fatalf("after %s: nothing is compressed", name)
		}
		if _, out := restored(t, again); !bytes.Equal(out, good) {
			t.Errorf("after %s: %.40q", name, out)
		}
		if cap(d.out.b) > keptOut {
			t.Errorf("after %s: %d bytes are kept", name, cap(d.out.b))
		}
	}
	if _, ok := d.AppendFrame(nil, OpText, []byte(strings.Repeat("a", MinDeflate))); !ok {
		t.Error("the smallest is not compressed")
	}
}

// A message says nothing of those before it: the same payload makes the same frame.
func TestDeflater_AppendFrame_IsByItself(t *testing.T) {
	d := NewDeflater(DeflateLevel)
	want, _ := NewDeflater(DeflateLevel).AppendFrame(nil, OpText, document())
	for _, p := range payloads() {
		d.AppendFrame(nil, OpText, p.data)
		if got, _ := d.AppendFrame(nil, OpText, document()); !bytes.Equal(got, want) {
			t.Errorf("after %s it is another frame", p.name)
		}
	}
}

func TestDeflater_AppendFrame_Allocations(t *testing.T) {
	d := NewDeflater(DeflateLevel)
	room := make([]byte, 0, 1<<17)
	for _, p := range payloads() {
		d.AppendFrame(room, OpText, p.data)
	}
	for _, p := range payloads() {
		noAllocsIn(t, 20, p.name, func() { d.AppendFrame(room, OpText, p.data) })
	}
	doc := document()
	frame, _ := d.AppendFrame(nil, OpText, doc)
	if n := testing.AllocsPerRun(20, func() { d.AppendFrame(nil, OpText, doc) }); n > 1 && !poolsForget {
		t.Errorf("a frame of its own: %v allocations", n)
	}
	if cap(frame) > len(frame)+len(frame)/4 {
		t.Errorf("a frame of %d bytes takes %d", len(frame), cap(frame))
	}
}

func FuzzDeflater_AppendFrame(f *testing.F) {
	for _, p := range payloads() {
		f.Add(p.data, 6, uint8(3))
	}
	f.Add([]byte("0123456789"), 1, uint8(200))
	deflaters := map[int]*Deflater{}
	inflater := &Inflater{Limit: 1 << 24}
	f.Fuzz(func(t *testing.T, data []byte, level int, times uint8) {
		level = int(uint(level) % 10)
		if deflaters[level] == nil {
			deflaters[level] = NewDeflater(level)
		}
		data = bytes.Repeat(data, int(times))
		frame, ok := deflaters[level].AppendFrame(nil, OpBinary, data)
		if !ok {
			return
		}
		if len(frame) >= FrameSize(len(data)) {
			t.Fatalf("%d bytes became a frame of %d", len(data), len(frame))
		}
		if _, out := restored(t, frame); !bytes.Equal(out, data) {
			t.Fatalf("%.80x came back as %.80x", data, out)
		}
		if got := inflated(t, inflater, OpBinary, string(Payload(frame))); got != string(data) {
			t.Fatalf("%.80x came back as %.80x", data, got)
		}
	})
}
