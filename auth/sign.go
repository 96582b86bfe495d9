package auth

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// A Signer makes tokens with a private key.
type Signer struct {
	method jwt.SigningMethod
	key    crypto.Signer
}

// NewSigner takes a private key as PEM, and the algorithms to choose from: the first
// that fits the key is it; where there are none, the usual one of its type. The error
// holds nothing of the key.
func NewSigner(text []byte, from []string) (*Signer, error) {
	private, err := privateKey(text)
	if err != nil {
		return nil, err
	}
	fits, err := fitting(private.Public())
	if err != nil {
		return nil, fmt.Errorf("is %w", err)
	}
	names := fits.names() // the usual one of a type is its first
	if len(from) > 0 {
		at := slices.IndexFunc(from, func(name string) bool { return slices.Contains(names, name) })
		if at < 0 {
			return nil, fmt.Errorf("is a key for %s, which is not among %s", strings.Join(names, ", "), strings.Join(from, ", "))
		}
		names = from[at:]
	}
	return &Signer{method: known[names[0]].method, key: private}, nil
}

// Algorithm is what the tokens are signed by.
func (s *Signer) Algorithm() string { return s.method.Alg() }

// Mint makes a token of id, as the function Mint does with a secret.
func (s *Signer) Mint(id Identity, issuer, audience string) (string, error) {
	return mint(s.method, s.key, id, issuer, audience)
}
