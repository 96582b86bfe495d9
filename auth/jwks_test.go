package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever the server answers wrong, the keys of before stay, and what is wrong is told
// without the answer.
func TestRemote_Load_WrongAnswers(t *testing.T) {
	t.Parallel()
	p := private()
	elsewhere := newKeyServer(t, says(jwks(jwk(t, p["ES256"], "k1", ""))))
	s := newKeyServer(t, nil)
	r := newRemote(source{url: s.URL, interval: time.Hour, allow: 1<<16 - 1}, slog.New(slog.DiscardHandler), nil)
	for what, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a redirect":  {func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, elsewhere.URL, http.StatusFound) }, "the answer is 302: 200 would be right; redirects are not followed"},
		"an error":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hunter22", 500) }, "the answer is 500: 200 would be right; redirects are not followed"},
		"HTML":        {says("<html>hunter22"), `the answer is no JWK Set: {"keys":[…]} would be right`},
		"a list":      {says("[]"), `the answer is no JWK Set: {"keys":[…]} would be right`},
		"no keys":     {says(`{"keys":null}`), `the answer is no JWK Set: {"keys":[…]} would be right`},
		"empty":       {says(`{"keys":[]}`), "the answer holds no key"},
		"too large":   {says(`{"keys":[` + strings.Repeat(" ", maxSet) + `]}`), "the answer is too large: at most 1048576 bytes would be right"},
		"a secret":    {says(jwks(`{"kty":"oct","k":"aHVudGVyMjI"}`)), "the answer holds no key that can be used: key 1 is not used: it is a secret, which everybody can read there"},
		"a private":   {says(jwks(jwk(t, p["ES256"], "k", `,"d":"aHVudGVyMjI"`))), "the answer holds no key that can be used: key 1 is not used: it is a private key, which everybody can read there"},
		"encryption":  {says(jwks(jwk(t, p["ES256"], "k", `,"use":"enc"`))), "the answer holds no key that can be used: key 1 is not used: it is not for signatures (use)"},
		"key_ops":     {says(jwks(jwk(t, p["ES256"], "k", `,"key_ops":["sign"]`))), "the answer holds no key that can be used: key 1 is not used: it is not to verify with (key_ops)"},
		"alg":         {says(jwks(jwk(t, p["ES256"], "k", `,"alg":"RS256"`))), "the answer holds no key that can be used: key 1 is not used: its alg does not fit its type"},
		"HS of a key": {says(jwks(jwk(t, p["RS"], "k", `,"alg":"HS256"`))), "the answer holds no key that can be used: key 1 is not used: its alg does not fit its type"},
		"a kid":       {says(jwks(jwk(t, p["ES256"], "../k", ""))), "the answer holds no key that can be used: key 1 is not used: its kid cannot be a name: at most 256 bytes without control characters would be right"},
		"off curve":   {says(jwks(`{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`)), "the answer holds no key that can be used: key 1 is not used: it is of a type that is not known, or malformed"},
		"a huge RSA":  {says(jwks(`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 3000) + `"}`)), "the answer holds no key that can be used: key 1 is not used: it is too large"},
		"a short RSA": {says(jwks(`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 172) + `"}`)), "the answer holds no key that can be used: key 1 is not used: it is an RSA key of 1032 bits: 2048 to 8192 would be right"},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
		}, "the answer ends early: unexpected EOF"},
	} {
		s.set(c.answer)
		if _, _, err := r.load(context.Background()); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", what, err, c.want)
		}
	}
	if elsewhere.asked() != 0 {
		t.Error("a redirect is followed")
	}
}

// A good key is not lost by others beside it; of two with one kid both are good.
func TestRemote_Load_MixedSet(t *testing.T) {
	t.Parallel()
	p := private()
	s := newKeyServer(t, says(jwks(
		`7`, `{"kty":"oct","k":"AAAA","kid":"s"}`, `{"kty":"AKP","kid":"new"}`, `{"kty":["RSA"]}`,
		jwk(t, p["ES256"], "k", ""), jwk(t, p["ES256b"], "k", `,"x5u":"http://127.0.0.1:1/","x5c":["AAAA"],"unknown":{}`), jwk(t, p["RS"], "k", ""), jwk(t, p["RS2"], "k", `,"d":"AAAA"`),
	)))
	log := new(lines)
	k := running(t, KeysConfig{URL: s.URL, Logger: slog.New(slog.NewTextHandler(log, nil))})
	for key, alg := range map[string]string{"ES256": "ES256", "ES256b": "ES256", "RS": "RS256"} {
		if err := k.waits(signKid(t, alg, p[key], "k", nil)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := k.waits(signKid(t, "RS256", p["RS2"], "k", nil)); !errors.Is(err, ErrSignature) {
		t.Errorf("of the private one: %v", err)
	}
	if _, err := k.check(signKid(t, "HS256", []byte{0, 0, 0}, "s", nil)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("of the secret: %v", err)
	}
	if !strings.Contains(log.String(), "not all keys can be used") {
		t.Errorf("the log says %s", log)
	}
	var many []string
	for range maxSetKeys + 10 {
		many = append(many, jwk(t, p["ES256"], "k", ""))
	}
	keys, skipped, err := parseSet([]byte(jwks(many...)), 1<<16-1, false)
	if len(keys) != maxSetKeys || err != nil || skipped == nil {
		t.Errorf("%d keys, %v, %v", len(keys), skipped, err)
	}
	named, _ := (&trial{algorithm: known["ES256"], kid: "k", text: "x", signature: make([]byte, 64)}).by(keys)
	if !named {
		t.Error("no key is named")
	}
}
