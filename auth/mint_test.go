package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestMint_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		secret []byte
		alg    string
		id     Identity
		issuer string
		err    error
	}{
		"RS256":        {secret, "RS256", Identity{User: "a"}, "", nil},
		"none":         {secret, "none", Identity{User: "a"}, "", nil},
		"no secret":    {nil, "HS256", Identity{User: "a"}, "", nil},
		"bad issuer":   {secret, "HS256", Identity{User: "a"}, "\xff", nil},
		"nobody":       {secret, "HS256", Identity{}, "", ErrClaims},
		"bad user":     {secret, "HS256", Identity{User: "\xff"}, "", ErrClaims},
		"bad pattern":  {secret, "HS256", Identity{User: "a", Rooms: Patterns{""}}, "", ErrClaims},
		"many":         {secret, "HS256", Identity{User: "a", Publish: make(Patterns, MaxPatterns+1)}, "", ErrClaims},
		"bad info":     {secret, "HS256", Identity{User: "a", Info: []byte("{")}, "", ErrClaims},
		"long info":    {secret, "HS256", Identity{User: "a", Info: []byte(`"` + strings.Repeat("i", MaxInfo) + `"`)}, "", ErrClaims},
		"milliseconds": {secret, "HS256", Identity{User: "a", Expires: now.UnixMilli()}, "", ErrClaims},
	} {
		if token, err := Mint(c.secret, c.alg, c.id, c.issuer, ""); err == nil || token != "" || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without an end there is no exp, and HMAC asks for one.
func TestMint_WithoutEnd(t *testing.T) {
	token, err := Mint(secret, "HS256", Identity{User: "a"}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newHMAC(t, nil).Verify(context.Background(), token, now); !errors.Is(err, ErrClaims) {
		t.Error(err)
	}
}
