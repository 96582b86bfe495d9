package edge

import (
	"crypto/tls"
	"flag"
	"io"
	"net"
	"testing"
)

// byTLS has all clients of all tests come by TLS, which changes nothing else: but for
// whose test is about addresses or allocations.
var byTLS = flag.Bool("tls", false, "clients come by TLS")

// inTheClear skips a test that a gate would spoil.
func inTheClear(t testing.TB) {
	t.Helper()
	if *byTLS {
		t.Skip("not by TLS: clients come through the test's own process")
	}
}

// openGate speaks TLS for clients that do not: it gives the address where they come
// instead. What either side says is handed on as it is, and so are ends and resets.
func openGate(t testing.TB, server string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pass(c.(*net.TCPConn), server)
		}
	}()
	return l.Addr().String()
}

func pass(c *net.TCPConn, server string) {
	defer func() { _ = c.Close() }()
	raw, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer func() { _ = raw.Close() }()
	far := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // it is the test's own
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(c, far)
		_ = c.CloseWrite()
	}()
	if _, err := io.Copy(far, c); err != nil {
		_ = raw.(*net.TCPConn).SetLinger(0)
		_ = raw.Close()
	}
	_ = far.CloseWrite()
	<-back
}
