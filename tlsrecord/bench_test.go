package tlsrecord

import (
	"crypto/tls"
	"testing"
)

// Both sides of a handshake, and beside it what crypto/tls itself takes for both.
func BenchmarkAccept(b *testing.B) {
	for name, cert := range map[string]tls.Certificate{"ECDSA": ecdsaCert(), "RSA": rsaCert()} {
		plain := &tls.Config{Certificates: []tls.Certificate{cert}}
		own := NewConfig(plain)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				here, there := pipe(b)
				go func() { _ = tls.Client(there, clientConfig(cert)).Handshake() }()
				if _, _, err := Accept(here, own); err != nil {
					b.Fatal(err)
				}
				_, _ = here.Close(), there.Close()
			}
		})
		b.Run(name+"/crypto-tls", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				here, there := pipe(b)
				go func() { _ = tls.Client(there, clientConfig(cert)).Handshake() }()
				if err := tls.Server(here, plain).Handshake(); err != nil {
					b.Fatal(err)
				}
				_, _ = here.Close(), there.Close()
			}
		})
	}
}
