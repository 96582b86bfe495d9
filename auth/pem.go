package auth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

var errNoPEM = errors.New("is no PEM: -----BEGIN PUBLIC KEY----- and so on would be right")

// block gives the one block of PEM that text holds.
func block(text []byte) (*pem.Block, error) {
	b, rest := pem.Decode(text)
	if b == nil {
		return nil, errNoPEM
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return nil, errors.New("holds more than one key or certificate: a file for each would be right")
	}
	return b, nil
}

// publicKey reads a public key, or the one of a certificate, whose dates and issuer
// mean nothing here: it is trusted since it was given.
func publicKey(text []byte) (crypto.PublicKey, error) {
	b, err := block(text)
	if err != nil {
		return nil, err
	}
	var public crypto.PublicKey
	switch b.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(b.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(b.Bytes); err == nil {
			public = c.PublicKey
		}
	default:
		if strings.HasSuffix(b.Type, "PRIVATE KEY") {
			return nil, errors.New("holds a private key: the public one, as openssl pkey -pubout makes, would be right")
		}
		return nil, fmt.Errorf("holds %q: a public key or a certificate would be right", b.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return public, nil
}

// privateKey reads a private key without a passphrase.
func privateKey(text []byte) (crypto.Signer, error) {
	b, err := block(text)
	if err != nil {
		return nil, errors.New("is not one private key as PEM: what openssl genpkey makes would be right")
	}
	var private any
	switch b.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		return nil, fmt.Errorf("holds %q: a private key without a passphrase would be right", b.Type)
	}
	if err != nil {
		return nil, errors.New("is a private key that cannot be read: what openssl genpkey makes, without a passphrase, would be right")
	}
	s, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("is a key of a type that signs no token: RSA, ECDSA or Ed25519 would be right")
	}
	return s, nil
}
