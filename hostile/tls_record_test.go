package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// forged makes a WebSocket to /echo by TLS, sends what say makes, and tells what comes.
func forged(version uint16, say func(f *forger) string) func(*server) string {
	return func(s *server) string {
		p, f := s.forging(version)
		defer p.close()
		p.send(handshake("GET /echo HTTP/1.1"))
		if came := p.answer(); came != "101" {
			return "no upgrade but " + came
		}
		p.bye = true
		bytes := say(f)
		sent := make(chan struct{})
		go func() { _, _ = io.WriteString(p.c, bytes); close(sent) }() // who writes much must read meanwhile
		came := p.rest()
		<-sent
		return came
	}
}

// forgedEarly sends what say makes before any request, and tells the answer.
func forgedEarly(version uint16, say func(f *forger) string) func(*server) string {
	return func(s *server) string {
		p, f := s.forging(version)
		defer p.close()
		if p.err == nil {
			_, _ = io.WriteString(p.c, say(f))
		}
		return p.answer()
	}
}

func (s *server) forging(version uint16) (*peer, *forger) {
	p := connect(s.client)
	f, err := p.forge(s, version)
	p.err = err
	return p, f
}

const (
	badMAC  = "alert bad record MAC"
	greeted = "text:Hello " // the echo of what came before
)

// hello is a message to /echo, in a record of its own.
func (f *forger) hello() string { return f.seal(typeData, frame(text, "Hello")) }

func (f *forger) leave() string { return f.seal(typeData, goodbye) }

// garble changes a byte of a record.
func garble(record string, at int) string {
	b := []byte(record)
	b[(at+len(b))%len(b)] ^= 1
	return string(b)
}

// ofBoth are attacks on the records of either version.
func ofBoth() (all []attack) {
	for _, v := range []uint16{tls12, tls13} {
		row := func(name, want string, say func(f *forger) string) {
			all = append(all, attack{name: tls.VersionName(v) + ": " + name, run: forged(v, say), want: want})
		}
		early := func(name, want string, say func(f *forger) string) {
			all = append(all, attack{name: tls.VersionName(v) + ": " + name, run: forgedEarly(v, say), want: want})
		}
		row("a message and goodbye", echoed("Hello"), func(f *forger) string { return f.hello() + f.leave() })
		row("a message in records of a byte", echoed("Hello"), func(f *forger) string {
			var out string
			for _, b := range []byte(frame(text, "Hello") + goodbye) {
				out += f.seal(typeData, string([]byte{b}))
			}
			return out
		})
		row("a record of 2^14 bytes", told(2, stars(16_376))+" "+fine, func(f *forger) string {
			return f.seal(typeData, frame(bin, stars(16_376))) + f.leave()
		})
		row("a record of 2^14 bytes and one", tooLong, func(f *forger) string { return f.seal(typeData, stars(1<<14+1)) })
		row("a header of 0xffff bytes", tooLong, func(f *forger) string { return "\x17\x03\x03\xff\xff" })
		row("a header of another protocol", unexpected, func(f *forger) string { return handshake("GET /echo HTTP/1.1") })
		row("a forged record", badMAC, func(f *forger) string { return record(typeData, zeros(40)) })
		row("a record of nothing", badMAC, func(f *forger) string { return record(typeData, "") })
		row("a record that is shorter than its tag", badMAC, func(f *forger) string { return record(typeData, zeros(15)) })
		row("a changed tag", greeted+badMAC, func(f *forger) string { return f.hello() + garble(f.hello(), -1) })
		row("a changed byte", greeted+badMAC, func(f *forger) string { return f.hello() + garble(f.hello(), 15) })
		row("a record twice", greeted+badMAC, func(f *forger) string { r := f.hello(); return r + r })
		row("a record left out", badMAC, func(f *forger) string { f.hello(); return f.hello() })
		row("two records in the wrong order", badMAC, func(f *forger) string { a, b := f.hello(), f.hello(); return b + a })
		row("a forged record behind 1,000 messages", strings.Repeat(greeted, 1000)+badMAC, func(f *forger) string {
			var out strings.Builder
			for range 1000 {
				out.WriteString(f.hello())
			}
			return out.String() + record(typeData, zeros(40))
		})
		row("16 empty records and a message", echoed("Hello"), func(f *forger) string { return empties(f, 16) + f.hello() + f.leave() })
		row("17 empty records", unexpected, func(f *forger) string { return empties(f, 17) })
		row("100,000 empty records", unexpected, func(f *forger) string { return empties(f, 100_000) })
		row("goodbye of TLS", greeted+"end", func(f *forger) string { return f.hello() + f.goodbye() })
		row("goodbye of TLS within a frame", "end", func(f *forger) string { return f.seal(typeData, "\x81\xfe") + f.goodbye() })
		row("a message behind goodbye of TLS", "end", func(f *forger) string { return f.goodbye() + f.hello() })
		all = append(all, attack{name: tls.VersionName(v) + ": a megabyte behind goodbye of TLS", run: ends(forged(v, func(f *forger) string {
			return f.goodbye() + strings.Repeat(f.hello(), 20_000)
		})), want: "it ends"})
		row("goodbye of TLS in a record with more", "alert error decoding message", func(f *forger) string { return f.seal(typeAlert, "\x01\x00\x01\x00") })
		row("half an alert", "alert error decoding message", func(f *forger) string { return f.seal(typeAlert, "\x01") })
		row("a fatal alert", "end without a goodbye", func(f *forger) string { return f.seal(typeAlert, "\x02\x28") })
		row("16 warnings and a message", echoed("Hello"), func(f *forger) string { return warnings(f, 16) + f.hello() + f.leave() })
		row("17 warnings", unexpected, func(f *forger) string { return warnings(f, 17) })
		row("a hello", again(v), func(f *forger) string { return f.seal(typeHandshake, oldHello(0x0303, gcmSuites, usual)) })
		row("a message and a hello", greeted+again(v), func(f *forger) string {
			return f.hello() + f.seal(typeHandshake, oldHello(0x0303, gcmSuites, usual)) + f.hello()
		})
		row("a hello in the clear", map[uint16]string{tls12: badMAC, tls13: unexpected}[v], func(f *forger) string {
			return record(typeHandshake, oldHello(0x0303, gcmSuites, usual))
		})
		row("an alert in the clear", map[uint16]string{tls12: badMAC, tls13: unexpected}[v], func(f *forger) string { return record(typeAlert, "\x01\x00") })
		row("a change of ciphers in the clear", map[uint16]string{tls12: badMAC, tls13: unexpected}[v], func(f *forger) string { return record(typeChange, "\x01") })
		row("a change of ciphers", unexpected, func(f *forger) string { return f.seal(typeChange, "\x01") })
		row("a certificate", again(v), func(f *forger) string { return f.seal(typeHandshake, handshakeMessage(11, stars(100))) })
		early("goodbye of TLS before a request", "end", (*forger).goodbye)
		early("goodbye of TLS within a request", "end", func(f *forger) string { return f.seal(typeData, "GET /ec") + f.goodbye() })
		early("a request behind goodbye of TLS", "end", func(f *forger) string { return f.goodbye() + f.seal(typeData, hidden) })
		early("an upgrade behind goodbye of TLS", "end", func(f *forger) string {
			return f.goodbye() + f.seal(typeData, handshake("GET /echo HTTP/1.1"))
		})
		early("a forged record before a request", badMAC, func(f *forger) string { return record(typeData, zeros(40)) })
		early("a forged record within a request", badMAC, func(f *forger) string { return f.seal(typeData, "GET /ec") + record(typeData, zeros(40)) })
		early("17 empty records before a request", unexpected, func(f *forger) string { return empties(f, 17) })
		early("a request in records of a byte", "101", func(f *forger) string {
			var out string
			for _, b := range []byte(handshake("GET /echo HTTP/1.1")) {
				out += f.seal(typeData, string([]byte{b}))
			}
			return out
		})
	}
	return all
}

func empties(f *forger, n int) string {
	var out strings.Builder
	for range n {
		out.WriteString(f.seal(typeData, ""))
	}
	return out.String()
}

func warnings(f *forger, n int) string {
	var out strings.Builder
	for range n {
		out.WriteString(f.seal(typeAlert, "\x01\x5a")) // user_canceled
	}
	return out.String()
}

// again is what is said to who begins a handshake within another.
func again(version uint16) string {
	if version == tls12 {
		return "alert no renegotiation"
	}
	return unexpected
}

// newer are attacks by what TLS 1.3 alone has.
var newer = []attack{
	{name: "a record with nothing but padding", run: forged(tls13, func(f *forger) string { return f.sealInner(zeros(100)) }), want: unexpected},
	{name: "a record with nothing at all", run: forged(tls13, func(f *forger) string { return f.sealInner("") }), want: unexpected},
	{name: "a message with 16,000 bytes of padding", run: forged(tls13, func(f *forger) string {
		return f.sealInner(frame(text, "Hello")+"\x17"+zeros(16_000)) + f.leave()
	}), want: echoed("Hello")},
	{name: "a byte with 16,000 bytes of padding, 500 times", run: forged(tls13, func(f *forger) string {
		var out strings.Builder
		for _, b := range []byte(frame(text, stars(500)) + goodbye) {
			out.WriteString(f.sealInner(string([]byte{b, typeData}) + zeros(16_000)))
		}
		return out.String()
	}), want: echoed(stars(500))},
	{name: "padding past 2^14", run: forged(tls13, func(f *forger) string { return f.sealInner(frame(text, "Hello")+"\x17"+zeros(1<<14)) + f.leave() }), want: echoed("Hello")},
	{name: "padding past 2^14 + 256", run: forged(tls13, func(f *forger) string { return f.sealInner("x\x17" + zeros(1<<14+240)) }), want: tooLong},
	{name: "a record of a type that there is not", run: forged(tls13, func(f *forger) string { return f.sealInner("x\x63") }), want: unexpected},
	{name: "a heartbeat", run: forged(tls13, func(f *forger) string { return f.sealInner("\x01\xff\xff\x18") }), want: unexpected},
	{name: "a message of the handshake of nothing", run: forged(tls13, func(f *forger) string { return f.seal(typeHandshake, "") }), want: unexpected},
	{name: "a ticket", run: forged(tls13, func(f *forger) string { return f.seal(typeHandshake, handshakeMessage(4, stars(100))) }), want: unexpected},
	{name: "Finished again", run: forged(tls13, func(f *forger) string { return f.seal(typeHandshake, handshakeMessage(20, stars(32))) }), want: unexpected},
	{name: "an end of early data", run: forged(tls13, func(f *forger) string { return f.seal(typeHandshake, handshakeMessage(5, "")) }), want: unexpected},
	{name: "an update of the key", run: forged(tls13, func(f *forger) string { return f.keyUpdate(0) + f.hello() + f.leave() }), want: echoed("Hello")},
	{name: "an update that is asked for", run: forged(tls13, func(f *forger) string { return f.keyUpdate(1) + f.hello() + f.leave() }), want: echoed("Hello")},
	{name: "an update, and the old key", run: forged(tls13, func(f *forger) string {
		old := f.out
		update := f.keyUpdate(0)
		f.out = old
		f.out.seq++
		return update + f.hello()
	}), want: badMAC},
	{name: "an update of a kind that there is not", run: forged(tls13, func(f *forger) string { return f.keyUpdate(2) }), want: "alert illegal parameter"},
	{name: "an update with a byte too many", run: forged(tls13, func(f *forger) string { return f.seal(typeHandshake, handshakeMessage(24, "\x00\x00")) }), want: "alert error decoding message"},
	{name: "an update, and a message in its record", run: forged(tls13, func(f *forger) string {
		return f.seal(typeHandshake, handshakeMessage(24, "\x00")+handshakeMessage(24, "\x00"))
	}), want: unexpected},
	{name: "16 updates and a message", run: forged(tls13, func(f *forger) string { return updates(f, 16) + f.hello() + f.leave() }), want: echoed("Hello")},
	{name: "17 updates", run: forged(tls13, func(f *forger) string { return updates(f, 17) }), want: unexpected},
	{name: "100,000 updates", run: forged(tls13, func(f *forger) string { return updates(f, 100_000) }), want: unexpected},
	{name: "updates, empty records and warnings", run: forged(tls13, func(f *forger) string { return updates(f, 6) + empties(f, 6) + warnings(f, 5) }), want: unexpected},
	{name: "10,000 updates that are asked for, with a message behind each", run: forged(tls13, func(f *forger) string {
		var out strings.Builder
		for range 10_000 {
			out.WriteString(f.keyUpdate(1) + f.hello())
		}
		return out.String() + f.leave()
	}), want: strings.Repeat(greeted, 10_000) + fine},
	{name: "10,000 updates that are asked for, and the answers are not read", run: unread, want: "it waits"},
}

func updates(f *forger, n int) string {
	var out strings.Builder
	for range n {
		out.WriteString(f.keyUpdate(1))
	}
	return out.String()
}

// unread asks for new keys with each message, until the server reads no more since its
// answers are not read.
func unread(s *server) string {
	p, f := s.forging(tls13)
	defer p.reset()
	p.send(handshake("GET /echo HTTP/1.1"))
	if came := p.answer(); came != "101" {
		return came
	}
	p.w = p.c
	var many strings.Builder
	for range 10_000 {
		many.WriteString(f.keyUpdate(1) + f.seal(typeData, frame(bin, stars(8_000))))
	}
	return p.stall(many.String())
}

func TestHostile_TLSRecords(t *testing.T) {
	s := secured(t)
	s.suffer(t, ofBoth())
	s.suffer(t, newer)
}

// An aborted connection ends with its n-th write, or in the middle of it.
type aborted struct {
	net.Conn
	n    int
	half bool
}

func (c *aborted) Write(b []byte) (int, error) {
	if c.n--; c.n > 0 {
		return c.Conn.Write(b)
	}
	if c.half {
		_, _ = c.Conn.Write(b[:len(b)/2])
	}
	return 0, io.ErrClosedPipe
}

// aborting ends handshakes at their n-th write, by RST or by FIN, 50 times.
func aborting(version uint16, n int, half, rst bool) func(*server) string {
	return crowd(50, func(s *server) string {
		p := connect(s.client)
		defer p.close()
		if p.err != nil {
			return p.err.Error()
		}
		_ = tls.Client(&aborted{p.c, n, half}, s.version(version)).Handshake()
		if rst {
			p.reset()
			return ""
		}
		_ = p.c.CloseWrite()
		if _, err := io.Copy(io.Discard, p.c); err != nil && end(err) == "hangs" {
			return "it hangs"
		}
		return ""
	})
}

func aborts() (all []attack) {
	for _, v := range []uint16{tls12, tls13} {
		finished := 2
		if v == tls13 {
			finished = 3 // behind a change of ciphers
		}
		for _, how := range []string{"FIN", "RST"} {
			rst := how == "RST"
			row := func(name string, n int, half bool) {
				all = append(all, attack{name: fmt.Sprintf("%s: %s %s", tls.VersionName(v), how, name), run: aborting(v, n, half, rst)})
			}
			row("within the hello", 1, true)
			row("behind the server's flight", 2, false)
			row("within Finished", finished, true)
			row("behind the handshake", finished+1, false)
		}
	}
	return all
}

func TestHostile_TLSAborts(t *testing.T) {
	secured(t).suffer(t, aborts())
}
