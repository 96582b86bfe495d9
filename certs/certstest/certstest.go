// Package certstest makes certificates for tests and measurements, and speaks TLS for
// clients that do not.
package certstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A Certificate is one with its key.
type Certificate struct {
	Cert, Key string // PEM
	TLS       tls.Certificate
}

// Options say what a certificate is. The zero Options are of an authority for localhost
// and 127.0.0.1 that signs itself, with a key of P-256, good for a month.
type Options struct {
	By     *Certificate // the authority that signs; nil: it does so itself
	Names  []string     // DNS names
	Number int64        // its serial number; 0: chance
	Until  time.Time    // its end
	RSA    bool         // its key is RSA of 2,048 bits
}

// New makes a certificate. It panics where that cannot be done: nothing can be tried then.
func New(o Options) *Certificate {
	if o.Names == nil {
		o.Names = []string{"localhost"}
	}
	if o.Until.IsZero() {
		o.Until = time.Now().Add(30 * 24 * time.Hour)
	}
	number := big.NewInt(o.Number)
	if o.Number == 0 {
		number = must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64)))
	}
	var key crypto.Signer = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if o.RSA {
		key = must(rsa.GenerateKey(rand.Reader, 2048))
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: o.Names[0]}, DNSNames: o.Names,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: o.Until,
		IsCA: o.By == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if o.Names[0] == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	parent, signer := template, key
	if o.By != nil {
		parent, signer = o.By.TLS.Leaf, o.By.TLS.PrivateKey.(crypto.Signer)
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer))
	private := must(x509.MarshalPKCS8PrivateKey(key))
	return &Certificate{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		TLS:  tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))},
	}
}

// Pool trusts the certificate.
func (c *Certificate) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.TLS.Leaf)
	return p
}

// Write puts both into files of dir: name.crt and name.key.
func (c *Certificate) Write(dir, name string) (cert, key string, err error) {
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := os.WriteFile(cert, []byte(c.Cert), 0o600); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, []byte(c.Key), 0o600)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
