package protocol

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// inflated tells what data becomes: the text, or the close code.
func inflated(t testing.TB, f *Inflater, op Op, data string) string {
	t.Helper()
	m := Message{Op: op, Compressed: true, Payload: []byte(data)}
	err := f.Inflate(&m)
	var ce *CloseError
	switch {
	case err != nil && (!errors.As(err, &ce) || !m.Compressed || string(m.Payload) != data):
		t.Fatalf("%v, and the message is %+v", err, m)
	case err != nil:
		return fmt.Sprint(ce.Code)
	case m.Op != op || m.Compressed:
		t.Fatalf("%+v", m)
	case !bytes.Equal(m.Frame(), AppendFrame(nil, op, m.Payload)):
		t.Fatalf("its frame is %.40x", m.Frame())
	}
	return string(m.Payload)
}

// squeeze compresses with the standard library, each part by itself, and cuts off
// what senders do.
func squeeze(parts ...string) string {
	var b bytes.Buffer
	w, _ := stdflate.NewWriter(&b, 9)
	for _, part := range parts {
		_, _ = io.WriteString(w, part)
		_ = w.Flush()
	}
	return strings.TrimSuffix(b.String(), cutOff)
}

// finished compresses to data that ends with a last block.
func finished(s string) string {
	var b bytes.Buffer
	w, _ := stdflate.NewWriter(&b, 9)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// The examples of RFC 7692, section 7.2.3, from frames to text.
func TestInflater_Inflate_RFC7692(t *testing.T) {
	for _, c := range []struct{ section, in, want string }{
		{"7.2.3.1", frame(ztext, "\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello"},
		{"7.2.3.1 fragmented", frame(ztextPart, "\xf2\x48\xcd") + frame(cont, "\xc9\xc9\x07\x00"), "Hello"},
		{"7.2.3.2 the window of the first message", frame(ztext, "\xf2\x48\xcd\xc9\xc9\x07\x00") + frame(ztext, "\xf2\x00\x11\x00\x00"), "Hello 1007"},
		{"7.2.3.2 no window", frame(ztext, "\xf2\x48\xcd\xc9\xc9\x07\x00") + frame(ztext, "\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello Hello"},
		{"7.2.3.3 no compression", frame(ztext, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "Hello"},
		{"7.2.3.4 BFINAL", frame(ztext, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello"},
		{"7.2.3.5 two blocks", frame(ztext, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), "Hello"},
		{"7.2.3.6 empty", frame(ztext, "\x00"), ""},
	} {
		r, f := &Reader{Limit: 100, Deflate: true}, &Inflater{Limit: 100}
		var got []string
		for in := []byte(c.in); len(in) > 0; {
			m, rest, err := r.Next(in)
			if err != nil {
				t.Fatalf("%s: %v", c.section, err)
			}
			if in = rest; m.Op != 0 {
				got = append(got, inflated(t, f, m.Op, string(m.Payload)))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, expected %q", c.section, got, c.want)
		}
	}
}

func TestInflater_Inflate(t *testing.T) {
	x := strings.Repeat("x", 1<<16)
	half := squeeze("Hello, hello, hello, κόσμε")
	for _, c := range []struct {
		name, data string
		op         Op
		want       string
	}{
		{"text", squeeze("κόσμε €😀"), OpText, "κόσμε €😀"},
		{"binary", squeeze("\xff\x00\xfe"), OpBinary, "\xff\x00\xfe"},
		{"empty", squeeze(""), OpText, ""},
		{"empty, several blocks", squeeze("", "", ""), OpText, ""},
		{"several blocks", squeeze("ab", "", "cd", "ab"), OpText, "abcdab"},
		{"an empty compressed block", "\x02\x00", OpText, ""},
		{"a last block", finished("Hello") + "\x00", OpText, "Hello"},
		{"a last block, then another", finished("Hello") + squeeze(", world"), OpText, "Hello, world"},
		{"last blocks, all of them", finished("a") + finished("b") + finished("") + finished("c") + "\x00", OpText, "abc"},
		{"an empty last block", "\x03\x00\x00", OpText, ""},
		{"a large one", squeeze(x), OpBinary, x},
		{"one of the limit", squeeze(x + x[:70000-len(x)]), OpBinary, x + x[:70000-len(x)]},
		{"one over the limit", squeeze(x + x[:70001-len(x)]), OpBinary, "1009"},

		{"no text", squeeze("ab\xff"), OpText, "1007"},
		{"half a rune", squeeze("ab\xe2\x82"), OpText, "1007"},
		{"a surrogate", squeeze("\xed\xa0\x80"), OpText, "1007"},
		{"a rune over two blocks", squeeze("\xe2", "\x82\xac"), OpText, "€"},

		{"nothing at all", "", OpText, "1007"},
		{"a reserved block", "\x07", OpText, "1007"},
		{"a reserved block behind others", squeeze("Hello") + "\xff\xff", OpText, "1007"},
		{"a stored block with a wrong length", "\x00\x05\x00\x00\x00Hello\x00", OpText, "1007"},
		{"a stored block that is torn", "\x00\x05\x00\xfa\xffHel", OpText, "1007"},
		{"a dynamic block that is torn", half[:len(half)/2], OpText, "1007"},
		{"a distance before the beginning", "\xf2\x00\x11\x00\x00", OpText, "1007"},
		{"a distance before a last block", finished("Hello") + "\xf2\x00\x11\x00\x00", OpText, "1007"},
		{"a last block and nothing", finished("Hello"), OpText, "1007"},
		{"gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", OpText, "1007"},
		{"zlib", "\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00", OpText, "1007"},
		{"plain text", "Hello, world, this is not compressed", OpText, "1007"},
	} {
		f := &Inflater{Limit: 70000}
		for _, how := range []string{"new", "used"} {
			if got := inflated(t, f, c.op, c.data); got != c.want {
				t.Errorf("%s, %s: %.60q, expected %.60q", c.name, how, got, c.want)
			}
			if got := inflated(t, f, OpText, squeeze("after")); got != "after" {
				t.Errorf("after %s: %q", c.name, got)
			}
		}
	}
}

// What is torn anywhere is refused, or is what it was: no end of it goes unseen.
func TestInflater_Inflate_Torn(t *testing.T) {
	f := &Inflater{Limit: 1 << 20}
	for _, p := range payloads()[:4] {
		data := squeeze(string(p.data))
		for n := range len(data) {
			if got := inflated(t, f, OpText, data[:n]); got != "1007" && got != string(p.data) {
				t.Errorf("%s torn after %d of %d bytes: %.60q", p.name, n, len(data), got)
			}
		}
	}
}

func TestInflater_Inflate_PlainIsLeftAlone(t *testing.T) {
	m := Message{Op: OpText, Payload: []byte("plain")}
	f := &Inflater{}
	if err := f.Inflate(&m); err != nil || string(m.Payload) != "plain" || f.out != nil {
		t.Errorf("%v %+v", err, m)
	}
}

// Whatever the limit, and whatever came before.
func TestInflater_Inflate_Limits(t *testing.T) {
	f := &Inflater{}
	for _, limit := range []int{1 << 20, -1, 0, 1, 100, firstOut - headroom, firstOut - headroom - 1, firstOut, keptOut, keptOut - headroom, 1 << 20, 5} {
		f.Limit = limit
		n := max(limit, 0)
		whole := strings.Repeat("ab", n/2+1)
		if got := inflated(t, f, OpBinary, squeeze(whole[:n])); got != whole[:n] {
			t.Errorf("%d bytes, a limit of %d: %.40q", n, limit, got)
		}
		if got := inflated(t, f, OpBinary, squeeze(whole[:n+1])); got != "1009" {
			t.Errorf("%d bytes, a limit of %d: %.40q", n+1, limit, got)
		}
		if cap(f.out) > keptOut {
			t.Errorf("%d bytes are kept", cap(f.out))
		}
	}
}

// A bomb of 1000:1 costs what a message of the limit does, and no more.
func TestInflater_Inflate_Bomb(t *testing.T) {
	const limit = 64 << 10
	zeros := strings.Repeat("\x00", 16<<20)
	for name, bomb := range map[string]string{
		"one message":       squeeze(zeros),
		"many last blocks":  strings.Repeat(finished(zeros[:1<<20]), 16),
		"many empty blocks": strings.Repeat("\x03\x00", limit/2) + squeeze(zeros),
	} {
		f := &Inflater{Limit: limit}
		if got := inflated(t, f, OpBinary, bomb); got != "1009" {
			t.Fatalf("%s: %.40q", name, got)
		}
		if len(f.out) > headroom+limit+1 || cap(f.out) > keptOut {
			t.Errorf("%s: %d bytes of %d were made", name, len(f.out), cap(f.out))
		}
		// The library makes its window full before it is asked for more.
		if name == "one message" && len(bomb)-len(f.in.data) > 16<<10 {
			t.Errorf("%s: %d bytes of %d were read", name, len(bomb)-len(f.in.data), len(bomb))
		}
	}
}

func TestInflater_Inflate_Allocations(t *testing.T) {
	f := &Inflater{Limit: 64 << 10}
	var datas []string
	for _, p := range payloads() {
		datas = append(datas, squeeze(string(p.data)))
	}
	datas = append(datas, squeeze(strings.Repeat("x", 64<<10)), squeeze(strings.Repeat("x", 65<<10)), finished("Hello")+"\x00", "\x07", squeeze(""))
	in := make([]byte, 0, 1<<16)
	noAllocsIn(t, 50, "Inflate", func() {
		for _, data := range datas {
			m := Message{Op: OpText, Compressed: true, Payload: append(in, data...)}
			_ = f.Inflate(&m)
		}
	})
}

// inflatePlainly is Inflate by the standard library, all at once.
func inflatePlainly(data []byte, limit int) (out []byte, code int) {
	in := bytes.NewReader(append(bytes.Clone(data), cutOff+ending...))
	for {
		part, err := io.ReadAll(io.LimitReader(stdflate.NewReader(in), int64(limit+1)))
		if out = append(out, part...); len(out) > limit {
			return nil, 1009
		}
		if err != nil {
			return nil, 1007
		}
		if in.Len() == 0 {
			return out, 0
		}
	}
}

// The library against Go's own, of any bytes.
func FuzzInflater_Inflate(f *testing.F) {
	for _, p := range payloads() {
		f.Add([]byte(squeeze(string(p.data))), 1<<16)
	}
	f.Add([]byte(finished("Hello")+squeeze("x", "y")), 7)
	f.Add([]byte("\x03\x00\x03\x00\x00"), 0)
	f.Add([]byte(squeeze(strings.Repeat("0123456789", 1000))), 9999)
	used := &Inflater{}
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = min(max(limit, 0), 1<<17)
		want, code := inflatePlainly(data, limit)
		used.Limit = limit
		for _, op := range []Op{OpText, OpBinary} {
			expected := string(want)
			switch {
			case code != 0:
				expected = fmt.Sprint(code)
			case op == OpText && !utf8.Valid(want):
				expected = "1007"
			}
			for _, f := range []*Inflater{{Limit: limit}, used} {
				if got := inflated(t, f, op, string(data)); got != expected {
					t.Fatalf("%x to %d bytes at most, op %d: %.80q, expected %.80q", data, limit, op, got, expected)
				}
			}
		}
	})
}

// A Deflater's and the standard library's data of texts that compress well, badly
// and not at all, of every length about which something changes.
func TestInflater_Inflate_ManyLengths(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(1, 2))}
	f, d := &Inflater{Limit: 1 << 18}, NewDeflater(DeflateLevel)
	for _, n := range []int{0, 1, 2, 3, 31, 32, 33, 127, 128, 129, 191, 192, 193, 257, 258, 259, 1023, 1024, 1025, 4095, 4096, 4097, 32768, 32769, 65535, 65536, 65537, 131072} {
		for _, kinds := range []int{1, 16, 64, 256} {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(m.IntN(kinds))
			}
			if got := inflated(t, f, OpBinary, squeeze(string(b))); got != string(b) {
				t.Fatalf("%d bytes of %d kinds: %.40x", n, kinds, got)
			}
			frame, ok := d.force(nil, b)
			if !ok {
				continue
			}
			if data := Payload(frame); len(data) >= n {
				t.Errorf("%d bytes of %d kinds became %d", n, kinds, len(data))
			} else if got := inflated(t, f, OpBinary, string(data)); got != string(b) {
				t.Fatalf("%d bytes of %d kinds, by a Deflater: %.40x", n, kinds, got)
			}
		}
	}
}
