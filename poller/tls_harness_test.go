package poller

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"github.com/roostws/roost/certs/certstest"
)

// identity is the servers' certificate.
var identity = sync.OnceValue(func() *certstest.Certificate { return certstest.New(certstest.Options{}) })

// startTLS is start with a listener that speaks TLS.
func (s *server) startTLS(t testing.TB, cfg Config) *server {
	t.Helper()
	cfg.Listen = []string{"tls://127.0.0.1:0"}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{identity().TLS}}
	}
	cfg.NotTLS = []byte("speak TLS\n")
	open := s.open
	s.open = func(l *Loop, c Slot) {
		l.StartTLS(c, nil)
		if open != nil {
			open(l, c)
		}
	}
	return s.start(t, cfg)
}

// clientTLS trusts the server.
func clientTLS() *tls.Config {
	return &tls.Config{RootCAs: identity().Pool(), ServerName: "localhost"}
}

// dialTLS connects; the handshake is done, on both sides.
func (s *server) dialTLS(cfg *tls.Config) *tls.Conn {
	s.t.Helper()
	if cfg == nil {
		cfg = clientTLS()
	}
	before := s.tlsResult(TLSOK) + s.tlsResult(TLSResumed)
	c := tls.Client(s.dial(), cfg)
	if err := c.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	s.until("the handshake is done", func() bool { return s.tlsResult(TLSOK)+s.tlsResult(TLSResumed) > before })
	return c
}

// A mute is a connection that can be told to read nothing more: a client that has said
// hello and goes no further.
type mute struct {
	net.Conn
	silent chan struct{}
}

func (m *mute) Read(b []byte) (int, error) {
	<-m.silent
	return m.Conn.Read(b)
}

// stall begins a handshake and leaves it at that, until the connection is closed.
func (s *server) stall() net.Conn {
	s.t.Helper()
	raw := s.dial()
	m := &mute{raw, make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(m, clientTLS()).Handshake()
	}()
	s.t.Cleanup(func() {
		_ = raw.Close()
		close(m.silent)
		<-done
	})
	return raw
}

// tlsResult is how many handshakes went so.
func (s *server) tlsResult(r TLSResult) (n int) {
	for _, l := range s.Loops() {
		n += int(l.Stats.TLS[r].Load())
	}
	return n
}

// tlsLeft adds up gauges that end at zero.
func (s *server) tlsLeft() (n int64) {
	for _, l := range s.Loops() {
		n += l.Stats.TLSUnderWay.Load() + l.Stats.TLSWaiting.Load() + l.Stats.Fragments.Load()
	}
	return n
}
