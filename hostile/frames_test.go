package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/roostws/roost/protocol"
)

// frames sends frames to /echo and then says goodbye, and tells what came. Short
// ones are sent in one piece and then byte by byte: the same must come. Where it
// is a close frame alone, the other kinds of connection must send it, too.
func frames(all ...string) func(*server) string {
	return func(s *server) string { return s.everyWay(strings.Join(all, "")+goodbye, true) }
}

// rude is frames without the goodbye.
func rude(all ...string) func(*server) string {
	return func(s *server) string { return s.everyWay(strings.Join(all, ""), false) }
}

const bytewise = 3000 // bytes that are sent one by one, too

func (s *server) everyWay(bytes string, bye bool) string {
	try := func(path string, send func(*peer, string)) string {
		p := s.upgraded(path)
		defer p.close()
		if p.bye = bye; path == "/ws" && p.err == nil {
			_, _, p.err = p.frame() // the welcome
		}
		sent := make(chan struct{})
		go func() { send(p, bytes); close(sent) }() // who writes much must read meanwhile
		came := p.rest()
		<-sent
		return came
	}
	got := try("/echo", (*peer).send)
	if len(bytes) <= bytewise {
		if other := try("/echo", (*peer).drip); other != got {
			return "in one piece " + got + ", byte by byte " + other
		}
	}
	if strings.HasPrefix(got, "close ") {
		for _, path := range []string{"/ws", "/rooms/frames"} {
			if other := try(path, (*peer).send); other != got {
				return got + ", but " + other + " at " + path
			}
		}
	}
	return got
}

// patient sends a message to /echo, and says goodbye once it is back.
func patient(message string) func(*server) string {
	return func(s *server) string {
		p := s.upgraded("/echo")
		defer p.close()
		go p.send(message)
		op, payload, err := p.frame()
		if err != nil {
			return end(err)
		}
		p.bye = true
		p.send(goodbye)
		return told(op, string(payload)) + " " + p.rest()
	}
}

// long is the header of a frame with a length of 64 bits.
func long(first byte, n uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{first, 0xff}, n)) + "\x00\x00\x00\x00"
}

// short is the same with a length of 16 bits.
func short(first byte, n uint16) string {
	return string(binary.BigEndian.AppendUint16([]byte{first, 0xfe}, n)) + "\x00\x00\x00\x00"
}

// chopped is a message in fragments of n bytes.
func chopped(op byte, payload string, n int) string {
	var out strings.Builder
	for first := op; ; first = 0 {
		if len(payload) <= n {
			out.WriteString(frame(fin|first, payload))
			return out.String()
		}
		out.WriteString(frame(first, payload[:n]))
		payload = payload[n:]
	}
}

// stars is a text of n bytes.
func stars(n int) string { return strings.Repeat("*", n) }

// echoed is what comes of a text, of a binary message, and of pings.
func echoed(text string) string { return told(protocol.OpText, text) + " close 1000" }
func binEchoed(b string) string { return told(protocol.OpBinary, b) + " close 1000" }

const (
	broken   = "close 1002"
	tooLarge = "close 1009"
	fine     = "close 1000"
)

// lengths are Autobahn's sections 1.1 and 1.2.
func lengths() (all []attack) {
	for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
		all = append(all,
			attack{name: fmt.Sprintf("1.1.%d text of %d bytes", i+1, n), run: frames(frame(text, stars(n))), want: echoed(stars(n))},
			attack{name: fmt.Sprintf("1.2.%d %d bytes", i+1, n), run: frames(frame(bin, strings.Repeat("\xfe", n))), want: binEchoed(strings.Repeat("\xfe", n))})
	}
	return append(all,
		attack{name: "1.1.8 text of 65,536 bytes in pieces of 997", run: inPieces(frame(text, stars(65536)), 997), want: echoed(stars(65536))},
		attack{name: "1.2.8 65,536 bytes in pieces of 997", run: inPieces(frame(bin, strings.Repeat("\xfe", 65536)), 997), want: binEchoed(strings.Repeat("\xfe", 65536))})
}

// inPieces writes n bytes at a time.
func inPieces(bytes string, n int) func(*server) string {
	return func(s *server) string {
		p := s.upgraded("/echo")
		defer p.close()
		p.bye = true
		sent := make(chan struct{})
		go func() {
			for left := bytes + goodbye; left != ""; left = left[min(n, len(left)):] {
				p.send(left[:min(n, len(left))])
			}
			close(sent)
		}()
		came := p.rest()
		<-sent
		return came
	}
}

var pings = []attack{
	{name: "2.1 an empty ping", run: frames(frame(ping, "")), want: "pong: " + fine},
	{name: "2.2 a ping with a payload", run: frames(frame(ping, "Hello, world!")), want: "pong:Hello, world! " + fine},
	{name: "2.3 a ping of bytes", run: frames(frame(ping, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")), want: "pong:\x00\xff\xfe\xfd\xfc\xfb\x00\xff " + fine},
	{name: "2.4 a ping of 125 bytes", run: frames(frame(ping, stars(125))), want: told(protocol.OpPong, stars(125)) + " " + fine},
	{name: "2.5 a ping of 126 bytes", run: frames(frame(ping, stars(126))), want: broken},
	{name: "2.7 a pong that nobody asked for", run: frames(frame(pong, "")), want: fine},
	{name: "2.8 such a pong with a payload", run: frames(frame(pong, "unsolicited")), want: fine},
	{name: "2.9 such a pong and a ping", run: frames(frame(pong, "unsolicited"), frame(ping, "ping")), want: "pong:ping " + fine},
	{name: "2.10 ten pings", run: frames(strings.Repeat(frame(ping, "p"), 10)), want: strings.Repeat("pong:p ", 10) + fine},
	{name: "a ping with a length of 16 bits", run: frames(short(ping, 5) + "12345"), want: broken},
	{name: "a ping of 2^63 - 1 bytes", run: frames(long(ping, 1<<63-1)), want: broken},
	{name: "a pong of 126 bytes", run: frames(frame(pong, stars(126))), want: broken},
	{name: "a ping of half a rune", run: frames(frame(ping, "\xc3")), want: "pong:\xc3 " + fine},
}

// reserved are Autobahn's sections 3 and 4: bits and opcodes that mean nothing.
func reserved() (all []attack) {
	hello := frame(text, "Hello")
	for i, row := range []struct {
		first  byte
		before string
	}{
		{text | 0x10, ""}, {text | 0x20, hello}, {text | 0x30, hello}, {text | 0x40, hello}, {bin | 0x50, ""}, {ping | 0x60, ""}, {closing | 0x70, ""},
	} {
		all = append(all, attack{name: fmt.Sprintf("3.%d reserved bits %x", i+1, row.first>>4&7),
			run: frames(row.before, frame(row.first, "*"), frame(ping, "")), want: strings.TrimSpace(helloed(row.before) + broken)})
	}
	for i, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		section, n := 1, i+1
		if op > 7 {
			section, n = 2, i-4
		}
		before := ""
		if n > 2 {
			before = hello
		}
		all = append(all, attack{name: fmt.Sprintf("4.%d.%d opcode %d", section, n, op),
			run: frames(before, frame(fin|op, stars(n)), frame(ping, "")), want: helloed(before) + broken})
	}
	return all
}

func helloed(before string) string {
	if before == "" {
		return ""
	}
	return "text:Hello "
}

var fragments = []attack{
	{name: "5.1 a fragmented ping", run: frames(frame(ping&^fin, "a"), frame(cont, "b")), want: broken},
	{name: "5.2 a fragmented pong", run: frames(frame(pong&^fin, "a"), frame(cont, "b")), want: broken},
	{name: "5.3 text in two fragments", run: frames(frame(textPart, "a"), frame(cont, "b")), want: echoed("ab")},
	{name: "5.6 a ping between fragments", run: frames(frame(textPart, "a"), frame(ping, "p"), frame(cont, "b")), want: "pong:p " + echoed("ab")},
	{name: "5.9 a continuation of nothing", run: frames(frame(cont, "a"), frame(text, "b")), want: broken},
	{name: "5.12 a first fragment that is a continuation", run: frames(frame(contPart, "a"), frame(text, "b")), want: broken},
	{name: "5.15 a continuation after the last", run: frames(frame(textPart, "a"), frame(cont, "b"), frame(contPart, "c"), frame(text, "d")), want: "text:ab " + broken},
	{name: "5.16 continuations before and after", run: frames(frame(contPart, "a"), frame(textPart, "b"), frame(cont, "c")), want: broken},
	{name: "5.17 the same, and the first is the last", run: frames(frame(cont, "a"), frame(textPart, "b"), frame(cont, "c")), want: broken},
	{name: "5.18 a message within another", run: frames(frame(textPart, "a"), frame(text, "b")), want: broken},
	{name: "5.19 five fragments with pings between", run: frames(frame(textPart, "a"), frame(contPart, "b"), frame(ping, "1"), frame(contPart, "c"), frame(contPart, "d"), frame(ping, "2"), frame(cont, "e")), want: "pong:1 pong:2 " + echoed("abcde")},
	{name: "bytes within a text", run: frames(frame(textPart, "a"), frame(bin, "b")), want: broken},
	{name: "a text that begins twice", run: frames(frame(textPart, "a"), frame(textPart, "b")), want: broken},
	{name: "reserved bits in a continuation", run: frames(frame(textPart, "a"), frame(cont|0x40, "b")), want: broken},
	{name: "empty fragments", run: frames(frame(textPart, ""), frame(contPart, ""), frame(cont, "")), want: echoed("")},
	{name: "a close between fragments", run: rude(frame(textPart, "a"), frame(closing, "\x03\xe8")), want: fine},
	{name: "100,000 empty fragments", run: frames(frame(textPart, "a"), strings.Repeat(frame(contPart, ""), 100_000), frame(cont, "b")), want: echoed("ab")},
	{name: "65,536 fragments of a byte", run: frames(chopped(byte(protocol.OpText), stars(65536), 1)), want: echoed(stars(65536))},
	{name: "65,537 fragments of a byte", run: frames(chopped(byte(protocol.OpText), stars(65537), 1)), want: tooLarge},
	{name: "10,000 fragments with a ping after each", run: frames(frame(textPart, "a"), strings.Repeat(frame(contPart, "b")+frame(ping, "p"), 10_000), frame(cont, "c")),
		want: strings.Repeat("pong:p ", 10_000) + echoed("a"+strings.Repeat("b", 10_000)+"c")},
	{name: "10.1.1 text of 65,536 bytes in fragments of 1,300", run: frames(chopped(byte(protocol.OpText), stars(65536), 1300)), want: echoed(stars(65536))},
}

var headers = []attack{
	{name: "a frame that is not masked", run: frames(string(protocol.AppendFrame(nil, protocol.OpText, []byte("a")))), want: broken},
	{name: "a ping that is not masked", run: frames("\x89\x00"), want: broken},
	{name: "a close that is not masked", run: rude("\x88\x02\x03\xe8"), want: broken},
	{name: "the mask of zeros", run: frames("\x81\x85\x00\x00\x00\x00plain"), want: echoed("plain")},
	{name: "a length of 125 in 16 bits", run: frames(short(text, 125) + stars(125)), want: broken},
	{name: "a length of 0 in 16 bits", run: frames(short(text, 0)), want: broken},
	{name: "a length of 65,535 in 64 bits", run: frames(long(text, 65535)), want: broken},
	{name: "a length of 0 in 64 bits", run: frames(long(text, 0)), want: broken},
	{name: "a length of 65,537", run: frames(long(text, 65537)), want: tooLarge},
	{name: "a length of 2^32", run: frames(long(bin, 1<<32)), want: tooLarge},
	{name: "a length of 2^62", run: frames(long(bin, 1<<62)), want: tooLarge},
	{name: "a length of 2^63 - 1", run: frames(long(bin, 1<<63-1)), want: tooLarge},
	{name: "a length of 2^63", run: frames(long(bin, 1<<63)), want: broken},
	{name: "a length of 2^64 - 1", run: frames(long(bin, 1<<64-1)), want: broken},
	{name: "lengths whose sum overflows", run: frames(frame(binPart, "ab"), long(cont, 1<<63-1)), want: tooLarge},
	{name: "a sum one over the limit", run: frames(frame(binPart, "ab"), long(contPart, 65535)), want: broken},
	{name: "a sum over the limit", run: frames(frame(binPart, "ab"), long(contPart, 65536)), want: tooLarge},
	{name: "a length over the limit, told before its mask", run: rude("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01"), want: tooLarge},
	{name: "opcode 3, told by one byte", run: rude("\x83"), want: broken},
	{name: "a missing mask, told by two bytes", run: rude("\x81\x05"), want: broken},
	{name: "frames of zeros", run: rude(strings.Repeat("\x00", 1000)), want: broken},
	{name: "frames of 0xff", run: rude(strings.Repeat("\xff", 1000)), want: broken},
	{name: "HTTP/2 after the upgrade", run: rude("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), want: broken},
	{name: "TLS after the upgrade", run: rude("\x16\x03\x01\x02\x00"), want: broken},
	{name: "a megabyte behind a violation", run: frames("\x83\x80\x00\x00\x00\x00" + stars(1<<20)), want: broken},
	{name: "20,000 messages of nothing", run: frames(strings.Repeat(frame(text, ""), 20_000)), want: strings.Repeat("text: ", 20_000) + fine},
}

func TestHostile_Frames(t *testing.T) {
	s := start(t, 0, "--auth", "none")
	s.suffer(t, lengths())
	s.suffer(t, pings)
	s.suffer(t, reserved())
	s.suffer(t, fragments)
	s.suffer(t, headers)
}

// sizes are Autobahn's sections 9.1 to 9.8: large messages, in fragments, in
// pieces, and many one after the other.
func sizes() (all []attack) {
	for i, kind := range []struct {
		op   protocol.Op
		fill string
	}{{protocol.OpText, "*"}, {protocol.OpBinary, "\xfe"}} {
		filled := func(n int) string { return strings.Repeat(kind.fill, n) }
		row := func(section, number int, name, back string, run func(*server) string) {
			all = append(all, attack{name: fmt.Sprintf("9.%d.%d %s", section+i, number, name), run: run, want: back + fine, peak: 160})
		}
		op, mib := byte(kind.op), 1<<20
		for n, size := range []int{64 << 10, 256 << 10, mib, 4 * mib, 8 * mib, 16 * mib} {
			row(1, n+1, fmt.Sprint(size, " bytes"), told(kind.op, filled(size))+" ", patient(frame(fin|op, filled(size))))
		}
		large := filled(4 * mib)
		for n := range 9 {
			part := 64 << (2 * n)
			row(3, n+1, fmt.Sprint("4 MiB in fragments of ", part), told(kind.op, large)+" ", patient(chopped(op, large, part)))
		}
		for n := range 6 {
			part := 64 << n
			row(5, n+1, fmt.Sprint("1 MiB in pieces of ", part), told(kind.op, filled(mib))+" ", inPieces(frame(fin|op, filled(mib)), part))
		}
		for n, size := range []int{0, 16, 64, 256, 1024, 4096} {
			row(7, n+1, fmt.Sprint("1,000 messages of ", size), strings.Repeat(told(kind.op, filled(size))+" ", 1000), frames(strings.Repeat(frame(fin|op, filled(size)), 1000)))
		}
	}
	return all
}

func TestHostile_LargeMessages(t *testing.T) {
	const most = 16 << 20
	s := start(t, 0, "--auth", "none", "--max-message", "16MiB")
	s.suffer(t, sizes())
	s.suffer(t, []attack{
		{name: "a byte more", run: frames(long(bin, most+1)), want: tooLarge},
		{name: "a byte more in two fragments", run: frames(frame(binPart, stars(most)), frame(cont, "*")), want: tooLarge, peak: 160},
		{name: "text of 16 MiB whose last byte is none", run: frames(frame(text, stars(most-1)+"\xff")), want: noText, peak: 160},
	})
}
