package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
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

// writeCertificate makes a certificate that signs itself, as dir/cert.pem and dir/key.pem.
func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	write := func(name, kind string, b []byte) error {
		return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600)
	}
	return errors.Join(write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private))
}
