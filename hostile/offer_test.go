package hostile

import (
	"fmt"
	"strings"
	"testing"
)

// What is answered to an offer that is accepted (docs/deflate.md).
const (
	accepted       = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	acceptedWindow = accepted + "; server_max_window_bits=15"
)

// offer asks for extensions, each of offers in a header of its own, and tells what is
// accepted; what is, is what then holds.
func offer(offers ...string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		came := p.offering(offers...)
		if came != "none" && came != accepted && came != acceptedWindow {
			return came
		}
		p.bye = true
		p.send(frame(ztext, hello) + goodbye)
		want := broken
		if came != "none" {
			want = echoed("Hello")
		}
		if got := p.rest(); got != want {
			return came + ", but then " + got
		}
		return came
	}
}

func (p *peer) offering(offers ...string) string {
	var lines []string
	for _, o := range offers {
		lines = append(lines, "+Sec-WebSocket-Extensions: "+o)
	}
	p.send(handshake("GET /echo HTTP/1.1", lines...))
	switch came := p.answer(); {
	case came != "101":
		return came
	case p.extensions == "":
		return "none"
	}
	return p.extensions
}

// param offers permessage-deflate with parameters.
func param(params string) func(*server) string { return offer("permessage-deflate; " + params) }

// Offers that RFC 7692, 7.1, has declined, and such as RFC 6455, 9.1, does not know, leave
// the connection without compression.
var offers = []attack{
	{name: "13.1 no parameter", run: offer("permessage-deflate"), want: accepted},
	{name: "13.2 no context takeover", run: param("server_no_context_takeover"), want: accepted},
	{name: "13.3 a window of 9 bits", run: param("server_max_window_bits=9"), want: "none"},
	{name: "13.4 a window of 15 bits", run: param("server_max_window_bits=15"), want: acceptedWindow},
	{name: "13.5 no context takeover and 9 bits", run: param("server_no_context_takeover; server_max_window_bits=9"), want: "none"},
	{name: "13.6 no context takeover and 15 bits", run: param("server_no_context_takeover; server_max_window_bits=15"), want: acceptedWindow},
	{name: "13.7 three offers", run: offer("permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate"), want: accepted},
	{name: "an empty header", run: offer(""), want: "none"},
	{name: "an unknown parameter", run: param("server_no_context"), want: "none"},
	{name: "an unknown parameter beside others", run: param("client_max_window_bits; x=1; server_no_context_takeover"), want: "none"},
	{name: "a parameter in capitals", run: param("SERVER_NO_CONTEXT_TAKEOVER"), want: "none"},
	{name: "a parameter twice", run: param("server_no_context_takeover; server_no_context_takeover"), want: "none"},
	{name: "a window twice", run: param("server_max_window_bits=15; server_max_window_bits=15"), want: "none"},
	{name: "the client's window twice", run: param("client_max_window_bits; client_max_window_bits=15"), want: "none"},
	{name: "a flag with a value", run: param("server_no_context_takeover=1"), want: "none"},
	{name: "a flag with a quoted value", run: param(`client_no_context_takeover="true"`), want: "none"},
	{name: "a window of 7 bits", run: param("server_max_window_bits=7"), want: "none"},
	{name: "a window of 8 bits", run: param("server_max_window_bits=8"), want: "none"},
	{name: "a window of 08 bits", run: param("server_max_window_bits=08"), want: "none"},
	{name: "a window of 015 bits", run: param("server_max_window_bits=015"), want: "none"},
	{name: "a window of 16 bits", run: param("server_max_window_bits=16"), want: "none"},
	{name: "a window of +15 bits", run: param("server_max_window_bits=+15"), want: "none"},
	{name: "a window of 15 and junk", run: param("server_max_window_bits=15 x"), want: "none"},
	{name: "a window of 0xf bits", run: param("server_max_window_bits=0xf"), want: "none"},
	{name: "a window of 2^64 + 15 bits", run: param("server_max_window_bits=18446744073709551631"), want: "none"},
	{name: "a window without bits", run: param("server_max_window_bits"), want: "none"},
	{name: "a window of nothing", run: param("server_max_window_bits="), want: "none"},
	{name: "a window that is quoted", run: param(`server_max_window_bits="15"`), want: acceptedWindow},
	{name: "a window that is quoted and escaped", run: param(`server_max_window_bits="1\5"`), want: acceptedWindow},
	{name: "a window of 16 bits that is quoted", run: param(`server_max_window_bits="16"`), want: "none"},
	{name: "a window of quoted nothing", run: param(`server_max_window_bits=""`), want: "none"},
	{name: "a quoted value that is no token", run: param(`server_max_window_bits="15;15"`), want: "none"},
	{name: "a quote without an end", run: param(`server_max_window_bits="15`), want: "none"},
	{name: "a quote that ends with a backslash", run: param(`server_max_window_bits="15\`), want: "none"},
	{name: "the client's window of 8 bits", run: param("client_max_window_bits=8"), want: accepted},
	{name: "the client's window of 7 bits", run: param("client_max_window_bits=7"), want: "none"},
	{name: "the client's window of 16 bits", run: param("client_max_window_bits=16"), want: "none"},
	{name: "the client's window of 08 bits", run: param("client_max_window_bits=08"), want: "none"},
	{name: "the client's window of junk", run: param("client_max_window_bits=many"), want: "none"},
	{name: "the client's window, quoted", run: param(`client_max_window_bits="10"`), want: accepted},
	{name: "a bad offer and a good one", run: offer("permessage-deflate; x, permessage-deflate"), want: accepted},
	{name: "a good offer and a bad one", run: offer("permessage-deflate, permessage-deflate; x"), want: accepted},
	{name: "a good offer and one that is malformed", run: offer("permessage-deflate, permessage-deflate; ="), want: "none"},
	{name: "two headers", run: offer("x", "permessage-deflate"), want: accepted},
	{name: "two headers, one of them malformed", run: offer("permessage-deflate", ";"), want: "none"},
	{name: "another extension", run: offer("permessage-bzip2, x-webkit-deflate-frame"), want: "none"},
	{name: "its name in capitals", run: offer("PERMESSAGE-DEFLATE"), want: "none"},
	{name: "half its name", run: offer("permessage-defl"), want: "none"},
	{name: "a quoted name", run: offer(`"permessage-deflate"`), want: "none"},
	{name: "300 offers", run: offer(strings.Repeat("permessage-deflate; x, ", 300) + "permessage-deflate"), want: accepted},
	{name: "300 parameters", run: param(strings.Repeat("client_max_window_bits; ", 300) + "server_no_context_takeover"), want: "none"},
	{name: "100 headers", run: offer(append(repeat("x; y=z", 99), "permessage-deflate")...), want: accepted},
	{name: "7,000 empty places", run: offer(strings.Repeat(",", 7000) + "permessage-deflate"), want: accepted},
	{name: "7,000 semicolons", run: offer("permessage-deflate" + strings.Repeat(";", 7000)), want: "none"},
	{name: "a quoted value of 7,000 backslashes", run: param(`server_max_window_bits="` + strings.Repeat(`\`, 7000) + `"`), want: "none"},
	{name: "a parameter's name of 7,000 bytes", run: param(strings.Repeat("x", 7000)), want: "none"},
	{name: "no name", run: offer("; server_no_context_takeover"), want: "none"},
	{name: "a name of spaces", run: offer("  ; x, permessage-deflate"), want: "none"},
	{name: "a parameter without a name", run: param("=15"), want: "none"},
	{name: "a semicolon at the end", run: param(""), want: "none"},
	{name: "names with only a space between", run: offer("permessage-deflate permessage-deflate"), want: "none"},
	{name: "tabs", run: offer("permessage-deflate\t;\tserver_max_window_bits\t=\t15"), want: acceptedWindow},
	{name: "a line's end within a value", run: param("server_max_window_bits=\"15\r\nX-Injected: y\""), want: "none"},
	{name: "a line's end, encoded", run: param("server_max_window_bits=15%0d%0aX-Injected:%20y"), want: "none"},
	{name: "an escaped line's end", run: param("server_max_window_bits=\"15\\\r\\\nX-Injected: y\""), want: malformed},
	{name: "a bare CR", run: param("server_max_window_bits=15\rX-Injected: y"), want: malformed},
	{name: "a bare LF", run: param("server_max_window_bits=15\nX-Injected: y"), want: malformed},
	{name: "a folded line", run: param("\r\n server_max_window_bits=15"), want: malformed},
	{name: "a zero", run: param("server_max_window_bits=15\x00"), want: malformed},
	{name: "UTF-8", run: param("ſerver_max_window_bits=15"), want: "none"},
}

func TestHostile_DeflateOffers(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--deflate")
	s.offer = "permessage-deflate"
	s.suffer(t, offers)
}

var deflateFloods = []attack{
	{name: "200 bombs at once", run: crowd(200, rude(frame(zbin, bomb))), want: "200 " + tooLarge, peak: 96},
	{name: "200 bombs at once, in fragments", run: crowd(200, rude(chopped(zbinPart, bomb, 1000))), want: "200 " + tooLarge, peak: 96},
	{name: "200 bombs at once, and RST", run: crowd(200, bombAndReset), want: "", peak: 96},
	{name: "20 messages of 64 KiB in 80 bytes from each of 100", run: crowd(100, frames(strings.Repeat(frame(zbin, deflated(zeros(65536))), 20))),
		want: "100 " + strings.Repeat(binEchoed(zeros(65536))[:len(binEchoed(zeros(65536)))-len(fine)], 20) + fine, peak: 96},
	{name: "tables that become nothing from 20 at once", run: crowd(20, frames(strings.Repeat(frame(ztext, strings.Repeat(twoTables, 2800)+"\x00"), 4))), want: "20 " + strings.Repeat("text: ", 4) + fine, peak: 64},
	{name: "80 bytes that become 64 KiB, and nobody reads", run: stalling("/echo", frame(zbin, deflated(zeros(65536)))), want: "it waits", peak: 64},
	{name: "80 bytes that become 64 KiB for each of 20 who do not read", run: deafToBombs, want: "20 close 4003", peak: 96},
	{name: "half a bomb on 200 connections", run: inside(200, "/echo", frame(zbin, bomb)[:len(bomb)/2]), want: "200 inside", peak: 64},
	{name: "silence within a compressed message on 2,000", run: inside(2000, "/echo", frame(ztextPart, hello[:3])), want: "2000 inside", peak: 64},
	{name: "resets within compressed messages", run: resets("/echo", frame(ztextPart, bomb[:10_000]))},
}

// crowd has many do something at once, and tells what came of it.
func crowd(n int, do func(*server) string) func(*server) string {
	return func(s *server) string {
		var w words
		for _, came := range atOnce(n, do, s) {
			w.add(came)
		}
		return w.String()
	}
}

func bombAndReset(s *server) string {
	p := s.upgraded("/echo")
	p.send(frame(zbin, bomb))
	p.reset()
	if p.err != nil {
		return p.err.Error()
	}
	return ""
}

// deafToBombs are members without compression, to whom one with compression sends little
// that becomes much.
func deafToBombs(s *server) string {
	var all []*peer
	for range 20 {
		p := s.dial()
		defer p.close()
		p.send(handshake("GET /rooms/crater HTTP/1.1"))
		if came := p.answer(); came != "101" || p.extensions != "" {
			return fmt.Sprint(came, p.extensions)
		}
		_ = p.c.SetReadBuffer(64 << 10)
		all = append(all, p)
	}
	p := s.upgraded("/rooms/crater")
	defer p.close()
	p.send(strings.Repeat(frame(zbin, deflated(zeros(65536))), 400))
	p.bye = true
	p.send(goodbye)
	if came := p.rest(); came != fine {
		return came
	}
	var waits float64
	if !eventually(settling, func() bool {
		m, err := s.metrics()
		waits = m["roost_outbox_bytes"]
		return err == nil && waits > 0 && m["roost_publish_queue_bytes"] == 0
	}) {
		return "nothing waits for them"
	}
	if waits > 20*2*65_700 { // --outbox, and one message more
		return fmt.Sprintf("%.0f MB wait for them", waits/1e6)
	}
	var w words
	for _, p := range all {
		w.add(lastWord(p))
	}
	return w.String()
}

func TestHostile_DeflateFloods(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--deflate", "--history-memory", "1MiB")
	s.offer = "permessage-deflate"
	s.suffer(t, deflateFloods)
}
