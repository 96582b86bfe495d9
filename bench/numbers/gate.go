package main

import (
	"crypto/tls"
	"io"
	"net"
)

// A gate speaks TLS for the load, which does not: it is between both and measured with
// neither. Each of its connections is one of the server's.
type gate struct {
	listener net.Listener
	server   string // host:port
}

// openGate listens for the load.
func openGate(server string) (*gate, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{l, server}
	go g.serve()
	return g, nil
}

func (g *gate) port() int { return g.listener.Addr().(*net.TCPAddr).Port }

func (g *gate) close() { _ = g.listener.Close() }

func (g *gate) serve() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.pass(c)
	}
}

// pass hands on what either side says, until one has said all.
func (g *gate) pass(c net.Conn) {
	defer func() { _ = c.Close() }()
	raw, err := net.Dial("tcp4", g.server)
	if err != nil {
		return
	}
	defer func() { _ = raw.Close() }()
	server := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) // it is the one that was started
	go func() {
		_, _ = io.Copy(server, c)
		_ = server.CloseWrite()
	}()
	_, _ = io.Copy(c, server)
}
