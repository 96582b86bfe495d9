package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"
)

var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame makes a client's frame with any first byte.
func frame(first byte, payload string) string {
	b := AppendMaskedFrame(nil, 0, []byte(payload), key)
	b[0] = first
	return string(b)
}

const (
	fin      = 0x80
	text     = fin | byte(OpText)
	bin      = fin | byte(OpBinary)
	cont     = fin | byte(OpContinuation)
	closing  = fin | byte(OpClose)
	ping     = fin | byte(OpPing)
	pong     = fin | byte(OpPong)
	textPart = byte(OpText)
	binPart  = byte(OpBinary)
	contPart = byte(OpContinuation)
)

// long is a client's header with a length of 64 bits.
func long(first byte, n uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{first, 0xff}, n)) + string(key[:])
}

// word tells a message; one that is compressed has a z.
func word(m *Message) string {
	z := ""
	if m.Compressed {
		z = "z"
	}
	return fmt.Sprintf("%d%s:%s", m.Op, z, m.Payload)
}

// readAll reads pieces and tells what came as "op:payload" words; the last is
// the close code where there was an error. It checks what holds always.
func readAll(t testing.TB, r *Reader, pieces ...string) string {
	t.Helper()
	var out []string
	for _, piece := range pieces {
		for in := []byte(piece); len(in) > 0; {
			m, rest, err := r.Next(in)
			if err != nil {
				var ce *CloseError
				if !errors.As(err, &ce) || m.Op != 0 || rest != nil || r.Buffered() != 0 || r.Idle() {
					t.Fatalf("%v with op %d, %d bytes left, %d kept, idle %v", err, m.Op, len(rest), r.Buffered(), r.Idle())
				}
				if _, _, again := r.Next([]byte(frame(text, "x"))); again != err {
					t.Fatalf("after %v: %v", err, again)
				}
				return strings.Join(append(out, fmt.Sprint(ce.Code)), " ")
			}
			if m.Op == 0 {
				if len(rest) != 0 || m.Payload != nil {
					t.Fatalf("no message, but %d bytes left", len(rest))
				}
				break
			}
			out = append(out, word(&m))
			after := bytes.Clone(rest)
			want := AppendFrame(nil, m.Op, m.Payload)
			if got := m.Frame(); !bytes.Equal(got, want) || &got[len(got)-1] != &m.room[len(m.room)-1] {
				t.Fatalf("Frame is %.40x, expected %.40x in place", got, want)
			}
			if !bytes.Equal(rest, after) {
				t.Fatal("Frame changed what follows")
			}
			in = rest
		}
	}
	return strings.Join(out, " ")
}

func bytewise(s string) (pieces []string) {
	for i := range len(s) {
		pieces = append(pieces, s[i:i+1])
	}
	return pieces
}

// everyWay reads in whole, cut in two at every byte, in three where it is short,
// and byte by byte, and expects the same of all.
func everyWay(t *testing.T, limit int, in, want string) {
	t.Helper()
	everyWayOf(t, &Reader{Limit: limit}, in, want)
}

func everyWayOf(t *testing.T, r *Reader, in, want string) {
	t.Helper()
	check := func(pieces ...string) {
		t.Helper()
		r.Reset()
		if got := readAll(t, r, pieces...); got != want {
			t.Fatalf("in %d pieces, the first of %d bytes: %.80q, expected %.80q", len(pieces), len(pieces[0]), got, want)
		}
	}
	check(in)
	for i := 1; i < len(in); i++ {
		if i > 300 && i < len(in)-300 && i%997 != 0 {
			continue // payload like all around it
		}
		check(in[:i], in[i:])
		if len(in) > 60 {
			continue
		}
		for j := i + 1; j < len(in); j++ {
			check(in[:i], in[i:j], in[j:])
		}
	}
	check(bytewise(in)...)
}

// One row for each rule of RFC 6455, sections 5 to 8 and 10.
func TestReader_Next_RFC6455(t *testing.T) {
	x := strings.Repeat("x", 1<<16)
	for _, c := range []struct{ rule, in, want string }{
		{"5.1 a frame without a mask", string(AppendFrame(nil, OpText, []byte("a"))), "1002"},
		{"5.1 a control frame without a mask", string(AppendFrame(nil, OpPing, nil)), "1002"},
		{"5.2 RSV1", frame(text|0x40, "a"), "1002"},
		{"5.2 RSV2", frame(text|0x20, "a"), "1002"},
		{"5.2 RSV3", frame(text|0x10, "a"), "1002"},
		{"5.2 all RSV on a control frame", frame(ping|0x70, "a"), "1002"},
		{"5.2 RSV on a continuation", frame(textPart, "a") + frame(cont|0x40, "b"), "1002"},
		{"5.2 opcode 3", frame(fin|3, "a"), "1002"},
		{"5.2 opcode 4", frame(fin|4, "a"), "1002"},
		{"5.2 opcode 5", frame(fin|5, "a"), "1002"},
		{"5.2 opcode 6", frame(fin|6, "a"), "1002"},
		{"5.2 opcode 7", frame(fin|7, ""), "1002"},
		{"5.2 opcode 11", frame(fin|11, "a"), "1002"},
		{"5.2 opcode 12", frame(fin|12, "a"), "1002"},
		{"5.2 opcode 13", frame(fin|13, "a"), "1002"},
		{"5.2 opcode 14", frame(fin|14, "a"), "1002"},
		{"5.2 opcode 15", frame(fin|15, ""), "1002"},
		{"5.2 a reserved opcode after a message", frame(text, "ok") + frame(fin|3, "a"), "1:ok 1002"},
		{"5.2 text", frame(text, "hello"), "1:hello"},
		{"5.2 binary", frame(bin, "\xff\x00"), "2:\xff\x00"},
		{"5.2 empty text", frame(text, ""), "1:"},
		{"5.2 empty binary", frame(bin, ""), "2:"},
		{"5.2 length 125", frame(text, x[:125]), "1:" + x[:125]},
		{"5.2 length 126", frame(text, x[:126]), "1:" + x[:126]},
		{"5.2 length 127", frame(text, x[:127]), "1:" + x[:127]},
		{"5.2 length 65,535", frame(bin, x[:65535]), "2:" + x[:65535]},
		{"5.2 length 65,536", frame(bin, x), "2:" + x},
		{"5.2 16 bits for 0", "\x81\xfe\x00\x00" + string(key[:]), "1002"},
		{"5.2 16 bits for 125", "\x81\xfe\x00\x7d" + string(key[:]), "1002"},
		{"5.2 16 bits for 125, whole", "\x81\xfe\x00\x7d" + string(key[:]) + x[:125], "1002"},
		{"5.2 16 bits for 0, whole", "\x82\xfe\x00\x00" + string(key[:]) + x[:10], "1002"},
		{"5.5 a ping of 126 in 16 bits, whole", frame(ping, x[:126]) + x[:10], "1002"},
		{"5.2 64 bits for 300, whole", long(bin, 300) + x[:300], "1002"},
		{"5.2 64 bits for 0", long(bin, 0), "1002"},
		{"5.2 64 bits for 65,535", long(bin, 65535), "1002"},
		{"5.2 the highest bit of the length", long(bin, 1<<63), "1002"},
		{"5.2 all bits of the length", long(bin, math.MaxUint64), "1002"},
		{"5.2 another mask", string(AppendMaskedFrame(nil, OpText, []byte("hello, world, hello"), [4]byte{0, 1, 0xff, 0x80})), "1:hello, world, hello"},
		{"5.2 a mask of zeros", string(AppendMaskedFrame(nil, OpText, []byte("hello"), [4]byte{})), "1:hello"},
		{"5.4 two fragments", frame(textPart, "ab") + frame(cont, "cd"), "1:abcd"},
		{"5.4 three, one empty", frame(binPart, "ab") + frame(contPart, "") + frame(cont, "cd"), "2:abcd"},
		{"5.4 all empty", frame(textPart, "") + frame(contPart, "") + frame(cont, ""), "1:"},
		{"5.4 one message after the other", frame(textPart, "a") + frame(cont, "b") + frame(text, "c") + frame(bin, "d"), "1:ab 1:c 2:d"},
		{"5.4 two fragmented messages", frame(binPart, "a") + frame(cont, "b") + frame(textPart, "c") + frame(cont, "d"), "2:ab 1:cd"},
		{"5.4 a ping between fragments", frame(textPart, "ab") + frame(ping, "p") + frame(cont, "cd"), "9:p 1:abcd"},
		{"5.4 all control frames between fragments", frame(textPart, "a") + frame(ping, "p") + frame(contPart, "b") + frame(pong, "") + frame(ping, "") +
			frame(closing, "\x03\xe8") + frame(cont, "c"), "9:p 10: 9: 8:\x03\xe8 1:abc"},
		{"5.4 a long ping between long fragments", frame(binPart, x[:1000]) + frame(ping, x[:125]) + frame(cont, x[:1000]), "9:" + x[:125] + " 2:" + x[:2000]},
		{"5.4 a pong within a rune", frame(textPart, "\xe2\x82") + frame(pong, "p") + frame(cont, "\xac"), "10:p 1:€"},
		{"5.4 a continuation of nothing", frame(cont, "a"), "1002"},
		{"5.4 a fragment of nothing", frame(contPart, "a"), "1002"},
		{"5.4 a continuation after the end", frame(text, "a") + frame(cont, "b"), "1:a 1002"},
		{"5.4 a continuation after fragments' end", frame(textPart, "a") + frame(cont, "b") + frame(cont, "c"), "1:ab 1002"},
		{"5.4 a continuation after a ping alone", frame(ping, "") + frame(cont, "c"), "9: 1002"},
		{"5.4 a message within a message", frame(textPart, "a") + frame(text, "b"), "1002"},
		{"5.4 a first fragment within a message", frame(textPart, "a") + frame(binPart, "b"), "1002"},
		{"5.4 a message within a message, after a ping", frame(binPart, "a") + frame(ping, "p") + frame(bin, "b"), "9:p 1002"},
		{"5.5 a fragmented ping", frame(byte(OpPing), "a"), "1002"},
		{"5.5 a fragmented pong", frame(byte(OpPong), "a"), "1002"},
		{"5.5 a fragmented close", frame(byte(OpClose), ""), "1002"},
		{"5.5 a ping of 125", frame(ping, x[:125]), "9:" + x[:125]},
		{"5.5 a ping of 126", frame(ping, x[:126]), "1002"},
		{"5.5 a pong of 65,536", frame(pong, x), "1002"},
		{"5.5 a close of 126", frame(closing, x[:126]), "1002"},
		{"5.5 a ping of 1 in 16 bits", "\x89\xfe\x00\x01" + string(key[:]) + "a", "1002"},
		{"5.5.1 close", frame(closing, "\x03\xe8bye"), "8:\x03\xe8bye"},
		{"5.5.1 an empty close", frame(closing, ""), "8:"},
		{"5.5.2 an empty ping", frame(ping, ""), "9:"},
		{"5.5.2 a binary ping", frame(ping, "\x00\xff\xfe"), "9:\x00\xff\xfe"},
		{"5.5.2 ten pings", strings.Repeat(frame(ping, "p"), 10), strings.TrimSuffix(strings.Repeat("9:p ", 10), " ")},
		{"5.5.3 a pong unasked", frame(pong, "x"), "10:x"},
		{"5.6 binary is not looked at", frame(binPart, "\xff") + frame(cont, "\xfe"), "2:\xff\xfe"},
		{"8.1 half a rune at the end", frame(text, "\xe2\x82"), "1007"},
		{"8.1 half a rune at the end of all fragments", frame(textPart, "a") + frame(cont, "\xe2\x82"), "1007"},
		{"8.1 half a rune before an empty last fragment", frame(textPart, "\xe2\x82") + frame(cont, ""), "1007"},
		{"8.1 a rune over four fragments", frame(textPart, "\xf0") + frame(contPart, "\x9f") + frame(contPart, "\x98") + frame(cont, "\x80"), "1:😀"},
		{"8.1 broken by the second fragment", frame(textPart, "\xe2") + frame(contPart, "a"), "1007"},
		{"10.4 a message of the limit", frame(bin, x[:30000]+x[:40000]), "2:" + x[:30000] + x[:40000]},
		{"10.4 a message over the limit", frame(bin, x+x[:70001-len(x)]), "1009"},
		{"10.4 fragments of the limit", frame(binPart, x[:40000]) + frame(cont, x[:30000]), "2:" + x[:40000] + x[:30000]},
		{"10.4 fragments over the limit", frame(binPart, x[:40000]) + frame(cont, x[:30001]), "1009"},
		{"10.4 the limit, then an empty fragment", frame(binPart, x[:40000]) + frame(contPart, x[:30000]) + frame(cont, ""), "2:" + x[:40000] + x[:30000]},
		{"10.4 a length of 2^62", long(bin, 1<<62), "1009"},
		{"10.4 a length of 2^63-1", long(text, math.MaxInt64), "1009"},
		{"10.4 a continuation of 2^63-1", frame(binPart, "a") + long(cont, math.MaxInt64), "1009"},
	} {
		t.Run(c.rule, func(t *testing.T) { everyWay(t, 70000, c.in, c.want) })
	}
}

// Every length about which the header's form or an unmasking block changes.
func TestReader_Next_EveryLength(t *testing.T) {
	all := make([]byte, 66000)
	for i := range all {
		all[i] = byte(i * 7)
	}
	lengths := []int{65534, 65535, 65536, 65537}
	for n := range 520 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		in := frame(bin, string(all[:n]))
		want := fmt.Sprintf("2:%s", all[:n])
		for _, cut := range []int{0, 1, len(in) / 3, len(in) / 2, len(in) - 1} {
			if got := readAll(t, &Reader{Limit: 70000}, in[:cut], in[cut:]); got != want {
				t.Fatalf("%d bytes cut at %d: %.40x, expected %.40x", n, cut, got, want)
			}
		}
	}
}

// What is wrong is refused with the byte that makes it so.
func TestReader_Next_FailsFast(t *testing.T) {
	c1000 := strings.Repeat("c", 1000)
	for name, c := range map[string]struct {
		in   string
		upTo int // bytes after which the error must be there
		code uint16
	}{
		"a broken byte in a long frame":   {frame(text, "ab\xff"+c1000), 8 + 3, 1007},
		"a broken rune in a fragment":     {frame(textPart, "\xe2\x28"+c1000), 8 + 2, 1007},
		"a surrogate's second byte":       {frame(text, "\xed\xa0\x80"), 6 + 2, 1007},
		"past U+10FFFF, second byte":      {frame(text, "\xf4\x90\x80\x80"), 6 + 2, 1007},
		"a byte that begins no rune":      {frame(text, "\xc0\xaf"), 6 + 1, 1007},
		"half a rune, at the last byte":   {frame(text, "ab\xe2\x82"), 6 + 4, 1007},
		"half a rune, at an empty end":    {frame(textPart, "\xe2") + frame(cont, ""), 7 + 6, 1007},
		"a reserved bit":                  {frame(text|0x40, "abc"), 1, 1002},
		"a reserved opcode":               {frame(fin|3, "abc"), 1, 1002},
		"a fragmented ping":               {frame(byte(OpPing), "abc"), 1, 1002},
		"a continuation of nothing":       {frame(cont, "abc"), 1, 1002},
		"no mask":                         {"\x81\x05hello", 2, 1002},
		"a long ping":                     {"\x89\xfe\x01\x00", 2, 1002},
		"a length that could be shorter":  {"\x81\xfe\x00\x01", 4, 1002},
		"a declared length, 7 bits":       {"\x82\xe5abcd", 2, 1009},
		"a declared length, 16 bits":      {"\x82\xfe\x01\x00abcd", 4, 1009},
		"a declared length, 64 bits":      {long(bin, 1<<30), 10, 1009},
		"the sum of fragments":            {frame(binPart, c1000[:60]) + frame(cont, c1000[:60]), 66 + 2, 1009},
		"the sum of fragments and a ping": {frame(binPart, c1000[:60]) + frame(ping, "") + frame(cont, c1000[:60]), 66 + 6 + 2, 1009},
	} {
		limit := 100
		if c.code == 1007 {
			limit = 70000
		}
		r := &Reader{Limit: limit}
		for i := range c.upTo {
			_, _, err := r.Next([]byte(c.in[i : i+1]))
			var ce *CloseError
			if (err != nil) != (i+1 == c.upTo) || errors.As(err, &ce) && ce.Code != c.code {
				t.Errorf("%s: after %d bytes of %d: %v", name, i+1, c.upTo, err)
				break
			}
		}
	}
}

func TestReader_Next_Limits(t *testing.T) {
	for _, c := range []struct {
		limit    int
		in, want string
	}{
		{0, frame(text, ""), "1:"},
		{0, frame(text, "a"), "1009"},
		{0, frame(ping, "a control frame is not a message"), "9:a control frame is not a message"},
		{-1, frame(text, ""), "1:"},
		{-1, frame(bin, "a"), "1009"},
		{math.MinInt, frame(bin, "a"), "1009"},
		{5, frame(text, "hello"), "1:hello"},
		{5, frame(text, "hello!"), "1009"},
		{5, frame(textPart, "hel") + frame(cont, "lo"), "1:hello"},
		{5, frame(textPart, "hel") + frame(cont, "lo!"), "1009"},
		{5, frame(textPart, "hel") + frame(ping, "a long ping") + frame(cont, "lo"), "9:a long ping 1:hello"},
		{math.MaxInt, frame(textPart, "hel") + frame(cont, "lo"), "1:hello"},
		{math.MaxInt, long(bin, 1<<62) + "abc", "1009"},
		{math.MaxInt, long(bin, math.MaxInt64) + "abc", "1009"},
		{math.MaxInt, long(bin, 1<<60) + "abc", ""},
		{math.MaxInt, long(bin, 1<<63) + "abc", "1002"},
		{math.MaxInt, frame(binPart, "a") + long(contPart, 1<<60) + "abc", ""},
	} {
		t.Run(fmt.Sprintf("%d %.12x", c.limit, c.in), func(t *testing.T) { everyWay(t, c.limit, c.in, c.want) })
	}
}

// A limit that shrinks below what came already ends the message, and no more.
func TestReader_Next_ShrunkenLimit(t *testing.T) {
	r := &Reader{Limit: 100}
	readAll(t, r, frame(binPart, strings.Repeat("a", 50)))
	r.Limit = 10
	if got := readAll(t, r, frame(cont, "")); got != "1009" {
		t.Errorf("%q", got)
	}
}

func TestReader_Idle(t *testing.T) {
	r := &Reader{Limit: 1000}
	for _, c := range []struct {
		in   string
		idle bool
	}{
		{"", true}, {frame(text, "a"), true}, {frame(ping, "a"), true},
		{"\x81", false}, {frame(text, "ab")[1:7], false}, {frame(text, "ab")[7:], true},
		{frame(textPart, "ab"), false}, {frame(ping, "p"), false}, {frame(cont, ""), true},
		{frame(ping, "ab")[:7], false}, {frame(ping, "ab")[7:], true}, {frame(text, "whole"), true},
	} {
		readAll(t, r, c.in)
		if r.Idle() != c.idle {
			t.Fatalf("idle %v after %x", r.Idle(), c.in)
		}
	}
	if r.Buffered() != 0 || r.busy {
		t.Errorf("%d bytes kept while idle", r.Buffered())
	}
}

func TestReader_Reset(t *testing.T) {
	for _, before := range []string{"", "\x81", frame(text, "ab")[:7], frame(textPart, "ab"), frame(textPart, "ab") + frame(ping, "cd")[:7], frame(fin|3, "")} {
		r := &Reader{Limit: 1000}
		readAll(t, r, before)
		r.Reset()
		if !r.Idle() || r.Buffered() != 0 || r.Limit != 1000 {
			t.Errorf("after %x: idle %v, %d bytes, limit %d", before, r.Idle(), r.Buffered(), r.Limit)
		}
		if got := readAll(t, r, frame(text, "x")); got != "1:x" {
			t.Errorf("after %x: %q", before, got)
		}
	}
}

// A control payload stays as it is while the message around it goes on, until
// the next call.
func TestReader_Next_PayloadsLive(t *testing.T) {
	r := &Reader{Limit: 1000}
	f := frame(ping, "ping payload")
	readAll(t, r, frame(textPart, "message"), f[:10])
	m, rest, err := r.Next([]byte(f[10:] + frame(cont, "!")))
	if err != nil || string(m.Payload) != "ping payload" {
		t.Fatalf("%q %v", m.Payload, err)
	}
	m.Op = OpPong
	if want := AppendFrame(nil, OpPong, []byte("ping payload")); !bytes.Equal(m.Frame(), want) {
		t.Errorf("the answer is %x", m.Frame())
	}
	if m, _, err = r.Next(rest); err != nil || string(m.Payload) != "message!" {
		t.Errorf("%q %v", m.Payload, err)
	}
}

// What a message brings is its own: readers that take turns with pooled buffers
// never see each other's.
func TestReader_Next_BuffersAreNotShared(t *testing.T) {
	readers := make([]Reader, 50)
	for round := range 20 {
		for i := range readers {
			readers[i].Limit = 1 << 20
			readAll(t, &readers[i], frame(binPart, strings.Repeat(string(rune('A'+i)), 100*round+i)))
		}
		for i := range readers {
			want := fmt.Sprintf("2:%s", strings.Repeat(string(rune('A'+i)), 100*round+i+1))
			if got := readAll(t, &readers[i], frame(cont, string(rune('A'+i)))); got != want {
				t.Fatalf("round %d, reader %d: %.20q, expected %.20q", round, i, got, want)
			}
		}
	}
}

func TestReader_Size(t *testing.T) {
	if n := unsafe.Sizeof(Reader{}); n > 104 {
		t.Errorf("a Reader has %d bytes", n)
	}
	if n := unsafe.Sizeof(Message{}); n > 56 {
		t.Errorf("a Message has %d bytes", n)
	}
}
