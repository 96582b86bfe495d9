package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// A certificate is as good as its key, whoever signed it and whenever it ended.
func TestNewKeys_PublicKeys_Forms(t *testing.T) {
	key := private()["RS"]
	der, err := x509.CreateCertificate(rand.Reader,
		&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Unix(1, 0)},
		&x509.Certificate{Subject: pkix.Name{CommonName: "x"}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key.Public().(*rsa.PublicKey))}),
		append([]byte("a comment\n\n"), publicPEM(t, key)...),
	} {
		k := newKeys(t, KeysConfig{PublicKeys: [][]byte{text}})
		if _, err := k.check(signKid(t, "RS256", key, "1", nil)); err != nil {
			t.Errorf("%s: %v", text[:30], err)
		}
	}
}

func TestNewKeys_Config_Errors(t *testing.T) {
	rs := publicPEM(t, private()["RS"])
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := make([][]byte, MaxKeys+1)
	for i := range long {
		long[i] = secret
	}
	for _, c := range []struct {
		cfg  KeysConfig
		want string
	}{
		{KeysConfig{}, "field Secrets: there is neither one, nor one of PublicKeys, nor a URL: one of the three would be right"},
		{KeysConfig{Secrets: long}, "field Secrets: with PublicKeys there are 17: at most 16 would be right"},
		{KeysConfig{Secrets: [][]byte{[]byte("short")}}, "field Secrets: number 1 has 5 bytes: at least 32 would be right"},
		{KeysConfig{Secrets: [][]byte{secret, rs}}, "field Secrets: number 2 is a key as PEM, which others may know: random bytes would be right"},
		{KeysConfig{Secrets: [][]byte{secret}, Algorithms: []string{"none"}}, `field Algorithms: "none" is not known: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA would be right`},
		{KeysConfig{Secrets: [][]byte{secret}, Algorithms: []string{"RS256"}}, "field Algorithms: none is of a secret: HS256 would be right"},
		{KeysConfig{Secrets: [][]byte{secret}, Algorithms: []string{"HS256", "RS256"}}, "field Algorithms: RS256 fits none of the keys"},
		{KeysConfig{Secrets: [][]byte{secret}, Leeway: 2 * time.Hour}, "field Leeway: 2h0m0s is out of range: 0s to 1h0m0s would be right"},
		{KeysConfig{PublicKeys: [][]byte{rs, []byte("x")}}, "field PublicKeys: number 2 is no PEM: -----BEGIN PUBLIC KEY----- and so on would be right"},
		{KeysConfig{PublicKeys: [][]byte{append(slices.Clone(rs), rs...)}}, "field PublicKeys: number 1 holds more than one key or certificate: a file for each would be right"},
		{KeysConfig{PublicKeys: [][]byte{privatePEM(t, private()["RS"])}}, "field PublicKeys: number 1 holds a private key: the public one, as openssl pkey -pubout makes, would be right"},
		{KeysConfig{PublicKeys: [][]byte{publicPEM(t, weak)}}, "field PublicKeys: number 1 is an RSA key of 1024 bits: 2048 to 8192 would be right"},
		{KeysConfig{PublicKeys: [][]byte{publicPEM(t, p224)}}, "field PublicKeys: number 1 is an ECDSA key of another curve: P-256, P-384 or P-521 would be right"},
		{KeysConfig{PublicKeys: [][]byte{rs}, Algorithms: []string{"ES256"}}, "field PublicKeys: number 1 fits none of the algorithms that are allowed: RS256 would be right"},
		{KeysConfig{URL: "ftp://x/"}, "field URL: it is no URL of https with a host: https://login.example.com/.well-known/jwks.json would be right"},
		{KeysConfig{URL: "http://login.example.com/keys"}, "field URL: it is of http and leads to another machine: whoever is on the way could make tokens; https would be right"},
		{KeysConfig{URL: "https://user:hunter22@login.example.com/keys"}, "field URL: it holds a user or a fragment (#): a URL without would be right"},
		{KeysConfig{URL: "https://a/" + strings.Repeat("x", maxSetURL)}, "field URL: 2058 bytes are too many: at most 2048 would be right"},
		{KeysConfig{URL: "https://a/", Refresh: time.Second}, "field Refresh: 1s is out of range: 10s to 24h0m0s would be right"},
		{KeysConfig{URL: "https://a/", Algorithms: []string{"HS256"}}, "field Algorithms: none is of a key server's keys: RS256, ES256 or EdDSA would be right"},
	} {
		if _, err := NewKeys(c.cfg); err == nil || err.Error() != c.want {
			t.Errorf("%v; want\n%s", err, c.want)
		}
	}
	for _, u := range []string{"https://a/", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost/x?y=z"} {
		if _, err := NewKeys(KeysConfig{URL: u}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	if _, err := NewKeys(KeysConfig{URL: "http://a/", AllowHTTP: true}); err != nil {
		t.Error(err)
	}
}
