package tlsrecord

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"hash"
)

// expandLabel is HKDF-Expand-Label without a context (RFC 8446, 7.1).
func expandLabel(h func() hash.Hash, secret []byte, label string, n int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 32)
	info = append(info, byte(n>>8), byte(n), byte(len(prefix)+len(label)))
	info = append(append(append(info, prefix...), label...), 0)
	return hkdf.Expand(h, secret, string(info), n)
}

// prf is the pseudorandom function of TLS 1.2 (RFC 5246, section 5).
func prf(h func() hash.Hash, secret []byte, label string, seed []byte, n int) []byte {
	seed = append([]byte(label), seed...)
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

// A suite is a cipher, and what a Session must know of it.
type suite uint8

const (
	aes128 suite = iota + 1
	aes256
	chacha20
)

// suites are those of TLS 1.3, and of 1.2 what has an AEAD and forward secrecy.
var suites = map[uint16]suite{
	tls.TLS_AES_128_GCM_SHA256:       aes128,
	tls.TLS_AES_256_GCM_SHA384:       aes256,
	tls.TLS_CHACHA20_POLY1305_SHA256: chacha20,

	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       aes128,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         aes128,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       aes256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         aes256,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: chacha20,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   chacha20,
}

// hash is the suite's, in both versions.
func (s suite) hash() func() hash.Hash {
	if s == aes256 {
		return sha512.New384
	}
	return sha256.New
}

func (s suite) hashLen() int {
	if s == aes256 {
		return sha512.Size384
	}
	return sha256.Size
}

func (s suite) keyLen() int {
	if s == aes128 {
		return 16
	}
	return 32
}

// fixedLen is how much of a nonce TLS 1.2 derives from the keys: RFC 5288 has the
// other 8 bytes stand in the record, RFC 7905 has none there.
func (s suite) fixedLen() int {
	if s == chacha20 {
		return 12
	}
	return 4
}
