package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// What RSA keys are taken: shorter ones can be broken (RFC 7518, 3.3), longer ones
// make a token dear to verify.
const (
	minRSA      = 2048
	maxRSA      = 8192
	maxExponent = 1<<31 - 1
)

// maxKid is the bytes of a key's name.
const maxKid = 256

// An algorithm signs tokens with keys of one type.
type algorithm struct {
	method jwt.SigningMethod
	bit    algorithms
	secret bool           // its keys are secrets
	rsa    bool           // its keys are RSA's
	curve  elliptic.Curve // its keys are of this curve; nil: of none
	usual  bool           // taken where nobody says which
}

// algorithms are several, as bits.
type algorithms uint16

// known are the algorithms that there are, by name. None is not among them.
var known = func() map[string]*algorithm {
	m := make(map[string]*algorithm)
	for i, a := range []algorithm{
		{method: jwt.SigningMethodHS256, secret: true, usual: true},
		{method: jwt.SigningMethodHS384, secret: true},
		{method: jwt.SigningMethodHS512, secret: true},
		{method: jwt.SigningMethodRS256, rsa: true, usual: true},
		{method: jwt.SigningMethodRS384, rsa: true},
		{method: jwt.SigningMethodRS512, rsa: true},
		{method: jwt.SigningMethodPS256, rsa: true},
		{method: jwt.SigningMethodPS384, rsa: true},
		{method: jwt.SigningMethodPS512, rsa: true},
		{method: jwt.SigningMethodES256, curve: elliptic.P256(), usual: true},
		{method: jwt.SigningMethodES384, curve: elliptic.P384(), usual: true},
		{method: jwt.SigningMethodES512, curve: elliptic.P521(), usual: true},
		{method: jwt.SigningMethodEdDSA, usual: true},
	} {
		a.bit = 1 << i
		m[a.method.Alg()] = &a
	}
	return m
}()

// Algorithms are the names of the algorithms that Keys knows.
func Algorithms() []string {
	return []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// names are those of all, in the order of Algorithms.
func (all algorithms) names() []string {
	return slices.DeleteFunc(Algorithms(), func(name string) bool { return all&known[name].bit == 0 })
}

// allowed are the algorithms that a configuration names; those that are usual where
// it names none.
func allowed(names []string) (algorithms, error) {
	var all algorithms
	for _, name := range names {
		a := known[name]
		if a == nil {
			return 0, wrong("Algorithms", "%q is not known: %s would be right", name, strings.Join(Algorithms(), ", "))
		}
		all |= a.bit
	}
	if len(names) == 0 {
		for _, a := range known {
			if a.usual {
				all |= a.bit
			}
		}
	}
	return all, nil
}

// secretAlgorithms are those whose keys are secrets.
func secretAlgorithms() (all algorithms) {
	for _, a := range known {
		if a.secret {
			all |= a.bit
		}
	}
	return all
}

// fitting are the algorithms that a public key is good for, by its type alone. The
// error says why it is good for none.
func fitting(public crypto.PublicKey) (all algorithms, err error) {
	var fits func(a *algorithm) bool
	switch key := public.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return 0, fmt.Errorf("an RSA key of %d bits: %d to %d would be right", n, minRSA, maxRSA)
		}
		if key.E < 3 || key.E > maxExponent || key.E%2 == 0 {
			return 0, fmt.Errorf("an RSA key with a wrong exponent: an odd one, such as 65537, would be right")
		}
		fits = func(a *algorithm) bool { return a.rsa }
	case *ecdsa.PublicKey:
		fits = func(a *algorithm) bool { return a.curve != nil && a.curve == key.Curve }
	case ed25519.PublicKey:
		fits = func(a *algorithm) bool { return !a.secret && !a.rsa && a.curve == nil }
	default:
		return 0, fmt.Errorf("a key of a type that signs no token: RSA, ECDSA or Ed25519 would be right")
	}
	for _, a := range known {
		if fits(a) {
			all |= a.bit
		}
	}
	if all == 0 {
		return 0, fmt.Errorf("an ECDSA key of another curve: P-256, P-384 or P-521 would be right")
	}
	return all, nil
}

// A key verifies tokens of some algorithms. It does not change.
type key struct {
	id     string // as tokens name it by kid; empty: they do not
	fits   algorithms
	public crypto.PublicKey
}

// validKid says whether a token's kid can be a key's name. None with a step out of a
// folder is taken, though no file is ever opened by it.
func validKid(s string) bool {
	return len(s) <= maxKid && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 &&
		!strings.Contains(s, "../") && !strings.Contains(s, `..\`)
}
