package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// minted is what Mint writes.
type minted struct {
	jwt.MapClaims `json:"-"` // nil: makes it a jwt.Claims

	User     string          `json:"sub,omitempty"`
	Expires  int64           `json:"exp,omitempty"`
	Issuer   string          `json:"iss,omitempty"`
	Audience string          `json:"aud,omitempty"`
	Rooms    Patterns        `json:"rooms,omitempty"`
	Publish  Patterns        `json:"publish,omitempty"`
	Info     json.RawMessage `json:"info,omitempty"`
}

// Mint makes a token of id, signed by alg (HS256, HS384 or HS512). Issuer and
// audience are left out where they are empty, and so is exp where id.Expires is 0:
// HMAC refuses such a token. An identity over the limits of a token is ErrClaims.
// The secret is not kept.
func Mint(secret []byte, alg string, id Identity, issuer, audience string) (string, error) {
	method := methods[alg]
	switch {
	case method == nil:
		return "", fmt.Errorf("the algorithm %q is not known: HS256, HS384 or HS512 would be right", alg)
	case len(secret) == 0:
		return "", fmt.Errorf("the secret is empty: at least %d bytes would be right", MinSecret)
	}
	return mint(method, secret, id, issuer, audience)
}

func mint(method jwt.SigningMethod, key any, id Identity, issuer, audience string) (string, error) {
	if err := id.Validate(); err != nil {
		return "", err
	}
	if !utf8.ValidString(issuer) || !utf8.ValidString(audience) {
		return "", errors.New("the issuer or the audience is not UTF-8")
	}
	token, err := jwt.NewWithClaims(method, &minted{
		User: id.User, Expires: id.Expires, Issuer: issuer, Audience: audience,
		Rooms: id.Rooms, Publish: id.Publish, Info: id.Info,
	}).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return token, nil
}

func validPatterns(p Patterns) bool {
	for _, s := range p {
		if s == "" || len(s) > MaxPattern || !utf8.ValidString(s) {
			return false
		}
	}
	return len(p) <= MaxPatterns
}
