package certstest

import (
	"crypto/tls"
	"io"
	"net"
)

// A Gate speaks TLS for clients that do not: each connection to it is one of the server's.
// What either side says is handed on as it is, and so are ends and resets.
type Gate struct {
	listener net.Listener
	server   string // host:port
}

// OpenGate listens at a free port of 127.0.0.1.
func OpenGate(server string) (*Gate, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &Gate{l, server}
	go g.serve()
	return g, nil
}

// Addr is where clients come.
func (g *Gate) Addr() *net.TCPAddr { return g.listener.Addr().(*net.TCPAddr) }

// Close lets nobody in any more.
func (g *Gate) Close() { _ = g.listener.Close() }

func (g *Gate) serve() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.pass(c.(*net.TCPConn))
	}
}

func (g *Gate) pass(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	raw, err := net.Dial("tcp4", g.server)
	if err != nil {
		return
	}
	defer func() { _ = raw.Close() }()
	server := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // it is the one that was started
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(c, server)
		_ = c.CloseWrite()
	}()
	if _, err := io.Copy(server, c); err != nil {
		_ = raw.(*net.TCPConn).SetLinger(0)
		_ = raw.Close()
	}
	_ = server.CloseWrite()
	<-back
}
