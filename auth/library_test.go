package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// library is what golang-jwt alone makes of a token: the claims, where it takes it.
func library(token string) (jwt.MapClaims, error) {
	c := jwt.MapClaims{}
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256", "HS384"}), jwt.WithStrictDecoding(), jwt.WithJSONNumber(), jwt.WithoutClaimsValidation(),
	).ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return secret, nil })
	return c, err
}

// believed fails where h takes a token that golang-jwt refuses or reads otherwise.
func believed(t *testing.T, h *HMAC, token string) {
	id, err := h.Verify(context.Background(), token, now)
	if err != nil {
		return
	}
	c, err := library(token)
	if err != nil {
		t.Fatalf("%s is believed; golang-jwt says %v", token, err)
	}
	exp, _ := c["exp"].(json.Number)
	if end, err := exp.Float64(); c["sub"] != id.User || err != nil || end <= float64(now.Unix()) {
		t.Errorf("%s is %q until %d; golang-jwt says %v until %v", token, id.User, id.Expires, c["sub"], c["exp"])
	}
	if iss, ok := c["iss"].(string); !ok || iss != "shop" {
		t.Errorf("%s is of issuer %v", token, c["iss"])
	}
	if nbf, ok := c["nbf"].(json.Number); ok {
		if begin, err := nbf.Float64(); err != nil || begin > float64(now.Unix()) {
			t.Errorf("%s begins at %v", token, nbf)
		}
	}
}

// Whatever header and claims are signed, and whatever token comes: none is believed
// that golang-jwt would not believe.
func FuzzHMAC_Verify_AgainstLibrary(f *testing.F) {
	h, err := NewHMAC(HMACConfig{Secrets: [][]byte{other, secret}, Algorithms: []string{"HS256", "HS384"}, Issuer: "shop"})
	if err != nil {
		f.Fatal(err)
	}
	for _, header := range []string{headerHS256, `{"alg":"HS256"}`, `{"alg":"none"}`, `{"alg":"none","alg":"HS256"}`, ` {"ALG":"HS256"}`, `{"alg":"HS384"}`, `null`} {
		f.Add(header, exactly(`,"iss":"shop"`), "")
	}
	f.Add(headerHS256, exactly(`,"iss":"shop","nbf":1.5,"Sub":"eve"`), "")
	f.Add(headerHS256, `{"sub":"\ud800","exp":1800000000.5,"iss":"shop"}`, "x.y.z")
	f.Fuzz(func(t *testing.T, header, claims, token string) {
		believed(t, h, signRaw(t, header, claims))
		believed(t, h, token)
	})
}

// A token whose header is written in a common way does not come by another rule
// than one whose header is not.
func TestHMAC_Verify_Headers(t *testing.T) {
	all := []string{"HS256", "HS384", "HS512"}
	for _, allowed := range all {
		h := newHMAC(t, func(c *HMACConfig) { c.Algorithms = []string{allowed} })
		for _, alg := range all {
			for _, header := range []string{
				`{"alg":"%s","typ":"JWT"}`, `{"typ":"JWT","alg":"%s"}`, `{"alg":"%s"}`,
				`{"alg":"%s","typ":"jwt"}`, `{ "alg" : "%s" }`, `{"alg":"%s","kid":"1"}`,
			} {
				token := signAs(t, alg, fmt.Sprintf(header, alg))
				id, err := h.Verify(context.Background(), token, now)
				if ok := err == nil && id.User == "alice"; ok != (alg == allowed) {
					t.Errorf("%s where %s is allowed: %v", fmt.Sprintf(header, alg), allowed, err)
				}
			}
		}
	}
}

// signAs makes a token with a header as it is written, signed by alg.
func signAs(t *testing.T, alg, header string) string {
	t.Helper()
	token := jwt.New(methods[alg])
	text := token.EncodeSegment([]byte(header)) + "." + token.EncodeSegment([]byte(exactly("")))
	sig, err := methods[alg].Sign(text, secret)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + token.EncodeSegment(sig)
}

// No token is believed in part: each byte that is changed makes it a bad one.
func TestHMAC_Verify_EveryByteCounts(t *testing.T) {
	h := newHMAC(t, nil)
	good := sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"iat": now.Add(-time.Minute).Unix()})
	for i := range len(good) {
		for _, c := range []byte{good[i] ^ 1, good[i] ^ 32, 'A', '_', '.', '=', 0} {
			if c == good[i] {
				continue
			}
			bad := good[:i] + string([]byte{c}) + good[i+1:]
			if _, err := h.Verify(context.Background(), bad, now); err == nil {
				t.Errorf("believed with byte %d as %q", i, c)
			}
		}
		if _, err := h.Verify(context.Background(), good[:i], now); err == nil {
			t.Errorf("believed when cut at %d", i)
		}
	}
}
