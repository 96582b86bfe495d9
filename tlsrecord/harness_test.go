package tlsrecord

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/certs/certstest"
)

var (
	ecdsaCert = sync.OnceValue(func() tls.Certificate { return certstest.New(certstest.Options{}).TLS })
	rsaCert   = sync.OnceValue(func() tls.Certificate { return certstest.New(certstest.Options{RSA: true}).TLS })
)

// clientConfig trusts cert.
func clientConfig(cert tls.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// pipe is a connection with buffers, unlike net.Pipe: what is written behind a
// handshake waits.
func pipe(t testing.TB) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{server, client} {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		t.Cleanup(func() { _ = c.Close() })
	}
	return server, client
}

// shake makes a handshake, and gives the server's connection with its Session, and the
// client's end.
func shake(t testing.TB, server *Config, client *tls.Config) (net.Conn, Session, *tls.Conn) {
	t.Helper()
	here, there := pipe(t)
	conn := tls.Client(there, client)
	failed := make(chan error, 1)
	go func() { failed <- conn.Handshake() }()
	s, _, err := Accept(here, server)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return here, s, conn
}

// reversed is the other side's Session.
func (s Session) reversed() Session {
	s.secrets[in], s.secrets[out] = s.secrets[out], s.secrets[in]
	s.seq[in], s.seq[out] = s.seq[out], s.seq[in]
	return s
}

// sessions are a Session of each cipher and version, by name.
func sessions(t testing.TB) map[string]Session {
	t.Helper()
	all := map[string]Session{}
	for id, s := range suites {
		random := func(n int) []byte {
			b := make([]byte, n)
			_, _ = rand.Read(b)
			return b
		}
		var made Session
		var err error
		if id>>8 == 0x13 {
			made, err = newSession13(id, [2][]byte{random(s.hashLen()), random(s.hashLen())})
		} else {
			made, err = newSession12(id, random(48), random(32), random(32))
		}
		if err != nil {
			t.Fatal(err)
		}
		all[tls.CipherSuiteName(id)] = made
	}
	return all
}
