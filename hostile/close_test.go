package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/roostws/roost/protocol"
)

func closeFrame(code uint16, reason string) string {
	return frame(closing, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

var closes = []attack{
	{name: "7.1.1 a message and goodbye", run: rude(frame(text, "Hello"), goodbye), want: echoed("Hello")},
	{name: "7.1.2 two goodbyes", run: rude(goodbye, goodbye), want: fine},
	{name: "7.1.3 a ping after goodbye", run: rude(goodbye, frame(ping, "p")), want: fine},
	{name: "7.1.4 a message after goodbye", run: rude(goodbye, frame(text, "Hello")), want: fine},
	{name: "7.1.5 goodbye between fragments", run: rude(frame(textPart, "Hello"), goodbye, frame(cont, "!")), want: fine},
	{name: "7.1.6 256 KiB and goodbye", run: rude(strings.Repeat(frame(text, stars(65536)), 4), goodbye, frame(ping, "p")), want: strings.Repeat(told(protocol.OpText, stars(65536))+" ", 4) + fine},
	{name: "7.3.1 goodbye without a code", run: rude(frame(closing, "")), want: "close"},
	{name: "7.3.2 half a code", run: rude(frame(closing, "a")), want: broken},
	{name: "7.3.3 a code", run: rude(closeFrame(1000, "")), want: fine},
	{name: "7.3.4 a reason", run: rude(closeFrame(1000, "Hello World!")), want: fine},
	{name: "7.3.5 a reason of 123 bytes", run: rude(closeFrame(1000, stars(123))), want: fine},
	{name: "7.3.6 a reason of 124 bytes", run: rude(closeFrame(1000, stars(124))), want: broken},
	{name: "7.5.1 a reason that is no text", run: rude(closeFrame(1000, kosme+"\xed\xa0\x80edited")), want: noText},
	{name: "a reason cut within a rune", run: rude(closeFrame(1000, "\xce")), want: noText},
	{name: "a fragmented goodbye", run: rude(frame(closing&^fin, "\x03\xe8")), want: broken},
	{name: "a violation after goodbye", run: rude(goodbye, strings.Repeat("\xff", 100)), want: fine},
	{name: "8 MiB after goodbye", run: rude(goodbye, strings.Repeat(frame(bin, stars(65536)), 128)), want: fine},
	{name: "100,000 goodbyes", run: rude(strings.Repeat(goodbye, 100_000)), want: fine},
	{name: "goodbye, and half a frame", run: rude(goodbye, "\x81"), want: fine},
	{name: "the server's own code for no code", run: rude(closeFrame(1005, "")), want: broken},
	{name: "half a goodbye, and the end", run: thenEnd(goodbye[:7]), want: "end"},
	{name: "no goodbye, but the end", run: thenEnd(""), want: "end"},
	{name: "the end within a header", run: thenEnd("\x82\xfe\x01"), want: "end"},
	{name: "the end within a message", run: thenEnd(frame(text, "Hello")[:8]), want: "end"},
	{name: "the end between fragments", run: thenEnd(frame(textPart, "Hello")), want: "end"},
	{name: "the end right after a message", run: thenEnd(frame(text, "Hello")), want: "text:Hello end"},
}

// codes are Autobahn's sections 7.7, 7.9 and 7.13.
func codes() (all []attack) {
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		all = append(all, attack{name: fmt.Sprintf("7.7.%d code %d", i+1, code), run: rude(closeFrame(code, "")), want: fmt.Sprint("close ", code)})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		all = append(all, attack{name: fmt.Sprintf("7.9.%d code %d", i+1, code), run: rude(closeFrame(code, "reason")), want: broken})
	}
	for i, code := range []uint16{5000, 65535} {
		all = append(all, attack{name: fmt.Sprintf("7.13.%d code %d", i+1, code), run: rude(closeFrame(code, "")), want: broken})
	}
	return all
}

// thenEnd ends its side of the connection after some bytes.
func thenEnd(bytes string) func(*server) string {
	return func(s *server) string {
		p := s.upgraded("/echo")
		defer p.close()
		p.send(bytes)
		if p.err == nil {
			_ = p.c.CloseWrite()
		}
		return p.rest()
	}
}

func TestHostile_Close(t *testing.T) {
	s := start(t, 0, "--auth", "none")
	s.suffer(t, closes)
	s.suffer(t, codes())
}
