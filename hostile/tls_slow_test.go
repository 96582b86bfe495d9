package hostile

import (
	"crypto/tls"
	"fmt"
	"testing"
	"time"
)

// slowTLS are handshakes that take more than a second. Who says nothing is told nothing.
func slowTLS() (all []attack) {
	for _, v := range []uint16{tls12, tls13} {
		name := tls.VersionName(v)
		all = append(all,
			attack{name: name + ": half a hello", run: greeting(v, func(hello string) string { return hello[:len(hello)/2] }), want: "end"},
			attack{name: name + ": a hello in two records, of which one comes", run: greeting(v, func(hello string) string { return torn(hello[5:], 100)[:105] }), want: "end"},
			attack{name: name + ": a hello and no Finished", run: greeting(v, func(hello string) string { return hello }), want: "flight"},
			attack{name: name + ": no request", run: afterTLS(v, ""), want: "end"},
			attack{name: name + ": half a request", run: afterTLS(v, "GET /ec"), want: tooSlow})
	}
	return append(all,
		attack{name: "nothing", run: rawly(""), want: "end"},
		attack{name: "a byte", run: rawly("\x16"), want: "end"},
		attack{name: "a hello with a byte every 50 ms", run: drippingHello, want: "end"})
}

func drippingHello(s *server) string {
	p := connect(s.client)
	defer p.close()
	defer p.dribble(s.hello(tls13), 50*time.Millisecond)()
	return p.clear()
}

func afterTLS(version uint16, bytes string) func(*server) string {
	return func(s *server) string {
		p := connect(s.client)
		defer p.close()
		p.secure(s.version(version))
		p.send(bytes)
		return p.answer()
	}
}

func TestHostile_TLSSlow(t *testing.T) {
	s := secured(t, "--handshake-timeout", "1s")
	s.sufferAtOnce(t, 0, slowTLS())
}

// What comes to a port without TLS.
func TestHostile_TLSToPlain(t *testing.T) {
	_, _, trust := certificate(t)
	s := start(t, 0, "--auth", "none", "--handshake-timeout", "1s")
	s.sufferAtOnce(t, 0, []attack{
		{name: "a hello", run: func(s *server) string {
			p := s.dial()
			defer p.close()
			p.send((&server{trust: trust}).hello(tls13))
			return p.answer()
		}, want: tooSlow},
		{name: "a client of TLS", run: func(s *server) string {
			p := s.dial()
			defer p.close()
			p.secure(trust)
			return fmt.Sprint(p.err)
		}, want: "tls: first record does not look like a TLS handshake"},
	})
}
