package hostile

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/roostws/roost/protocol"
)

// clear tells what comes in answer to what is no whole handshake: an answer of HTTP, or
// alerts in the clear, and all other records as a flight.
func (p *peer) clear() string {
	var w words
	for {
		if p.err != nil {
			return end(p.err)
		}
		head, err := p.r.Peek(5)
		if len(head) > 0 && head[0] == 'H' && len(w.list) == 0 {
			return p.answer()
		}
		if len(head) < 5 {
			if len(head) > 0 {
				w.add("a torn record")
			}
			if err != io.EOF || len(w.list) == 0 {
				w.add(end(err))
			}
			return strings.Join(w.list, ", ")
		}
		kind := head[0]
		body := make([]byte, 5+int(binary.BigEndian.Uint16(head[3:])))
		if _, err := io.ReadFull(p.r, body); err != nil {
			return "a torn record: " + err.Error()
		}
		if kind == typeAlert && len(body) == 7 {
			w.add("alert " + strings.TrimPrefix(tls.AlertError(body[6]).Error(), "tls: "))
		} else {
			w.add("flight")
		}
	}
}

// rawly sends something to the port that speaks TLS, and tells what comes.
func rawly(bytes string) func(*server) string {
	return func(s *server) string {
		p := connect(s.client)
		defer p.close()
		p.send(bytes)
		return p.clear()
	}
}

// greeting is rawly for what is made of a good hello.
func greeting(version uint16, change func(hello string) string) func(*server) string {
	return func(s *server) string { return rawly(change(s.hello(version)))(s) }
}

// ends tells no more than whether a connection ends: where much is unread it may be by RST.
func ends(run func(*server) string) func(*server) string {
	return func(s *server) string {
		if came := run(s); strings.HasSuffix(came, "hangs") {
			return came
		}
		return "it ends"
	}
}

const (
	noVersion  = "alert protocol version not supported"
	noCipher   = "alert handshake failure"
	unexpected = "alert unexpected message"
	tooLong    = "alert record overflow"
	refused    = "alert internal error" // for what goes beyond the server's own bounds
)

// oldHello is a hello of TLS 1.2 or before, with cipher suites and extensions.
func oldHello(version uint16, suites []uint16, extensions string) string {
	b := string(binary.BigEndian.AppendUint16(nil, version)) + strings.Repeat("r", 32) + "\x00" + string(binary.BigEndian.AppendUint16(nil, uint16(2*len(suites))))
	for _, suite := range suites {
		b += string(binary.BigEndian.AppendUint16(nil, suite))
	}
	b += "\x01\x00" // no compression
	if extensions != "" {
		b += string(binary.BigEndian.AppendUint16(nil, uint16(len(extensions)))) + extensions
	}
	return handshakeMessage(1, b)
}

func handshakeMessage(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(kind)<<24|uint32(len(body)))) + body
}

func extension(id uint16, body string) string {
	return string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, id), uint16(len(body)))) + body
}

// usual are the extensions without which no suite is chosen: P-256 and its signatures.
var usual = extension(10, "\x00\x02\x00\x17") + extension(11, "\x01\x00") + extension(13, "\x00\x02\x04\x03")

var gcmSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}

// extended gives a hello one more extension, the last.
func extended(hello, ext string) string {
	b := []byte(hello)
	at := 5 + 4 + 2 + 32
	at += 1 + int(b[at])
	at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	at += 1 + int(b[at])
	binary.BigEndian.PutUint16(b[3:], uint16(len(b)-5+len(ext)))
	binary.BigEndian.PutUint16(b[7:], uint16(len(b)-9+len(ext)))
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2+len(ext)))
	return string(b) + ext
}

// What is no TLS, or none that is spoken here.
var noTLS = []attack{
	{name: "plain HTTP", run: rawly("GET / HTTP/1.1\r\nHost: test\r\n\r\n"), want: malformed},
	{name: "an upgrade in the clear", run: rawly(handshake("GET /echo HTTP/1.1")), want: malformed},
	{name: "an upgrade in the clear, with frames behind it", run: rawly(handshake("GET /echo HTTP/1.1") + frame(text, stars(60_000))), want: malformed},
	{name: "a byte of HTTP", run: rawly("G"), want: malformed},
	{name: "health in the clear", run: rawly(hidden), want: malformed},
	{name: "the preface of HTTP/2 in the clear", run: rawly("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), want: malformed},
	{name: "SSH", run: rawly("SSH-2.0-OpenSSH_9.9\r\n"), want: malformed},
	{name: "a PROXY header that nobody asked for", run: rawly("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), want: malformed},
	{name: "zeros", run: rawly(zeros(1000)), want: malformed},
	{name: "a megabyte that is no TLS", run: rawly(stars(mib)), want: malformed},
	{name: "a hello of SSL 2", run: rawly("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80\x03\x00\x80\x04\x00\x80\x05\x00\x80\x06\x00\x40\x07\x00\xc0" + strings.Repeat("c", 16)), want: malformed},
	{name: "an alert first", run: rawly(record(typeAlert, "\x02\x28")), want: malformed},
	{name: "a goodbye first", run: rawly(record(typeAlert, "\x01\x00")), want: malformed},
	{name: "data before the hello", run: rawly(record(typeData, stars(100))), want: malformed},
	{name: "a change of ciphers before the hello", run: rawly(record(typeChange, "\x01")), want: malformed},
	{name: "random bytes behind 0x16", run: rawly("\x16\xa7\x13\x9c\xff\xee\x00\x10" + everyByte()), want: unexpected},
	{name: "a hello of SSL 3", run: rawly("\x16\x03\x00" + record(22, oldHello(0x0300, []uint16{0x0005, 0x000a}, ""))[3:]), want: noVersion},
	{name: "a hello of TLS 1.0", run: rawly("\x16\x03\x01" + record(22, oldHello(0x0301, []uint16{0xc013, 0xc009}, usual))[3:]), want: noVersion},
	{name: "a client of TLS 1.0", run: speaking(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), want: noVersion},
	{name: "a client of TLS 1.1", run: speaking(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }), want: noVersion},
	{name: "a hello of TLS 9.9 that is 1.0", run: rawly("\x16\x03\x63" + record(22, oldHello(0x0301, gcmSuites, usual))[3:]), want: noVersion},
	{name: "versions that nobody knows", run: rawly(record(22, oldHello(0x0303, []uint16{0x1301}, usual+extension(43, "\x02\x7f\x1c")))), want: noVersion},
	{name: "no common cipher", run: rawly(record(22, oldHello(0x0303, []uint16{0x0005, 0x000a}, usual))), want: noCipher},
	{name: "CBC alone", run: rawly(record(22, oldHello(0x0303, []uint16{0xc009, 0xc00a, 0xc023, 0xc013, 0xc014, 0xc027}, usual))), want: noCipher},
	{name: "a client with CBC alone", run: speaking(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}
	}), want: noCipher},
	{name: "keys by RSA", run: rawly(record(22, oldHello(0x0303, []uint16{0x009c, 0x002f}, usual))), want: noCipher},
	{name: "ciphers that cipher nothing", run: rawly(record(22, oldHello(0x0303, []uint16{0x0000, 0x0001, 0x003b, 0xc006}, usual))), want: noCipher},
	{name: "no cipher at all", run: rawly(record(22, oldHello(0x0303, nil, usual))), want: noCipher},
	{name: "a fall back that is not needed", run: rawly(record(22, oldHello(0x0303, []uint16{0xc02b, 0x5600}, usual))), want: "alert inappropriate fallback"},
	{name: "HTTP/2 alone", run: speaking(func(c *tls.Config) { c.NextProtos = []string{"h2"} }), want: "alert no application protocol"},
	{name: "HTTP/3 and nonsense", run: speaking(func(c *tls.Config) { c.NextProtos = []string{"h3", "\x00", strings.Repeat("x", 255)} }), want: "alert no application protocol"},
	{name: "HTTP/2 or 1.1", run: speaking(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }), want: "101"},
}

// speaking makes an upgrade as a client that is configured otherwise.
func speaking(change func(*tls.Config)) func(*server) string {
	return func(s *server) string {
		p := connect(s.client)
		defer p.close()
		p.secure(s.like(change))
		p.send(handshake("GET /echo HTTP/1.1"))
		return p.answer()
	}
}

var hellos = []attack{
	{name: "a length of 0xffff", run: rawly("\x16\x03\x01\xff\xff"), want: tooLong},
	{name: "a length of 2^14 + 1", run: rawly("\x16\x03\x01\x40\x01\x01\x00"), want: tooLong},
	{name: "a length of 0", run: rawly("\x16\x03\x01\x00\x00"), want: unexpected},
	{name: "a message of 2^24 - 1 bytes", run: rawly("\x16\x03\x01\x40\x00\x01\xff\xff\xff"), want: refused},
	{name: "a hello of 20,000 bytes", run: speaking(func(c *tls.Config) { c.NextProtos = protocols(20_000) }), want: refused},
	{name: "a hello of 15,000 bytes", run: speaking(func(c *tls.Config) { c.NextProtos = protocols(13_000) }), want: "101"},
	{name: "a hello in 16 records", run: recut(16), want: "101"},
	{name: "a hello in records of a byte", run: greeting(tls13, func(hello string) string { return torn(hello[5:], 1) }), want: refused},
	{name: "a hello in bytes", run: slowly, want: "101"},
	{name: "the server's hello", run: rawly(record(typeHandshake, handshakeMessage(2, stars(100)))), want: unexpected},
	{name: "Finished first", run: rawly(record(typeHandshake, handshakeMessage(20, stars(32)))), want: unexpected},
	{name: "data within a hello", run: greeting(tls13, func(hello string) string { return torn(hello[5:], 100)[:105] + record(typeData, "x") }), want: unexpected},
	{name: "an alert within a hello", run: greeting(tls13, func(hello string) string { return torn(hello[5:], 100)[:105] + record(typeAlert, "\x01\x00") }), want: unexpected},
	{name: "a hello of nothing", run: rawly(record(typeHandshake, handshakeMessage(1, ""))), want: "alert error decoding message"},
	{name: "a hello that ends within its random", run: rawly(record(typeHandshake, handshakeMessage(1, "\x03\x03rrrr"))), want: "alert error decoding message"},
	{name: "a hello with a byte too many", run: greeting(tls13, func(hello string) string {
		b := []byte(hello + "\x00")
		b[4], b[8] = b[4]+1, b[8]+1
		return string(b)
	}), want: "alert error decoding message"},
	{name: "an extension twice", run: rawly(record(22, oldHello(0x0303, gcmSuites, usual+usual))), want: "alert error decoding message"},
	{name: "3,000 extensions", run: rawly(record(22, oldHello(0x0303, gcmSuites, usual+manyExtensions(3000))) + record(typeData, "")), want: "flight, " + unexpected},
	{name: "two hellos by TLS 1.2", run: greeting(tls12, func(hello string) string { return hello + record(typeHandshake, hello[5:]) }), want: "flight, " + unexpected},
	{name: "two hellos by TLS 1.3", run: greeting(tls13, func(hello string) string { return hello + hello }), want: "flight"},
	{name: "a hello and data by TLS 1.2", run: greeting(tls12, func(hello string) string { return hello + record(typeData, handshake("GET /echo HTTP/1.1")) }), want: "flight, " + unexpected},
	{name: "a hello and data by TLS 1.3", run: greeting(tls13, func(hello string) string { return hello + record(typeData, handshake("GET /echo HTTP/1.1")) }), want: "flight"},
	{name: "a hello and plain HTTP", run: greeting(tls13, func(hello string) string { return hello + handshake("GET /echo HTTP/1.1") }), want: "flight"},
	{name: "a hello and 60,000 bytes of nonsense", run: greeting(tls13, func(hello string) string { return hello + zeros(60_000) }), want: "flight"},
	{name: "a hello and a megabyte of nonsense", run: ends(greeting(tls12, func(hello string) string { return hello + zeros(mib) })), want: "it ends"},
	{name: "a hello and 1,000 changes of ciphers", run: greeting(tls13, func(hello string) string { return hello + strings.Repeat(record(typeChange, "\x01"), 1000) }), want: "flight"},
	{name: "a change of ciphers before any key", run: greeting(tls12, func(hello string) string { return hello + record(typeChange, "\x01") }), want: "flight, " + unexpected},
	{name: "a hello and a goodbye by TLS 1.2", run: greeting(tls12, func(hello string) string { return hello + record(typeAlert, "\x01\x00") }), want: "flight"},
	{name: "a hello and a goodbye by TLS 1.3", run: greeting(tls13, func(hello string) string { return hello + record(typeAlert, "\x01\x00") }), want: "flight"},
	{name: "a hello and 100 warnings", run: greeting(tls12, func(hello string) string { return hello + strings.Repeat(record(typeAlert, "\x01\x5a"), 100) }), want: "flight, " + unexpected},
	{name: "early data that was not agreed on", run: greeting(tls13, func(hello string) string { return extended(hello, extension(42, "")) + record(typeData, stars(100)) }), want: "alert unsupported extension"},
	{name: "a name of another server", run: speaking(named("example.com")), want: "101"},
	{name: "a name of 255 bytes", run: speaking(named(strings.Repeat("a", 255))), want: "101"},
	{name: "a name of 10,000 bytes", run: speaking(named(strings.Repeat("a", 10_000))), want: "101"},
	{name: "a name with a zero", run: speaking(named("localhost\x00.example.com")), want: "101"},
	{name: "a name that is a path", run: speaking(named("../../etc/passwd")), want: "101"},
	{name: "an empty name", run: rawly(record(22, oldHello(0x0303, gcmSuites, usual+extension(0, "\x00\x03\x00\x00\x00")))), want: "alert error decoding message"},
	{name: "two names", run: rawly(record(22, oldHello(0x0303, gcmSuites, usual+extension(0, "\x00\x08\x00\x00\x01a\x00\x00\x01b")))), want: "alert error decoding message"},
	{name: "a certificate that was not asked for", run: ownCertificate, want: "101"},
	{name: "a garbled ticket by TLS 1.2", run: rawly(record(22, oldHello(0x0303, gcmSuites, usual+extension(35, stars(1000)))) + record(typeData, "")), want: "flight, " + unexpected},
	{name: "a garbled ticket by TLS 1.3", run: garbled, want: "101, not resumed"},
	{name: "a ticket on 50 connections at once", run: replayed, want: "50 101, resumed"},
}

func named(name string) func(*tls.Config) {
	return func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = name, true }
}

// protocols are as many that nobody speaks, and one that the server does, in n bytes.
func protocols(n int) []string {
	return append(repeat(strings.Repeat("x", 249), n/250), "http/1.1")
}

func manyExtensions(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(extension(uint16(0x8000+i), ""))
	}
	return out.String()
}

// A recutter has its first write, the hello, written otherwise.
type recutter struct {
	net.Conn
	cut func(c net.Conn, hello []byte) error
}

func (c *recutter) Write(b []byte) (int, error) {
	if cut := c.cut; cut != nil {
		c.cut = nil
		return len(b), cut(c.Conn, b)
	}
	return c.Conn.Write(b)
}

// recutting makes an upgrade by a hello that is cut.
func recutting(cut func(c net.Conn, hello []byte) error) func(*server) string {
	return func(s *server) string {
		p := connect(s.client)
		defer p.close()
		if p.err != nil {
			return p.err.Error()
		}
		c := tls.Client(&recutter{p.c, cut}, s.trust)
		p.w = c
		p.r.Reset(c)
		p.send(handshake("GET /echo HTTP/1.1"))
		return p.answer()
	}
}

// recut makes an upgrade by a hello in so many records.
func recut(records int) func(*server) string {
	return recutting(func(c net.Conn, hello []byte) error {
		_, err := io.WriteString(c, torn(string(hello[5:]), (len(hello)-5+records-1)/records))
		return err
	})
}

var slowly = recutting(func(c net.Conn, hello []byte) error {
	for i := range hello {
		if _, err := c.Write(hello[i : i+1]); err != nil {
			return err
		}
	}
	return nil
})

func ownCertificate(s *server) string {
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return err.Error()
	}
	return speaking(func(c *tls.Config) { c.Certificates = []tls.Certificate{pair} })(s)
}

// ticket gives a session that can be resumed.
func (s *server) ticket() (*tls.ClientSessionState, error) {
	cache := &onlyTicket{}
	p := connect(s.client)
	defer p.close()
	p.secure(s.like(func(c *tls.Config) { c.ClientSessionCache = cache }))
	p.send(handshake("GET /echo HTTP/1.1"))
	if came := p.answer(); came != "101" || cache.state == nil {
		return nil, errors.New("no ticket but " + came)
	}
	return cache.state, nil
}

// An onlyTicket is a cache that gives the same for any server.
type onlyTicket struct{ state *tls.ClientSessionState }

func (c *onlyTicket) Get(string) (*tls.ClientSessionState, bool) { return c.state, c.state != nil }
func (c *onlyTicket) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.state = s
	}
}

// resuming makes an upgrade with a ticket.
func (s *server) resuming(ticket *tls.ClientSessionState) string {
	p := connect(s.client)
	defer p.close()
	p.secure(s.like(func(c *tls.Config) { c.ClientSessionCache = &onlyTicket{ticket} }))
	p.send(handshake("GET /echo HTTP/1.1"))
	came := p.answer()
	if p.err == nil && p.w.(*tls.Conn).ConnectionState().DidResume {
		return came + ", resumed"
	}
	return came + ", not resumed"
}

func garbled(s *server) string {
	ticket, err := s.ticket()
	if err != nil {
		return err.Error()
	}
	sealed, state, err := ticket.ResumptionState()
	if err != nil {
		return err.Error()
	}
	for _, bad := range []string{stars(len(sealed)), string(sealed[:len(sealed)-1]), "x", stars(10_000), string(sealed) + "x"} {
		garbled, err := tls.NewResumptionState([]byte(bad), state)
		if err != nil {
			return err.Error()
		}
		if came := s.resuming(garbled); came != "101, not resumed" {
			return came
		}
	}
	return "101, not resumed"
}

func replayed(s *server) string {
	ticket, err := s.ticket()
	if err != nil {
		return err.Error()
	}
	return crowd(50, func(s *server) string { return s.resuming(ticket) })(s)
}

func TestHostile_TLS(t *testing.T) {
	s := secured(t)
	s.suffer(t, noTLS)
	s.suffer(t, hellos)
	s.suffer(t, []attack{
		{name: "TLS within TLS", run: within, want: malformed},
		{name: "an echo of a megabyte in messages", run: frames(strings.Repeat(frame(bin, stars(65536)), 16)), want: strings.Repeat(told(protocol.OpBinary, stars(65536))+" ", 16) + fine},
	})
}

// within sends a hello as data.
func within(s *server) string {
	p := s.dial()
	defer p.close()
	p.send(s.hello(tls13) + "\r\n\r\n")
	return p.answer()
}
