package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// private are keys to sign with, made once: one for each kind of algorithm.
var private = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(key crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return key
	}
	ec := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		return must(key, err)
	}
	rsaKey := func() crypto.Signer {
		key, err := rsa.GenerateKey(rand.Reader, minRSA)
		return must(key, err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"RS": rsaKey(), "RS2": rsaKey(), "ES256": ec(elliptic.P256()), "ES256b": ec(elliptic.P256()),
		"ES384": ec(elliptic.P384()), "ES512": ec(elliptic.P521()), "EdDSA": must(ed, err),
	}
})

// keyFor gives the private key that an algorithm signs with.
func keyFor(alg string) any {
	switch {
	case strings.HasPrefix(alg, "HS"):
		return secret
	case alg[1] == 'S' && alg[0] != 'E':
		return private()["RS"]
	}
	return private()[alg]
}

// publicPEM is the public half of a key as openssl writes it.
func publicPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// privatePEM is the whole of a key.
func privatePEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// signKid is sign with a kid in the header.
func signKid(t testing.TB, alg string, key any, kid any, change jwt.MapClaims) string {
	t.Helper()
	c := jwt.MapClaims{"sub": "alice", "exp": now.Unix() + 60, "rooms": []string{"chat.*"}}
	maps.Copy(c, change)
	token := jwt.NewWithClaims(known[alg].method, c)
	if kid != nil {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKeys(t testing.TB, cfg KeysConfig) *Keys {
	t.Helper()
	k, err := NewKeys(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// allPublic are the public halves of one key of each type.
func allPublic(t testing.TB) [][]byte {
	var all [][]byte
	for _, name := range []string{"RS", "ES256", "ES384", "ES512", "EdDSA"} {
		all = append(all, publicPEM(t, private()[name]))
	}
	return all
}

func (k *Keys) check(token string) (Identity, error) {
	return k.Verify(context.Background(), token, now)
}

// Every algorithm works with keys of its type, side by side, and each is taken only
// where it is allowed.
func TestKeys_Verify_EveryAlgorithm(t *testing.T) {
	all := newKeys(t, KeysConfig{Secrets: [][]byte{other, secret}, PublicKeys: allPublic(t), Algorithms: Algorithms()})
	usual := newKeys(t, KeysConfig{Secrets: [][]byte{secret}, PublicKeys: allPublic(t)})
	if len(known) != len(Algorithms()) {
		t.Errorf("%d algorithms are known, %d are named", len(known), len(Algorithms()))
	}
	for _, alg := range Algorithms() {
		token := signKid(t, alg, keyFor(alg), nil, nil)
		if id, err := all.check(token); err != nil || id.User != "alice" || !id.Rooms.Match("chat.1") {
			t.Errorf("%s: %+v, %v", alg, id, err)
		}
		_, err := usual.check(token)
		if want := slices.Contains([]string{"HS256", "RS256", "ES256", "ES384", "ES512", "EdDSA"}, alg); (err == nil) != want || !want && !errors.Is(err, ErrAlgorithm) {
			t.Errorf("%s where none is named: %v", alg, err)
		}
		cfg := KeysConfig{Algorithms: []string{alg}}
		if strings.HasPrefix(alg, "HS") {
			cfg.Secrets = [][]byte{secret}
		} else {
			cfg.PublicKeys = [][]byte{publicPEM(t, keyFor(alg).(crypto.Signer))}
		}
		one := newKeys(t, cfg)
		for _, a := range Algorithms() {
			if _, err := one.check(signKid(t, a, keyFor(a), "any", nil)); (err == nil) != (a == alg) {
				t.Errorf("%s where %s is allowed: %v", a, alg, err)
			}
		}
	}
	if all.Inline() || !newKeys(t, KeysConfig{Secrets: [][]byte{secret}}).Inline() {
		t.Error("inline is wrong")
	}
}

// A new key beside the old one: both are good, a third is not.
func TestKeys_Verify_SeveralKeys(t *testing.T) {
	k := newKeys(t, KeysConfig{PublicKeys: [][]byte{publicPEM(t, private()["RS"]), publicPEM(t, private()["RS2"]), publicPEM(t, private()["ES256"])}})
	for _, name := range []string{"RS", "RS2"} {
		if _, err := k.check(signKid(t, "RS256", private()[name], nil, nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.check(signKid(t, "ES256", private()["ES256b"], nil, nil)); !errors.Is(err, ErrSignature) {
		t.Errorf("of a key that is not there: %v", err)
	}
}

// What is public is no secret, and what has no signature is refused.
func TestKeys_Verify_Confusion(t *testing.T) {
	rs := publicPEM(t, private()["RS"])
	der, _ := pem.Decode(rs)
	public := private()["RS"].Public().(*rsa.PublicKey)
	mixed := newKeys(t, KeysConfig{Secrets: [][]byte{secret}, PublicKeys: allPublic(t), Algorithms: Algorithms()})
	alone := newKeys(t, KeysConfig{PublicKeys: [][]byte{rs}})
	enc := base64.RawURLEncoding.EncodeToString
	for what, token := range map[string]string{
		"the PEM as a secret":          signKid(t, "HS256", rs, nil, nil),
		"the PEM without its newline":  signKid(t, "HS256", rs[:len(rs)-1], nil, nil),
		"the DER as a secret":          signKid(t, "HS256", der.Bytes, nil, nil),
		"the modulus as a secret":      signKid(t, "HS512", public.N.Bytes(), nil, nil),
		"the empty secret":             signKid(t, "HS256", []byte{}, nil, nil),
		"none":                         enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(exactly(""))) + ".",
		"None":                         enc([]byte(`{"alg":"None"}`)) + "." + enc([]byte(exactly(""))) + ".",
		"none, signed":                 enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(exactly(""))) + "." + enc([]byte("x")),
		"no algorithm":                 enc([]byte(`{}`)) + "." + enc([]byte(exactly(""))) + ".",
		"an algorithm that is a list":  enc([]byte(`{"alg":["RS256"]}`)) + "." + enc([]byte(exactly(""))) + ".",
		"lower case":                   enc([]byte(`{"alg":"rs256"}`)) + "." + enc([]byte(exactly(""))) + ".",
		"a key of its own (jwk)":       enc([]byte(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`)) + "." + enc([]byte(exactly(""))) + ".AAAA",
		"an empty signature":           enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(exactly(""))) + ".",
		"an empty signature of ES":     enc([]byte(`{"alg":"ES256"}`)) + "." + enc([]byte(exactly(""))) + ".",
		"a signature of zeros":         enc([]byte(`{"alg":"ES256"}`)) + "." + enc([]byte(exactly(""))) + "." + enc(make([]byte, 64)),
		"a signature of zeros, Ed":     enc([]byte(`{"alg":"EdDSA"}`)) + "." + enc([]byte(exactly(""))) + "." + enc(make([]byte, 64)),
		"crit":                         enc([]byte(`{"alg":"RS256","crit":["b64"],"b64":false}`)) + "." + enc([]byte(exactly(""))) + ".AAAA",
		"a signature of another curve": relabel(t, signKid(t, "ES384", private()["ES384"], nil, nil), "ES256"),
		"RS as PS":                     relabel(t, signKid(t, "RS256", private()["RS"], nil, nil), "PS256"),
	} {
		for name, k := range map[string]*Keys{"secrets and keys": mixed, "a key alone": alone} {
			if id, err := k.check(token); err == nil {
				t.Errorf("%s, with %s: it is believed: %+v", what, name, id)
			} else if strings.Contains(err.Error(), string(secret)) {
				t.Errorf("%s: the error tells a secret: %v", what, err)
			}
		}
	}
}

// relabel gives a token's header another algorithm.
func relabel(t *testing.T, token, alg string) string {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q}`, alg)) + "." + rest
}

// A kid is compared, and nothing else is ever done with it.
func TestKeys_Verify_Kid(t *testing.T) {
	k := newKeys(t, KeysConfig{PublicKeys: allPublic(t)})
	for _, kid := range []any{"2024-01", "https://vault.example/keys/1", "a/b+c=", "", nil, "schlüssel"} {
		if _, err := k.check(signKid(t, "ES256", private()["ES256"], kid, nil)); err != nil {
			t.Errorf("%q: %v", kid, err)
		}
	}
	for _, kid := range []any{"../../dev/null", `..\..\nul`, "a\x00b", "a\nb", strings.Repeat("k", maxKid+1), 7, []string{"a"}, true} {
		if _, err := k.check(signKid(t, "ES256", private()["ES256"], kid, nil)); !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", kid, err)
		}
	}
	huge := signKid(t, "ES256", private()["ES256"], strings.Repeat("k", 1<<20), nil)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := k.check(huge); !errors.Is(err, ErrToken) {
			t.Errorf("a kid of 1 MiB: %v", err)
		}
	}); n > 0 {
		t.Errorf("a token of 1 MiB costs %v allocations", n)
	}
}

// The claims are looked at as HMAC does.
func TestKeys_Verify_Claims(t *testing.T) {
	k := newKeys(t, KeysConfig{PublicKeys: allPublic(t), Issuer: "shop", Audience: "push", Leeway: 10 * time.Second})
	for what, c := range map[string]struct {
		claims jwt.MapClaims
		want   error
	}{
		"good":            {nil, nil},
		"within leeway":   {jwt.MapClaims{"exp": now.Unix() - 9}, nil},
		"expired":         {jwt.MapClaims{"exp": now.Unix() - 10}, ErrExpired},
		"not yet":         {jwt.MapClaims{"nbf": now.Unix() + 11}, ErrNotYet},
		"another issuer":  {jwt.MapClaims{"iss": "other"}, ErrClaims},
		"no audience":     {jwt.MapClaims{"aud": nil}, ErrClaims},
		"other audiences": {jwt.MapClaims{"aud": []string{"a", "b"}}, ErrClaims},
		"no user":         {jwt.MapClaims{"sub": ""}, ErrClaims},
	} {
		claims := jwt.MapClaims{"iss": "shop", "aud": "push"}
		maps.Copy(claims, c.claims)
		for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
			if _, err := k.check(signKid(t, alg, keyFor(alg), nil, claims)); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v; want %v", what, alg, err, c.want)
			}
		}
	}
}

// What is wrong keeps the old in force, and a reload has no moment without keys.
func TestKeys_Reload_Swaps(t *testing.T) {
	k := newKeys(t, KeysConfig{Secrets: [][]byte{secret}})
	hs, rs := signKid(t, "HS256", secret, nil, nil), signKid(t, "RS256", private()["RS"], nil, nil)
	if err := k.Reload(KeysConfig{Secrets: [][]byte{[]byte("short")}}); err == nil {
		t.Error("a short secret is taken")
	}
	if _, err := k.check(hs); err != nil {
		t.Errorf("after a wrong reload: %v", err)
	}
	both := KeysConfig{Secrets: [][]byte{secret}, PublicKeys: [][]byte{publicPEM(t, private()["RS"])}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := k.check(hs); err != nil {
					t.Errorf("during reloads: %v", err)
					return
				}
			}
		})
	}
	for i := range 200 {
		cfg := both
		if i%2 == 0 {
			cfg.PublicKeys = nil
		}
		if err := k.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if _, err := k.check(rs); err != nil || k.Inline() || k.Stats().Keys != 2 {
		t.Errorf("with both: %v, inline %v, %+v", err, k.Inline(), k.Stats())
	}
	if err := k.Reload(KeysConfig{PublicKeys: both.PublicKeys}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.check(hs); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("the secret that is gone: %v", err)
	}
}
