package hostile

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/roostws/roost/protocol"
)

// First bytes of frames that are compressed.
const (
	ztext     = text | rsv1
	zbin      = bin | rsv1
	ztextPart = textPart | rsv1
	zbinPart  = binPart | rsv1
)

// deflated compresses a message (RFC 7692, 7.2.1).
func deflated(message string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9) // it fails by its level alone
	_, _ = io.WriteString(w, message)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// finished compresses to data that ends with a last block.
func finished(message string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = io.WriteString(w, message)
	_ = w.Close()
	return b.String()
}

// inflated gives what a compressed payload was.
func inflated(payload []byte) ([]byte, error) {
	whole, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		return nil, fmt.Errorf("what the server compressed: %w", err)
	}
	return whole, nil
}

const (
	mib = 1 << 20
	// mostDeflated is how long a compressed message may come: the limit and a seventh
	// (docs/deflate.md).
	mostDeflated = 65536 + 65536/8 + 65536/64 + 64
	// emptyBlock is a stored block of nothing.
	emptyBlock = "\x00\x00\x00\xff\xff"
	// hello is Hello, as RFC 7692, 7.2.3.1, has it.
	hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	// twoTables are the two shortest blocks with tables of their own, which become nothing
	// (RFC 1951, 3.2.7). No data costs more to inflate.
	twoTables = "\x04\xc0\xa1\x00\x00\x00\x00\x00\x20\x7f\xeb\x42\x00\x1c\x0a\x00\x00\x00\x00\x00\xf2\xb7\x2e"
)

func zeros(n int) string { return strings.Repeat("\x00", n) }

// bomb is 64 MiB, in 65 KB: no data becomes more than 1,032 times as long.
var bomb = deflated(zeros(64 * mib))

var bombs = []attack{
	{name: "64 MiB in a frame", run: frames(frame(zbin, bomb)), want: tooLarge},
	{name: "64 MiB of text", run: frames(frame(ztext, deflated(stars(64*mib)))), want: tooLarge},
	{name: "64 MiB in fragments of 1,000", run: frames(chopped(zbinPart, bomb, 1000)), want: tooLarge},
	{name: "64 MiB in fragments of a byte", run: frames(chopped(zbinPart, bomb, 1)), want: tooLarge},
	{name: "64 MiB in fragments of 10,000, with pings between", run: frames(pinged(zbinPart, bomb, 10_000)), want: strings.Repeat("pong:p ", 6) + tooLarge},
	{name: "4 MiB in 4 KB", run: frames(frame(zbin, deflated(zeros(4*mib)))), want: tooLarge},
	{name: "a bomb within a bomb", run: frames(frame(zbin, deflated(deflated(zeros(16*mib))))), want: binEchoed(deflated(zeros(16 * mib)))},
	{name: "a message behind a bomb", run: frames(frame(zbin, bomb), frame(ztext, hello)), want: tooLarge},
	{name: "a bomb behind a message", run: frames(frame(ztext, hello), frame(zbin, bomb)), want: "text:Hello " + tooLarge},
	{name: "64 MiB whose first bytes are no text", run: frames(frame(ztext, deflated("\xff"+zeros(64*mib)))), want: tooLarge},
	{name: "as much as may be", run: frames(frame(ztext, deflated(stars(65536)))), want: echoed(stars(65536))},
	{name: "a byte more", run: frames(frame(ztext, deflated(stars(65537)))), want: tooLarge},
	{name: "a byte more, behind a last block", run: frames(frame(zbin, finished(zeros(65536))+deflated("*"))), want: tooLarge},
	{name: "1,000 bombs one after the other", run: thousandBombs, want: "1000 " + tooLarge},
	{name: "14,963 empty stored blocks", run: frames(frame(ztext, strings.Repeat(emptyBlock, 14_963)+"\x00")), want: echoed("")},
	{name: "14,000 of them and Hello", run: frames(frame(ztext, strings.Repeat(emptyBlock, 14_000)+hello)), want: echoed("Hello")},
	{name: "14,000 of them in fragments", run: frames(chopped(ztextPart, strings.Repeat(emptyBlock, 14_000)+"\x00", 5)), want: echoed("")},
	{name: "37,000 empty last blocks", run: frames(frame(ztext, strings.Repeat("\x03\x00", 37_000)+"\x00")), want: echoed("")},
	{name: "3,000 last blocks of a byte", run: frames(frame(ztext, strings.Repeat(finished("*"), 3000)+"\x00")), want: echoed(stars(3000))},
	{name: "6,500 tables that become nothing, 50 times", run: frames(strings.Repeat(frame(ztext, strings.Repeat(twoTables, 3250)+"\x00"), 50)), want: strings.Repeat("text: ", 50) + fine},
	{name: "as long as it may come", run: frames(frame(zbin, strings.Repeat(emptyBlock, mostDeflated/5)+"\x00")), want: binEchoed("")},
	{name: "a byte longer", run: frames(long(zbin, mostDeflated+1)), want: tooLarge},
	{name: "a compressed length of 2^62", run: frames(long(zbin, 1<<62)), want: tooLarge},
	{name: "a compressed length of 2^63", run: frames(long(zbin, 1<<63)), want: broken},
	{name: "fragments whose sum is longer", run: frames(frame(zbinPart, zeros(mostDeflated)), frame(cont, "\x00")), want: tooLarge},
	{name: "as long, but plain", run: frames(long(bin, 65537)), want: tooLarge},
}

// pinged is chopped with a ping before each fragment but the first.
func pinged(op byte, payload string, n int) string {
	var out strings.Builder
	for ; len(payload) > n; op, payload = 0, payload[n:] {
		out.WriteString(frame(op, payload[:n]) + frame(ping, "p"))
	}
	return out.String() + frame(fin|op, payload)
}

func thousandBombs(s *server) string {
	var w words
	for range 50 {
		for _, came := range atOnce(20, rude(frame(zbin, deflated(zeros(mib)))), s) {
			w.add(came)
		}
	}
	return w.String()
}

// Bits and opcodes. RSV1 says that a message is compressed, in its first frame alone
// (RFC 7692, 6).
var compressedBits = []attack{
	{name: "RSV1 that was not negotiated", run: unoffered("", frame(ztext, hello)), want: broken},
	{name: "RSV1 after an offer that was declined", run: unoffered("permessage-deflate; server_max_window_bits=8", frame(ztext, hello)), want: broken},
	{name: "RSV1 that was not negotiated, told by one byte", run: unoffered("", "\xc1"), want: broken},
	{name: "RSV1 on a ping", run: frames(frame(ping|rsv1, deflated("p"))), want: broken},
	{name: "RSV1 on an empty ping", run: frames(frame(ping|rsv1, "")), want: broken},
	{name: "RSV1 on a pong", run: frames(frame(pong|rsv1, "")), want: broken},
	{name: "RSV1 on a goodbye", run: rude(frame(closing|rsv1, deflated("\x03\xe8"))), want: broken},
	{name: "RSV1 on a continuation", run: frames(frame(ztextPart, hello[:3]), frame(cont|rsv1, hello[3:])), want: broken},
	{name: "RSV1 on an empty continuation", run: frames(frame(ztextPart, hello), frame(contPart|rsv1, ""), frame(cont, "")), want: broken},
	{name: "RSV1 on a continuation of plain text", run: frames(frame(textPart, "Hel"), frame(cont|rsv1, "lo")), want: broken},
	{name: "RSV1 on a continuation of nothing", run: frames(frame(cont|rsv1, hello)), want: broken},
	{name: "RSV1 on a ping between fragments", run: frames(frame(ztextPart, hello[:3]), frame(ping|rsv1, ""), frame(cont, hello[3:])), want: broken},
	{name: "RSV2", run: frames(frame(text|0x20, "*")), want: broken},
	{name: "RSV3", run: frames(frame(text|0x10, "*")), want: broken},
	{name: "RSV1 and RSV2", run: frames(frame(ztext|0x20, hello)), want: broken},
	{name: "RSV1 and RSV3", run: frames(frame(ztext|0x10, hello)), want: broken},
	{name: "RSV1 on opcode 3", run: frames(frame(fin|rsv1|3, hello)), want: broken},
	{name: "RSV1 on opcode 11", run: frames(frame(fin|rsv1|11, hello)), want: broken},
	{name: "compressed, and not masked", run: frames("\xc1\x07" + hello), want: broken},
	{name: "a compressed message within another", run: frames(frame(ztextPart, hello[:3]), frame(ztext, hello)), want: broken},
	{name: "a plain message within a compressed one", run: frames(frame(ztextPart, hello[:3]), frame(text, "Hello")), want: broken},
	{name: "a plain message between compressed ones", run: frames(frame(ztext, hello), frame(text, "plain"), frame(ztext, hello)), want: "text:Hello text:plain " + echoed("Hello")},
	{name: "compressed data without RSV1", run: frames(frame(text, hello)), want: noText},
	{name: "the same in a binary message", run: frames(frame(bin, hello)), want: binEchoed(hello)},
	{name: "compressed fragments with pings between", run: frames(frame(ztextPart, hello[:1]), frame(ping, "1"), frame(contPart, hello[1:4]), frame(contPart, ""), frame(ping, "2"), frame(cont, hello[4:])), want: "pong:1 pong:2 " + echoed("Hello")},
	{name: "an empty first fragment", run: frames(frame(ztextPart, ""), frame(cont, hello)), want: echoed("Hello")},
	{name: "an empty last fragment", run: frames(frame(ztextPart, hello), frame(cont, "")), want: echoed("Hello")},
	{name: "a goodbye between compressed fragments", run: rude(frame(ztextPart, hello[:3]), goodbye), want: fine},
}

// unoffered sends frames to /echo where compression was not negotiated, and says goodbye.
func unoffered(offer string, frames string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		if came := p.offering(offer); came != "none" {
			return came
		}
		p.bye = true
		p.send(frames + goodbye)
		return p.rest()
	}
}

// Data that is broken. RFC 7692 does not say by which code a connection ends for it: it
// is 1007, as for text that is none.
var brokenData = []attack{
	{name: "nothing at all", run: frames(frame(ztext, "")), want: noText},
	{name: "a reserved block", run: frames(frame(ztext, "\x07")), want: noText},
	{name: "a reserved block behind another", run: frames(frame(ztext, deflated("Hello")+"\xff\xff")), want: noText},
	{name: "a stored block with a wrong length", run: frames(frame(ztext, "\x00\x05\x00\x00\x00Hello\x00")), want: noText},
	{name: "a stored block that is longer than the data", run: frames(frame(ztext, "\x00\xff\xff\x00\x00Hello\x00")), want: noText},
	{name: "a torn stored block", run: frames(frame(ztext, "\x00\x05\x00\xfa\xffHel")), want: noText},
	{name: "a torn block with a table", run: frames(frame(ztext, deflated(kosme + stars(100) + "the quick brown fox jumps over the lazy dog")[:30])), want: noText},
	{name: "all but the last byte", run: frames(frame(ztext, hello[:len(hello)-1])), want: noText},
	{name: "a first byte alone", run: frames(frame(ztext, "\xf2")), want: noText},
	{name: "the end that is to be cut off", run: frames(frame(ztext, hello+"\x00\xff\xff")), want: noText},
	{name: "a last block, and no other", run: frames(frame(ztext, finished("Hello"))), want: noText},
	{name: "a last block, and another as RFC 7692 has it", run: frames(frame(ztext, finished("Hello")+"\x00")), want: echoed("Hello")},
	{name: "bytes behind a last block", run: frames(frame(ztext, finished("Hello")+"junk, and more of it")), want: noText},
	{name: "a last block, and a message of its own", run: frames(frame(ztext, finished("Hello")+deflated(", world"))), want: echoed("Hello, world")},
	{name: "a distance before the begin", run: frames(frame(ztext, "\xf2\x00\x11\x00\x00")), want: noText},
	{name: "a distance before a last block", run: frames(frame(ztext, finished("Hello")+"\xf2\x00\x11\x00\x00")), want: noText},
	{name: "a distance into the message before", run: frames(frame(ztext, hello), frame(ztext, "\xf2\x00\x11\x00\x00")), want: "text:Hello " + noText},
	{name: "a distance into a message of another client", run: foreignWindow, want: noText},
	{name: "a length code that there is not", run: frames(frame(ztext, "\x1a\x07\x00")), want: noText},
	{name: "a table with too many codes", run: frames(frame(ztext, "\xfc\xff\xff\xff\xff\xff\xff\xff")), want: noText},
	{name: "a table without codes", run: frames(frame(ztext, "\x04\x00"+zeros(20))), want: noText},
	{name: "gzip", run: frames(frame(ztext, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"+hello)), want: noText},
	{name: "zlib", run: frames(frame(ztext, "\x78\x9c"+hello)), want: noText},
	{name: "plain text", run: frames(frame(ztext, "Hello, this is not compressed")), want: noText},
	{name: "all bytes there are", run: frames(frame(zbin, everyByte())), want: noText},
	{name: "broken data in fragments", run: frames(frame(ztextPart, hello), frame(ping, "p"), frame(cont, "\x07")), want: "pong:p " + noText},
	{name: "a message behind broken data", run: frames(frame(ztext, "\x07"), frame(ztext, hello)), want: noText},
	{name: "text that is none", run: frames(frame(ztext, deflated("ab\xff"))), want: noText},
	{name: "text that is none, in a stored block", run: frames(frame(ztext, "\x00\x01\x00\xfe\xff\xff\x00")), want: noText},
	{name: "a surrogate", run: frames(frame(ztext, deflated(kosme+"\xed\xa0\x80edited"))), want: noText},
	{name: "half a rune", run: frames(frame(ztext, deflated("\xce\xba\xe1\xbd"))), want: noText},
	{name: "64 KiB of text whose last byte is none", run: frames(frame(ztext, deflated(stars(65535)+"\xff"))), want: noText},
	{name: "a rune in two blocks and two fragments", run: frames(frame(ztextPart, deflated("\xce")+"\x00\x00\xff\xff"), frame(cont, deflated("\xba"))), want: echoed("κ")},
	{name: "bytes that are no text", run: frames(frame(zbin, deflated("\xff\xfe"))), want: binEchoed("\xff\xfe")},
	{name: "an empty message", run: frames(frame(ztext, "\x00")), want: echoed("")},
	{name: "an empty message of bytes", run: frames(frame(zbin, "\x02\x00")), want: binEchoed("")},
	{name: "an empty message in fragments of nothing", run: frames(frame(ztextPart, ""), frame(contPart, ""), frame(cont, "\x00")), want: echoed("")},
	{name: "10,000 empty messages", run: frames(strings.Repeat(frame(ztext, "\x00"), 10_000)), want: strings.Repeat("text: ", 10_000) + fine},
}

// foreignWindow refers to what another connection sent just before.
func foreignWindow(s *server) string {
	for range 8 { // one of them is of the same loop
		p := s.upgraded("/echo")
		defer p.close()
		p.send(frame(ztext, deflated("secret secret secret")))
		if op, payload, err := p.frame(); err != nil || string(payload) != "secret secret secret" {
			return fmt.Sprint(op, string(payload), err)
		}
	}
	return frames(frame(ztext, "\xf2\x00\x11\x00\x00"))(s)
}

// compressedSizes are Autobahn's section 12.
func compressedSizes() (all []attack) {
	const words = `{"type":"event","room":"team.42","data":{"name":"κόσμε","n":1234567890,"tags":["a","b"]}},`
	for i, n := range []int{16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536} {
		payload := strings.ToValidUTF8(strings.Repeat(words, 1+n/len(words))[:n], "*")
		times := min(1000, 4<<20/n)
		all = append(all, attack{name: fmt.Sprintf("12.1.%d %d messages of %d bytes", i+1, times, n),
			run: frames(strings.Repeat(frame(ztext, deflated(payload)), times)), want: strings.Repeat(told(protocol.OpText, payload)+" ", times) + fine})
	}
	return all
}

func TestHostile_Deflate(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--deflate")
	s.offer = "permessage-deflate"
	s.suffer(t, bombs)
	s.suffer(t, compressedBits)
	s.suffer(t, brokenData)
	s.suffer(t, compressedSizes())
}
