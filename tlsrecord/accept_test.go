package tlsrecord

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// What crypto/tls begins a Session goes on with, in both directions and each version.
func TestAccept_SessionGoesOn(t *testing.T) {
	ec, rs := ecdsaCert(), rsaCert()
	type row struct {
		name   string
		cert   tls.Certificate
		client *tls.Config
	}
	rows := []row{{"1.3 ECDSA", ec, &tls.Config{MinVersion: tls.VersionTLS13}}, {"1.3 RSA", rs, &tls.Config{MinVersion: tls.VersionTLS13}}}
	for _, s := range tls.CipherSuites() {
		if suites[s.ID] == 0 || s.ID>>8 == 0x13 {
			continue
		}
		cert := ec
		if strings.Contains(s.Name, "_RSA_") {
			cert = rs
		}
		rows = append(rows, row{s.Name, cert, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{s.ID}}})
	}
	if len(rows) != 8 {
		t.Errorf("%d kinds of handshakes: two of 1.3 and six suites of 1.2 would be right", len(rows))
	}
	for _, r := range rows {
		for _, tickets := range []bool{true, false} {
			t.Run(r.name, func(t *testing.T) {
				client := clientConfig(r.cert)
				client.MinVersion, client.MaxVersion, client.CipherSuites = r.client.MinVersion, r.client.MaxVersion, r.client.CipherSuites
				conn, s, peer := shake(t, NewConfig(&tls.Config{Certificates: []tls.Certificate{r.cert}, SessionTicketsDisabled: !tickets}), client)
				converse(t, conn, &s, peer)
			})
		}
	}
}

// converse has both sides say something long, several times.
func converse(t *testing.T, conn net.Conn, s *Session, peer *tls.Conn) {
	t.Helper()
	var k Keys
	for n := range 3 {
		text := make([]byte, 40000+n)
		_, _ = rand.Read(text)
		go func() { _, _ = peer.Write(text) }()
		var got, kept []byte
		for len(got) < len(text) {
			b := make([]byte, 5000)
			n, err := conn.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			data, rest, closed, err := s.Read(&k, append(kept, b[:n]...))
			if err != nil || closed {
				t.Fatal(closed, err)
			}
			got, kept = append(got, data...), bytes.Clone(rest)
		}
		if !bytes.Equal(got, text) {
			t.Error("what the client said came otherwise")
		}
		k.Forget() // whenever one likes
		sealed, err := s.Append(&k, nil, text)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = conn.Write(sealed) }()
		back := make([]byte, len(text))
		if _, err := io.ReadFull(peer, back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back, text) {
			t.Error("what the server said came otherwise")
		}
	}
	if _, err := conn.Write(s.AppendClose(&k, nil)); err != nil {
		t.Fatal(err)
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the goodbye the client reads %d bytes, %v", n, err)
	}
	_ = peer.CloseWrite()
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, closed, err := s.Read(&k, b[:n]); !closed || err != nil {
		t.Errorf("the client's goodbye: %v, %v", closed, err)
	}
}

// A client may send data with the last of its handshake: not a byte of it is lost.
func TestAccept_TakesNothingBehindTheHandshake(t *testing.T) {
	cert := ecdsaCert()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		here, there := pipe(t)
		client := clientConfig(cert)
		client.MaxVersion = version
		peer := tls.Client(&held{Conn: there}, client)
		go func() {
			_, _ = peer.Write([]byte("at once"))
			_, _ = peer.Read(make([]byte, 1)) // sends what was held
		}()
		s, _, err := Accept(here, NewConfig(&tls.Config{Certificates: []tls.Certificate{cert}}))
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := here.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		var k Keys
		if data, rest, _, err := s.Read(&k, b[:n]); string(data) != "at once" || len(rest) != 0 || err != nil {
			t.Errorf("%s: %q, %d bytes left, %v", tls.VersionName(version), data, len(rest), err)
		}
	}
}

// held is a connection that writes when it is read from, so that a handshake's last
// record and the data behind it become one piece.
type held struct {
	net.Conn
	b []byte
}

func (h *held) Write(b []byte) (int, error) {
	h.b = append(h.b, b...)
	return len(b), nil
}

func (h *held) Read(b []byte) (int, error) {
	if len(h.b) > 0 {
		if _, err := h.Conn.Write(h.b); err != nil {
			return 0, err
		}
		h.b = nil
	}
	return h.Conn.Read(b)
}

func TestAccept_Resumes(t *testing.T) {
	cert := ecdsaCert()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		// A configuration for each client, as where certificates are read again.
		cfg := NewConfig(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
		}})
		client := clientConfig(cert)
		client.MaxVersion, client.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		for i := range 3 {
			conn, s, peer := shake(t, cfg, client)
			if got := peer.ConnectionState().DidResume; got != (i > 0) {
				t.Errorf("%s: connection %d is resumed: %v", tls.VersionName(version), i, got)
			}
			converse(t, conn, &s, peer)
		}
	}
}

func TestNewConfig_Restricts(t *testing.T) {
	cert := ecdsaCert()
	for _, r := range []struct {
		name           string
		server, client *tls.Config
		want           string // a part of the server's error; empty: it goes well
	}{
		{"1.1", &tls.Config{MinVersion: tls.VersionTLS10}, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "versions"},
		{"CBC", &tls.Config{}, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, "cipher suite"},
		{"CBC asked for", &tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, &tls.Config{MaxVersion: tls.VersionTLS12}, "versions"},
		{"one suite", &tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, "cipher suite"},
		{"HTTP/2", &tls.Config{}, &tls.Config{NextProtos: []string{"h2"}}, "application protocols"},
		{"HTTP/1.1", &tls.Config{}, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, ""},
		{"HTTP/2 asked for", &tls.Config{NextProtos: []string{"h2", "http/1.1", "acme-tls/1"}}, &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, ""},
		{"another protocol", &tls.Config{NextProtos: []string{"acme-tls/1", "http/1.1"}}, &tls.Config{NextProtos: []string{"acme-tls/1"}}, ""},
	} {
		here, there := pipe(t)
		client := clientConfig(cert)
		client.MinVersion, client.MaxVersion, client.CipherSuites, client.NextProtos = r.client.MinVersion, r.client.MaxVersion, r.client.CipherSuites, r.client.NextProtos
		peer := tls.Client(there, client)
		go func() { _ = peer.Handshake() }()
		r.server.Certificates = []tls.Certificate{cert}
		_, state, err := Accept(here, NewConfig(r.server))
		switch {
		case r.want == "" && (err != nil || state.NegotiatedProtocol == "h2" || !slices.Contains(client.NextProtos, state.NegotiatedProtocol)):
			t.Errorf("%s: %q, %v", r.name, state.NegotiatedProtocol, err)
		case r.want != "" && (err == nil || !strings.Contains(err.Error(), r.want)):
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// Whoever has set a log of keys gets it.
func TestNewConfig_KeyLog(t *testing.T) {
	cert := ecdsaCert()
	var log bytes.Buffer
	_, _, _ = shake(t, NewConfig(&tls.Config{Certificates: []tls.Certificate{cert}, KeyLogWriter: &log}), clientConfig(cert))
	if !strings.Contains(log.String(), "SERVER_TRAFFIC_SECRET_0 ") {
		t.Errorf("the log has %q", log.String())
	}
}
