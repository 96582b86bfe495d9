package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// HMACConfig says which tokens an HMAC believes.
type HMACConfig struct {
	Secrets    [][]byte      // at least one, each of at least 32 bytes; several while one replaces another
	Algorithms []string      // HS256, HS384, HS512. Default HS256 alone
	Issuer     string        // what iss must be; empty: anything
	Audience   string        // what aud must be or contain; empty: anything
	Leeway     time.Duration // how far clocks may differ, for exp and nbf
	AllowShort bool          // takes shorter secrets, for trying
}

// An HMAC verifies tokens that are signed with a shared secret. It is Inline: it
// takes microseconds.
type HMAC struct {
	cfg    HMACConfig
	parser *jwt.Parser
	keys   jwt.Keyfunc
}

var algorithms = []string{"HS256", "HS384", "HS512"}

// NewHMAC makes an HMAC.
func NewHMAC(cfg HMACConfig) (*HMAC, error) {
	if len(cfg.Secrets) == 0 {
		return nil, errors.New("no secret: at least one is needed")
	}
	for _, s := range cfg.Secrets {
		if len(s) == 0 || len(s) < MinSecret && !cfg.AllowShort {
			return nil, fmt.Errorf("a secret has %d bytes: at least %d would be right", len(s), MinSecret)
		}
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = algorithms[:1]
	}
	for _, a := range cfg.Algorithms {
		if !slices.Contains(algorithms, a) {
			return nil, fmt.Errorf("algorithm %q is unknown: %s would be right", a, strings.Join(algorithms, ", "))
		}
	}
	if cfg.Leeway < 0 {
		return nil, fmt.Errorf("a leeway of %v is negative", cfg.Leeway)
	}
	var keys any = cfg.Secrets[0]
	if len(cfg.Secrets) > 1 {
		var set jwt.VerificationKeySet
		for _, s := range cfg.Secrets {
			set.Keys = append(set.Keys, s)
		}
		keys = set
	}
	return &HMAC{
		cfg: cfg,
		// The claims are checked here, at the caller's time.
		parser: jwt.NewParser(jwt.WithValidMethods(cfg.Algorithms), jwt.WithoutClaimsValidation()),
		keys:   func(*jwt.Token) (any, error) { return keys, nil },
	}, nil
}

// Inline is true.
func (h *HMAC) Inline() bool { return true }

// claims are those that roost reads. Their methods are never called: validation
// by the library is off.
type claims struct {
	jwt.RegisteredClaims
	Rooms   []string        `json:"rooms,omitempty"`
	Publish []string        `json:"publish,omitempty"`
	Info    json.RawMessage `json:"info,omitempty"`
}

// Verify checks a token. It does not wait, and so does not look at ctx.
func (h *HMAC) Verify(_ context.Context, token string, now time.Time) (Identity, error) {
	if len(token) > MaxToken {
		return Identity{}, ErrToken
	}
	var c claims
	parsed, err := h.parser.ParseWithClaims(token, &c, h.keys)
	if err != nil {
		return Identity{}, h.refusal(parsed, err)
	}
	if err := h.check(&c, now); err != nil {
		return Identity{}, err
	}
	return c.identity()
}

// refusal says what the library found, in words that may be shown.
func (h *HMAC) refusal(t *jwt.Token, err error) error {
	if t != nil {
		if alg, _ := t.Header["alg"].(string); alg != "" && !slices.Contains(h.cfg.Algorithms, alg) {
			return fmt.Errorf("%w: %s would be right", ErrAlgorithm, strings.Join(h.cfg.Algorithms, ", "))
		}
	}
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return ErrSignature
	case strings.Contains(err.Error(), "JSON decode claim"): // golang-jwt v5.3.1, parser.go: it has no sentinel of its own
		return fmt.Errorf("%w: they are not JSON of the right types", ErrClaims)
	}
	return ErrToken
}

// check looks at the claims that limit a token.
func (h *HMAC) check(c *claims, now time.Time) error {
	switch {
	case c.ExpiresAt == nil:
		return fmt.Errorf("%w: exp is required", ErrClaims)
	case !now.Before(c.ExpiresAt.Add(h.cfg.Leeway)):
		return ErrExpired
	case c.NotBefore != nil && now.Before(c.NotBefore.Add(-h.cfg.Leeway)):
		return ErrNotYet
	case h.cfg.Issuer != "" && c.Issuer != h.cfg.Issuer:
		return fmt.Errorf("%w: iss is not the one that this server trusts", ErrClaims)
	case h.cfg.Audience != "" && !slices.Contains(c.Audience, h.cfg.Audience):
		return fmt.Errorf("%w: aud does not name this server", ErrClaims)
	}
	return nil
}

// identity checks the bounds of what the claims bring.
func (c *claims) identity() (Identity, error) {
	bad := func(format string, args ...any) (Identity, error) {
		return Identity{}, fmt.Errorf("%w: "+format, append([]any{ErrClaims}, args...)...)
	}
	if !validUser(c.Subject) {
		return bad("sub must be 1 to %d bytes of text", MaxUser)
	}
	for _, list := range [...]struct {
		name     string
		patterns []string
	}{{"rooms", c.Rooms}, {"publish", c.Publish}} {
		if len(list.patterns) > MaxPatterns {
			return bad("%s has more than %d patterns", list.name, MaxPatterns)
		}
		for _, p := range list.patterns {
			if len(p) == 0 || len(p) > MaxPattern {
				return bad("a pattern in %s must be 1 to %d bytes", list.name, MaxPattern)
			}
		}
	}
	id := Identity{User: c.Subject, Expires: c.ExpiresAt.Unix(), Rooms: c.Rooms, Publish: c.Publish}
	if len(c.Info) > 0 && string(c.Info) != "null" {
		var b bytes.Buffer
		if err := json.Compact(&b, c.Info); err != nil || b.Len() > MaxInfo {
			return bad("info is longer than %d bytes", MaxInfo)
		}
		id.Info = b.Bytes()
	}
	return id, nil
}

func validUser(s string) bool {
	if len(s) == 0 || len(s) > MaxUser || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) < 0
}

// Mint makes a token that is signed with secret.
func Mint(secret []byte, algorithm string, id Identity, issuer, audience string) (string, error) {
	if !slices.Contains(algorithms, algorithm) {
		return "", fmt.Errorf("algorithm %q is unknown: %s would be right", algorithm, strings.Join(algorithms, ", "))
	}
	c := claims{Rooms: id.Rooms, Publish: id.Publish, Info: id.Info}
	c.Subject, c.Issuer = id.User, issuer
	c.ExpiresAt = jwt.NewNumericDate(time.Unix(id.Expires, 0))
	if audience != "" {
		c.Audience = jwt.ClaimStrings{audience}
	}
	if _, err := c.identity(); err != nil {
		return "", err
	}
	return jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), c).SignedString(secret)
}
