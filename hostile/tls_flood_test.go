package hostile

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

var tlsFloods = []attack{
	{name: "300 handshakes at once", run: crowd(300, speaking(func(*tls.Config) {})), want: "300 101", peak: 64},
	{name: "300 handshakes at once by TLS 1.2", run: crowd(300, speaking(func(c *tls.Config) { c.MaxVersion = tls12 })), want: "300 101", peak: 64},
	{name: "1,000 hellos, and nobody waits for the answer", run: hastened(1000)},
	{name: "900 handshakes that are never finished", run: unfinished(900, func(hello string) string { return hello }), want: "a newcomer is served", peak: 64},
	{name: "2,000 handshakes that are never finished", run: unfinished(2000, func(hello string) string { return hello }), want: "a newcomer is served", peak: 96},
	{name: "8,000 handshakes that are never finished", run: unfinished(8000, func(hello string) string { return hello }), want: "a newcomer is served", peak: 160, slow: true},
	{name: "a byte of a hello on 2,000 connections", run: unfinished(2000, func(hello string) string { return hello[:1] }), want: "a newcomer is served", peak: 64},
	{name: "half a hello on 2,000 connections", run: unfinished(2000, func(hello string) string { return hello[:len(hello)/2] }), want: "a newcomer is served", peak: 64},
	{name: "16,000 bytes of a hello on 1,000 connections", run: unfinished(1000, func(string) string {
		return record(typeHandshake, handshakeMessage(1, zeros(16_380)))[:16_000]
	}), want: "a newcomer is served", peak: 64},
	{name: "a hello and 60,000 bytes behind it on 500 connections", run: unfinished(500, func(hello string) string {
		return hello + "\x16\x03\x03\x40\x00" + zeros(60_000)
	}), want: "a newcomer is served", peak: 96},
	{name: "half a record on 300 connections", run: halfRecords(300), want: "false that some are sent away", peak: 64},
	{name: "half a record on 6,000 connections", run: halfRecords(6000), want: "true that some are sent away", peak: 192, slow: true},
	{name: "one byte of a frame on 500 connections", run: inside(500, "/echo", "\x81"), want: "500 inside", peak: 64},
	{name: "100,000 pings", run: pingFlood, want: "100000 pongs"},
	{name: "20,000 messages of nothing", run: frames(strings.Repeat(frame(text, ""), 20_000)), want: strings.Repeat("text: ", 20_000) + fine},
	{name: "texts, and the echoes are not read", run: stalling("/echo", frame(text, stars(10_000))), want: "it waits"},
	{name: "pings of a member, and the pongs are not read", run: stalling("/rooms/pings", frame(ping, stars(125))), want: "close 4003"},
	{name: "commands, and the answers are not read", run: stalling("/ws", frame(text, `{"type":"ping"}`)), want: "it waits"},
	{name: "a member that does not read", run: deafMember("/rooms/deaf", "deaf"), want: "close 4003"},
	{name: "a native member that does not read", run: deafMember("/ws", "deaf"), want: "close 4003"},
	{name: "200 members that do not read", run: deafCrowd, want: "", peak: 96},
	{name: "resets before the echo", run: resets("/echo", strings.Repeat(frame(bin, stars(65_536)), 4))},
	{name: "resets within a record", run: resets("/echo", frame(text, stars(60_000))[:30_000])},
	{name: "resets after a violation", run: resets("/echo", "\xff\xff")},
	{name: "resets in the middle of a large send", run: resetsOfReaders},
	{name: "500 connections that come and go", run: crowd(500, func(s *server) string { p := s.dial(); p.close(); return fmt.Sprint(p.err) }), want: "500 <nil>", peak: 64},
}

func TestHostile_TLSFloods(t *testing.T) {
	secured(t, "--history-memory", "1MiB").suffer(t, tlsFloods)
}

// hastened sends hellos, and ends each connection at once.
func hastened(n int) func(*server) string {
	return func(s *server) string {
		hello := s.hello(tls13)
		for range n {
			p := connect(s.client)
			p.send(hello)
			p.reset()
			if p.err != nil {
				return p.err.Error()
			}
		}
		return ""
	}
}

// unfinished opens connections on which no handshake comes to its end, and sees whether
// somebody who comes then is served within 5 seconds.
func unfinished(n int, begin func(hello string) string) func(*server) string {
	return func(s *server) string {
		begun := begin(s.hello(tls13))
		for range n {
			p := connect(s.client)
			defer p.reset()
			p.send(begun)
			if p.err != nil {
				return p.err.Error()
			}
		}
		came := time.Now()
		if got := frames(frame(text, "Hello"))(s); got != echoed("Hello") {
			return got
		}
		if waited := time.Since(came); waited > 5*time.Second {
			return fmt.Sprint("a newcomer waited ", waited)
		}
		return "a newcomer is served"
	}
}

// halfRecords opens n WebSockets, at most 50 at a time, and sends most of a record on
// each. What is kept of such is bounded, to 64 MiB.
func halfRecords(n int) func(*server) string {
	return func(s *server) string {
		var mu sync.Mutex
		var all []*peer
		var failed error
		half := record(typeData, zeros(16_400))[:16_300]
		for range n / 50 {
			atOnce(50, func(s *server) string {
				p := s.upgraded("/echo")
				p.w = p.c
				for left := half; left != ""; left = left[min(1000, len(left)):] {
					p.send(left[:min(1000, len(left))])
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, p)
				failed = errors.Join(failed, p.err)
				return ""
			}, s)
		}
		for _, p := range all {
			p.reset()
		}
		if failed != nil {
			return failed.Error()
		}
		var away float64
		eventually(settling, func() bool {
			m, err := s.metrics()
			away = m[`roost_connections_closed_total{reason="overload"}`]
			return err == nil && m["roost_connections"] == 2
		})
		return fmt.Sprint(away > 0, " that some are sent away")
	}
}

// resetsOfReaders ends connections while much is under way to them.
func resetsOfReaders(s *server) string {
	for range 5 {
		var all []*peer
		for range 20 {
			p := s.upgraded("/rooms/gone")
			if p.err != nil {
				return p.err.Error()
			}
			all = append(all, p)
		}
		shouted := make(chan string)
		go func() {
			shouted <- says(times(300, `{"type":"publish","room":"gone","data":"`+stars(10_000)+`"}`)...)(s)
		}()
		for _, p := range all {
			_, _, _ = p.frame()
			p.reset()
		}
		if came := <-shouted; came != "" {
			return came
		}
	}
	return ""
}

// header is what a proxy sends first.
const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"

// behind makes an upgrade by TLS behind something.
func behind(before string) func(*server) string {
	return func(s *server) string {
		p := connect(s.client)
		defer p.close()
		p.send(before)
		p.secure(s.trust)
		p.send(handshake("GET /echo HTTP/1.1"))
		return p.answer()
	}
}

var proxied = []attack{
	{name: "a header and TLS", run: frames(frame(text, "Hello")), want: echoed("Hello")},
	{name: "a header of version 2", run: behind("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02"), want: "101"},
	{name: "a header of a health check", run: behind("PROXY UNKNOWN\r\n"), want: "101"},
	{name: "a header in bytes", run: func(s *server) string {
		p := connect(s.client)
		defer p.close()
		p.drip(header)
		p.secure(s.trust)
		p.send(handshake("GET /echo HTTP/1.1"))
		return p.answer()
	}, want: "101"},
	{name: "a header and a hello in one piece", run: recutting(func(c net.Conn, hello []byte) error {
		_, err := c.Write(append([]byte(header), hello...))
		return err
	}), want: "101"},
	{name: "a header and half a hello in one piece", run: recutting(func(c net.Conn, hello []byte) error {
		_, err := c.Write(append([]byte(header), hello[:100]...))
		time.Sleep(20 * time.Millisecond)
		_, err2 := c.Write(hello[100:])
		return errors.Join(err, err2)
	}), want: "101"},
	{name: "TLS without a header", run: greeting(tls13, func(hello string) string { return hello }), want: "end"},
	{name: "a client of TLS without a header", run: behind(""), want: "end"},
	{name: "plain HTTP without a header", run: rawly(hidden), want: "end"},
	{name: "a header with nonsense in it", run: rawly("PROXY TCP4 a b c d\r\n"), want: "end"},
	{name: "a header of 200 bytes", run: rawly("PROXY TCP4 " + stars(200) + "\r\n"), want: "end"},
	{name: "a header, and HTTP in the clear", run: rawly(header + hidden), want: malformed},
	{name: "a header, and an upgrade in the clear", run: rawly(header + handshake("GET /echo HTTP/1.1")), want: malformed},
	{name: "two headers", run: rawly(header + header), want: malformed},
	{name: "a header, and a record that is too long", run: rawly(header + "\x16\x03\x01\xff\xff"), want: tooLong},
	{name: "a header within TLS", run: func(s *server) string {
		p := s.dial()
		defer p.close()
		p.send(header + handshake("GET /echo HTTP/1.1"))
		return p.answer()
	}, want: malformed},
	{name: "half a header", run: rawly(header[:20]), want: "end", slow: true},
	{name: "a header and no hello", run: rawly(header), want: "end", slow: true},
	{name: "a header on 500 connections, and half a hello", run: unfinished(500, func(hello string) string { return header + hello[:100] }), want: "a newcomer is served"},
	{name: "a header on 500 connections, and no Finished", run: unfinished(500, func(hello string) string { return header + hello }), want: "a newcomer is served", peak: 64},
}

func TestHostile_TLSBehindProxies(t *testing.T) {
	s := secured(t, "--proxy-protocol", "--trusted-proxy", "127.0.0.1")
	s.proxy = header
	s.suffer(t, proxied)
}

// Where clients must show a certificate.
func TestHostile_TLSClientCertificates(t *testing.T) {
	cert, key, trust := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	otherCert, otherKey, _ := certificate(t)
	other, err := tls.LoadX509KeyPair(otherCert, otherKey)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, 0, "--auth", "none", "--listen", "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", cert)
	s.trust = trust
	s.trust.Certificates = []tls.Certificate{pair}
	showing := func(version uint16, list ...tls.Certificate) func(*server) string {
		return speaking(func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = version, version
			c.Certificates = nil
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(list) == 0 {
					return &tls.Certificate{}, nil
				}
				return &list[0], nil
			}
		})
	}
	s.suffer(t, []attack{
		{name: "TLS 1.2: one that is trusted", run: showing(tls12, pair), want: "101"},
		{name: "TLS 1.3: one that is trusted", run: showing(tls13, pair), want: "101"},
		{name: "TLS 1.2: none", run: showing(tls12), want: noCipher},
		{name: "TLS 1.3: none", run: showing(tls13), want: "alert certificate required"},
		{name: "TLS 1.2: a stranger's", run: showing(tls12, other), want: "alert unknown certificate authority"},
		{name: "TLS 1.3: a stranger's", run: showing(tls13, other), want: "alert unknown certificate authority"},
		{name: "TLS 1.2: another's with a key of one's own", run: showing(tls12, mixed(pair, other)), want: "alert error decrypting message"},
		{name: "TLS 1.3: another's with a key of one's own", run: showing(tls13, mixed(pair, other)), want: "alert error decrypting message"},
		{name: "TLS 1.3: a chain of 100 certificates", run: showing(tls13, chain(other, 100)), want: "alert unknown certificate authority"},
		{name: "TLS 1.3: a chain of 1,000 certificates", run: ends(showing(tls13, chain(other, 1000))), want: "it ends"},
		{name: "200 without one at once", run: crowd(200, showing(tls13)), want: "200 alert certificate required", peak: 64},
	})
}

// mixed is the certificate of one and the key of another.
func mixed(cert, key tls.Certificate) tls.Certificate {
	cert.PrivateKey = key.PrivateKey
	return cert
}

func chain(cert tls.Certificate, n int) tls.Certificate {
	for range n {
		cert.Certificate = append(cert.Certificate[:len(cert.Certificate):len(cert.Certificate)], cert.Certificate[0])
	}
	return cert
}
