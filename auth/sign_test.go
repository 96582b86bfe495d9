package auth

import (
	"errors"
	"testing"
)

func TestSigner_Mint_IsVerified(t *testing.T) {
	k := newKeys(t, KeysConfig{PublicKeys: allPublic(t), Algorithms: Algorithms()[3:], Issuer: "shop", Audience: "push"})
	id := Identity{User: "alice", Expires: now.Unix() + 60, Rooms: Patterns{"a.*"}, Info: []byte(`{}`)}
	for name, c := range map[string]struct {
		from []string
		want string
	}{
		"RS": {nil, "RS256"}, "RS2": {[]string{"HS256", "PS384", "RS512"}, "PS384"},
		"ES256": {nil, "ES256"}, "ES384": {nil, "ES384"}, "ES512": {[]string{"ES512"}, "ES512"}, "EdDSA": {nil, "EdDSA"},
	} {
		s, err := NewSigner(privatePEM(t, private()[name]), c.from)
		if err != nil || s.Algorithm() != c.want {
			t.Errorf("%s: %v, %+v", name, err, s)
			continue
		}
		token, err := s.Mint(id, "shop", "push")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := k.check(token); (err == nil) != (name != "RS2") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Mint(Identity{}, "", ""); !errors.Is(err, ErrClaims) {
			t.Errorf("nobody: %v", err)
		}
	}
	for want, c := range map[string]struct {
		text []byte
		from []string
	}{
		"is not one private key as PEM: what openssl genpkey makes would be right": {[]byte("x"), nil},
		`holds "PUBLIC KEY": a private key without a passphrase would be right`:    {publicPEM(t, private()["RS"]), nil},
		"is a key for EdDSA, which is not among HS256, RS256":                      {privatePEM(t, private()["EdDSA"]), []string{"HS256", "RS256"}},
	} {
		if _, err := NewSigner(c.text, c.from); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
