package auth

import (
	"context"
	"crypto"
	"encoding/base64"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// Whatever header and claims are signed, and whatever token comes: none is believed
// that golang-jwt, told of each algorithm's only key, would not believe.
func FuzzKeys_Verify_AgainstLibrary(f *testing.F) {
	k := newKeys(f, KeysConfig{Secrets: [][]byte{secret}, PublicKeys: allPublic(f), Algorithms: Algorithms()})
	for _, header := range []string{`{"alg":"ES256","typ":"JWT"}`, `{"alg":"none"}`, `{"alg":"ES256","kid":"../../x"}`, `{"alg":"ES256","kid":null}`, `{"alg":"HS256"}`, `{"alg":"ES384","alg":"ES256"}`, `{"alg":"EdDSA","crit":[]}`} {
		f.Add(header, exactly(""), "x.y.z")
	}
	f.Add(`{"alg":"ES256"}`, exactly(`,"sub":"eve"`), signKid(f, "RS256", private()["RS"], nil, nil))
	f.Fuzz(func(t *testing.T, header, claims, token string) {
		enc := base64.RawURLEncoding.EncodeToString
		text := enc([]byte(header)) + "." + enc([]byte(claims))
		sig, err := jwt.SigningMethodES256.Sign(text, private()["ES256"])
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{token, text + "." + enc(sig)} {
			id, err := k.Verify(context.Background(), token, now)
			if err != nil {
				continue
			}
			c := jwt.MapClaims{}
			_, err = jwt.NewParser(jwt.WithValidMethods(Algorithms()), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()).
				ParseWithClaims(token, c, func(parsed *jwt.Token) (any, error) {
					if s, ok := keyFor(parsed.Method.Alg()).(crypto.Signer); ok {
						return s.Public(), nil
					}
					return secret, nil
				})
			if err != nil || c["sub"] != id.User {
				t.Errorf("%s is of %q; golang-jwt says %v, %v", token, id.User, c["sub"], err)
			}
		}
	})
}

// Whatever a key server answers: nothing is taken that is not whole, public and fit to
// verify with, and no more than the bound.
func FuzzParseSet_Body(f *testing.F) {
	p := private()
	for _, name := range []string{"RS", "ES256", "ES512", "EdDSA"} {
		f.Add([]byte(jwks(jwk(f, p[name], "k", `,"use":"sig"`))))
	}
	f.Add([]byte(jwks(jwk(f, p["RS"], "k", `,"d":"AA"`), `{"kty":"oct","k":"AAAA"}`)))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AAAAAAAAAAAAAAAAAAAAAAAB"},{"kty":"OKP","crv":"X25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, _, err := parseSet(body, 1<<16-1, true)
		if len(keys) > maxSetKeys || err != nil && keys != nil {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			fits, err := fitting(k.public)
			if err != nil || k.fits == 0 || k.fits&^fits != 0 || !validKid(k.id) {
				t.Errorf("%+v is a key: %v", k, err)
			}
			if _, ok := k.public.(crypto.Signer); ok {
				t.Errorf("%T is a key", k.public)
			}
		}
	})
}
