package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame makes a client's frame with every part as asked for.
func frame(first byte, payload string) string {
	b := AppendMaskedFrame(nil, 0, []byte(payload), key)
	b[0] = first
	return string(b)
}

const (
	fin  = 0x80
	text = fin | byte(OpText)
	bin  = fin | byte(OpBinary)
	ping = fin | byte(OpPing)
	pong = fin | byte(OpPong)
	cont = fin | byte(OpContinuation)
)

// readAll reads everything in pieces and tells it as "op:payload" lines; the
// last is the close code where there was an error.
func readAll(r *Reader, pieces ...string) string {
	var out []string
	for _, piece := range pieces {
		in := []byte(piece)
		for {
			m, rest, err := r.Next(in)
			if err != nil {
				var ce *CloseError
				if !errors.As(err, &ce) {
					panic(err)
				}
				return strings.Join(append(out, fmt.Sprint(ce.Code)), " ")
			}
			if m.Op == 0 {
				if len(rest) != 0 {
					panic("bytes are left without a message")
				}
				break
			}
			out = append(out, fmt.Sprintf("%d:%s", m.Op, m.Payload))
			if want := AppendFrame(nil, m.Op, m.Payload); !bytes.Equal(m.Frame(), want) {
				panic(fmt.Sprintf("Frame is %x, expected %x", m.Frame(), want))
			}
			in = rest
			if len(in) == 0 {
				break
			}
		}
	}
	return strings.Join(out, " ")
}

// One row for each rule of RFC 6455, sections 5 to 7; each is read whole, torn
// in two at every byte, and byte by byte.
func TestReader_RFC6455(t *testing.T) {
	long := strings.Repeat("x", 126)
	for _, c := range []struct{ rule, in, want string }{
		{"5.1 a client's frame is masked", string(AppendFrame(nil, OpText, []byte("a"))), "1002"},
		{"5.2 RSV1", frame(text|0x40, "a"), "1002"},
		{"5.2 RSV2", frame(text|0x20, "a"), "1002"},
		{"5.2 RSV3", frame(text|0x10, "a"), "1002"},
		{"5.2 RSV on a control frame", frame(ping|0x40, "a"), "1002"},
		{"5.2 opcode 3", frame(fin|3, "a"), "1002"},
		{"5.2 opcode 7", frame(fin|7, ""), "1002"},
		{"5.2 opcode 11", frame(fin|11, "a"), "1002"},
		{"5.2 opcode 15", frame(fin|15, ""), "1002"},
		{"5.2 text", frame(text, "hello"), "1:hello"},
		{"5.2 binary", frame(bin, "\xff\x00"), "2:\xff\x00"},
		{"5.2 empty text", frame(text, ""), "1:"},
		{"5.2 length 125", frame(text, long[:125]), "1:" + long[:125]},
		{"5.2 length 126", frame(text, long), "1:" + long},
		{"5.2 length 65,535", frame(bin, strings.Repeat("y", 65535)), "2:" + strings.Repeat("y", 65535)},
		{"5.2 length 65,536", frame(bin, strings.Repeat("y", 65536)), "2:" + strings.Repeat("y", 65536)},
		{"5.2 16 bits for 125", "\x81\xfe\x00\x7d" + string(key[:]), "1002"},
		{"5.2 64 bits for 65,535", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff" + string(key[:]), "1002"},
		{"5.2 highest bit of the length", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" + string(key[:]), "1002"},
		{"5.4 two fragments", frame(byte(OpText), "ab") + frame(cont, "cd"), "1:abcd"},
		{"5.4 three fragments, one empty", frame(byte(OpBinary), "ab") + frame(0, "") + frame(cont, "cd"), "2:abcd"},
		{"5.4 all empty", frame(byte(OpText), "") + frame(0, "") + frame(cont, ""), "1:"},
		{"5.4 one message after the other", frame(byte(OpText), "a") + frame(cont, "b") + frame(text, "c") + frame(bin, "d"), "1:ab 1:c 2:d"},
		{"5.4 a ping between fragments", frame(byte(OpText), "ab") + frame(ping, "p") + frame(cont, "cd"), "9:p 1:abcd"},
		{"5.4 a pong within a rune", frame(byte(OpText), "\xe2\x82") + frame(pong, "p") + frame(cont, "\xac"), "10:p 1:€"},
		{"5.4 a continuation of nothing", frame(cont, "a"), "1002"},
		{"5.4 a continuation after the end", frame(text, "a") + frame(cont, "b"), "1:a 1002"},
		{"5.4 a message within a message", frame(byte(OpText), "a") + frame(text, "b"), "1002"},
		{"5.4 a fragment within a message", frame(byte(OpText), "a") + frame(byte(OpBinary), "b"), "1002"},
		{"5.5 a fragmented ping", frame(byte(OpPing), "a"), "1002"},
		{"5.5 a fragmented close", frame(byte(OpClose), ""), "1002"},
		{"5.5 a ping of 125", frame(ping, long[:125]), "9:" + long[:125]},
		{"5.5 a ping of 126", frame(ping, long), "1002"},
		{"5.5.1 close", frame(fin|byte(OpClose), "\x03\xe8bye"), "8:\x03\xe8bye"},
		{"5.5.2 an empty ping", frame(ping, ""), "9:"},
		{"5.5.3 a pong unasked", frame(pong, "x"), "10:x"},
		{"5.6, 8.1 UTF-8", frame(text, "κόσμε €😀"), "1:κόσμε €😀"},
		{"8.1 a broken byte", frame(text, "a\xffb"), "1007"},
		{"8.1 an overlong form", frame(text, "\xc0\xaf"), "1007"},
		{"8.1 a surrogate", frame(text, "\xed\xa0\x80"), "1007"},
		{"8.1 past U+10FFFF", frame(text, "\xf4\x90\x80\x80"), "1007"},
		{"8.1 half a rune at the end", frame(text, "\xe2\x82"), "1007"},
		{"8.1 half a rune at the end of all fragments", frame(byte(OpText), "a") + frame(cont, "\xe2\x82"), "1007"},
		{"8.1 a rune over three fragments", frame(byte(OpText), "\xf0") + frame(0, "\x9f\x98") + frame(cont, "\x80"), "1:😀"},
		{"8.1 broken by the second fragment", frame(byte(OpText), "\xe2") + frame(0, "a"), "1007"},
		{"8.1 binary is not looked at", frame(byte(OpBinary), "\xff") + frame(cont, "\xfe"), "2:\xff\xfe"},
		{"7.4.1, 10.4 a message over the limit", frame(bin, strings.Repeat("y", 70001)), "1009"},
		{"10.4 fragments over the limit", frame(byte(OpBinary), strings.Repeat("y", 40000)) + frame(cont, strings.Repeat("y", 30001)), "1009"},
		{"10.4 a length of 2^62", "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00" + string(key[:]), "1009"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			newReader := func() *Reader { return &Reader{Limit: 70000} }
			if got := readAll(newReader(), c.in); got != c.want {
				t.Fatalf("whole: %.80q, expected %.80q", got, c.want)
			}
			step := 1 + len(c.in)/500
			for cut := 1; cut < len(c.in); cut += step {
				if got := readAll(newReader(), c.in[:cut], c.in[cut:]); got != c.want {
					t.Fatalf("cut at %d: %.80q, expected %.80q", cut, got, c.want)
				}
			}
			r := newReader()
			if got := readAll(r, strings.Split(c.in, "")...); len(c.in) < 1000 && !strings.ContainsAny(c.in, "κ€😀") && got != c.want {
				t.Fatalf("byte by byte: %.80q, expected %.80q", got, c.want)
			}
			var bytewise []string
			for i := range len(c.in) {
				bytewise = append(bytewise, c.in[i:i+1])
			}
			r = newReader()
			if got := readAll(r, bytewise...); got != c.want {
				t.Fatalf("byte by byte: %.80q, expected %.80q", got, c.want)
			}
			if len(c.want) != 4 && !strings.HasSuffix(c.want, "1002") && !r.Idle() {
				t.Error("something is kept after the last message")
			}
		})
	}
}

// Bad text is refused as soon as it is there, not when the message ends.
func TestReader_Next_FailsFast(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		upTo int // bytes after which the error must be there
	}{
		"a broken byte in a long frame": {frame(text, "ab\xff"+strings.Repeat("c", 1000)), 8 + 3},
		"a broken rune in a fragment":   {frame(byte(OpText), "\xe2\x28"+strings.Repeat("c", 1000)), 8 + 2},
		"a surrogate's second byte":     {frame(byte(OpText), "\xed\xa0\x80"), 6 + 2},
		"a reserved bit":                {frame(text|0x40, "abc"), 1},
		"a reserved opcode":             {frame(fin|3, "abc"), 1},
		"no mask":                       {"\x81\x05hello", 2},
		"a declared length":             {"\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00abcd", 10},
	} {
		r := &Reader{Limit: 70000}
		for i := range c.upTo {
			_, _, err := r.Next([]byte(c.in[i : i+1]))
			if (err != nil) != (i+1 == c.upTo) {
				t.Errorf("%s: after %d bytes of %d: %v", name, i+1, c.upTo, err)
				break
			}
		}
	}
}

// A declared length costs nothing; what came does.
func TestReader_Buffered_GrowsWithWhatCame(t *testing.T) {
	r := &Reader{Limit: 16 << 20}
	head := binary.BigEndian.AppendUint64([]byte{bin, 0xff}, 16<<20)
	head = append(head, key[:]...)
	if _, _, err := r.Next(append(head, "abc"...)); err != nil {
		t.Fatal(err)
	}
	if n := r.Buffered(); n > 1024 {
		t.Errorf("3 bytes of 16 MiB hold %d bytes", n)
	}
	part := make([]byte, 10_000)
	total := 3
	for range 500 {
		if _, _, err := r.Next(part); err != nil {
			t.Fatal(err)
		}
		if total += len(part); r.Buffered() > 2*total+1024 {
			t.Fatalf("%d bytes hold %d", total, r.Buffered())
		}
	}
	r.Reset()
	if !r.Idle() || r.Buffered() != 0 || r.Limit != 16<<20 {
		t.Errorf("after Reset: idle %v, %d bytes", r.Idle(), r.Buffered())
	}
}

// plain reads whole input the simple way: all at once, with copies.
func plain(in []byte, limit int) string {
	var out []string
	var op Op
	var msg []byte
	stop := func(code int) string { return strings.Join(append(out, fmt.Sprint(code)), " ") }
	for len(in) > 0 {
		f, o := in[0]&fin != 0, Op(in[0]&15)
		control := o >= 8
		switch {
		case in[0]&0x70 != 0, o > 2 && o < 8, o > 10, control && !f, o == 0 && op == 0, op != 0 && (o == 1 || o == 2):
			return stop(1002)
		}
		if len(in) < 2 {
			break
		}
		n, h := uint64(in[1]&127), 2
		if in[1]&0x80 == 0 || control && n > 125 {
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
		if !control && n > uint64(limit-len(msg)) {
			return stop(1009)
		}
		if len(in) < h+4 {
			break
		}
		have := min(int(n), len(in)-h-4)
		p := bytes.Clone(in[h+4 : h+4+have])
		ws.Cipher(p, [4]byte(in[h:]), 0)
		whole := have == int(n)
		in = in[h+4+have:]
		if control {
			if whole {
				out = append(out, fmt.Sprintf("%d:%s", o, p))
			}
			continue
		}
		if o != 0 {
			op = o
		}
		msg = append(msg, p...)
		if op == OpText {
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
			out = append(out, fmt.Sprintf("%d:%s", op, msg))
			op, msg = 0, nil
		}
	}
	return strings.Join(out, " ")
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{
		frame(text, "hello") + frame(ping, "p") + frame(bin, "\x00"),
		frame(byte(OpText), "\xe2\x82") + frame(pong, "x") + frame(cont, "\xac"),
		frame(fin|byte(OpClose), "\x03\xe8"),
		frame(bin, strings.Repeat("z", 200)),
		"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00",
	} {
		f.Add([]byte(s), uint16(1), uint16(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		const limit = 300
		want := plain(in, limit)
		i := min(int(a), len(in))
		j := min(i+int(b), len(in))
		pieces := []string{string(in[:i]), string(in[i:j]), string(in[j:])}
		if got := readAll(&Reader{Limit: limit}, pieces...); got != want {
			t.Fatalf("%x in %d, %d, %d bytes: %q, expected %q", in, len(pieces[0]), len(pieces[1]), len(pieces[2]), got, want)
		}
	})
}

func TestReader_Next_DoesNotAllocate(t *testing.T) {
	one := []byte(frame(text, strings.Repeat("m", 128)))
	in := make([]byte, len(one))
	r := &Reader{Limit: 70000}
	if n := testing.AllocsPerRun(1000, func() {
		copy(in, one)
		m, _, err := r.Next(in)
		if err != nil || m.Op != OpText {
			t.Fatal(m.Op, err)
		}
		_ = m.Frame()
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}

func BenchmarkReader_Next(b *testing.B) {
	one := []byte(frame(text, strings.Repeat("m", 128)))
	in := make([]byte, len(one))
	r := &Reader{Limit: 70000}
	b.ReportAllocs()
	for b.Loop() {
		copy(in, one)
		m, _, _ := r.Next(in)
		_ = m.Frame()
	}
}

func TestParseClose(t *testing.T) {
	for _, c := range []struct {
		payload string
		code    uint16
		reason  string
		fault   uint16
	}{
		{"", NoCode, "", 0}, {"\x03\xe8", 1000, "", 0}, {"\x03\xe8bye", 1000, "bye", 0}, {"\x0f\xa0", 4000, "", 0}, {"\x13\x87", 4999, "", 0},
		{"\x0b\xb8", 3000, "", 0}, {"\x03\xf6", 1014, "", 0}, {"\x03", 0, "", 1002}, {"\x03\xe7", 0, "", 1002}, {"\x00\x00", 0, "", 1002},
		{"\x03\xec", 0, "", 1002}, {"\x03\xed", 0, "", 1002}, {"\x03\xee", 0, "", 1002}, {"\x03\xf7", 0, "", 1002}, {"\x0b\xb7", 0, "", 1002},
		{"\x13\x88", 0, "", 1002}, {"\xff\xff", 0, "", 1002}, {"\x03\xe8\xff", 0, "", 1007},
	} {
		code, reason, err := ParseClose([]byte(c.payload))
		var ce *CloseError
		if errors.As(err, &ce) != (c.fault != 0) || ce != nil && ce.Code != c.fault || code != c.code || string(reason) != c.reason {
			t.Errorf("%x: %d %q %v", c.payload, code, reason, err)
		}
	}
}

func TestAppendClose(t *testing.T) {
	for _, c := range []struct {
		code   uint16
		reason string
		want   string
	}{
		{0, "x", "\x88\x00"}, {NoCode, "", "\x88\x00"}, {1000, "", "\x88\x02\x03\xe8"}, {4001, "no", "\x88\x04\x0f\xa1no"},
		{1000, strings.Repeat("a", 200), "\x88\x7d\x03\xe8" + strings.Repeat("a", 123)},
		{1000, strings.Repeat("a", 122) + "€", "\x88\x7c\x03\xe8" + strings.Repeat("a", 122)},
	} {
		if got := AppendClose(nil, c.code, c.reason); string(got) != c.want {
			t.Errorf("%d %.10q: %q", c.code, c.reason, got)
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
	answer := "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	for _, before := range []string{"", answer} {
		all := append([]byte(before), frames...)
		for i, end := range ends[1:] {
			begin := ends[i] + len(before)
			for _, off := range []int{begin + 1, (begin + end + len(before)) / 2, end + len(before) - 1, end + len(before)} {
				if got := Boundary(all, off); off > begin && got != end+len(before) {
					t.Errorf("offset %d: %d, expected %d", off, got, end+len(before))
				}
			}
		}
	}
	if Boundary(frames, 0) != 0 || Boundary([]byte(answer), 5) != len(answer) {
		t.Error("the edges are wrong")
	}
}
