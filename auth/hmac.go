package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// HMACConfig says which tokens an HMAC takes.
type HMACConfig struct {
	Secrets    [][]byte      // tried in turn: put the new one first while you change it; copied
	Algorithms []string      // of HS256, HS384 and HS512; none: HS256
	Issuer     string        // what iss must be; empty: anything
	Audience   string        // what aud must be or hold; empty: anything
	Leeway     time.Duration // how far the clocks of server and issuer may be apart, 0 to 1 h
	AllowShort bool          // takes secrets of less than MinSecret bytes: for trying only
}

const maxLeeway = time.Hour

// HMAC verifies tokens (RFC 7519) that are signed with a shared secret.
type HMAC struct {
	// Static after construction.
	parser   *jwt.Parser // has no state of a token
	keys     jwt.Keyfunc
	methods  []string
	issuer   string
	audience string
	leeway   time.Duration

	// Errors that name what would be right. Static after construction.
	errAlgorithm error
	errIssuer    error
	errAudience  error
}

// methods are the algorithms there are, by name.
var methods = map[string]*jwt.SigningMethodHMAC{
	"HS256": jwt.SigningMethodHS256,
	"HS384": jwt.SigningMethodHS384,
	"HS512": jwt.SigningMethodHS512,
}

// NewHMAC returns an error that names each field that is wrong; it holds no secret.
func NewHMAC(cfg HMACConfig) (*HMAC, error) {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []string{"HS256"}
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &HMAC{
		methods:  append([]string(nil), cfg.Algorithms...),
		issuer:   cfg.Issuer,
		audience: cfg.Audience,
		leeway:   cfg.Leeway,

		errAlgorithm: fmt.Errorf("%w: %s would be right", ErrAlgorithm, strings.Join(cfg.Algorithms, " or ")),
		errIssuer:    fmt.Errorf("%w: iss is not of this server: %q would be right", ErrClaims, cfg.Issuer),
		errAudience:  fmt.Errorf("%w: aud is not of this server: %q would be right", ErrClaims, cfg.Audience),
	}
	// The claims are checked here and not by the parser: its clock is a function
	// set once (golang-jwt v5.3.1, parser_option.go), ours is an argument. Strict
	// decoding gives each token one spelling only.
	h.parser = jwt.NewParser(jwt.WithValidMethods(h.methods), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	var set jwt.VerificationKeySet
	for _, secret := range cfg.Secrets {
		set.Keys = append(set.Keys, bytes.Clone(secret))
	}
	var keys any = set
	if len(set.Keys) == 1 {
		keys = set.Keys[0]
	}
	h.keys = func(*jwt.Token) (any, error) { return keys, nil }
	return h, nil
}

func (cfg *HMACConfig) validate() error {
	var errs []error
	if len(cfg.Secrets) == 0 {
		errs = append(errs, errors.New("field Secrets: there is none: one or more would be right"))
	}
	for i, secret := range cfg.Secrets {
		switch {
		case len(secret) == 0:
			errs = append(errs, fmt.Errorf("field Secrets: number %d is empty: at least %d bytes would be right", i+1, MinSecret))
		case len(secret) < MinSecret && !cfg.AllowShort:
			errs = append(errs, fmt.Errorf("field Secrets: number %d has %d bytes: at least %d would be right", i+1, len(secret), MinSecret))
		}
	}
	for _, a := range cfg.Algorithms {
		if methods[a] == nil {
			errs = append(errs, fmt.Errorf("field Algorithms: %q is not known: HS256, HS384 or HS512 would be right", a))
		}
	}
	if cfg.Leeway < 0 || cfg.Leeway > maxLeeway {
		errs = append(errs, fmt.Errorf("field Leeway: %v is out of range: 0s to %v would be right", cfg.Leeway, maxLeeway))
	}
	return errors.Join(errs...)
}

// Inline is true: all that Verify needs is in memory.
func (h *HMAC) Inline() bool { return true }

// Verify implements Verifier. A token that only the leeway keeps valid ends when
// the leeway does; any other ends at its exp.
func (h *HMAC) Verify(_ context.Context, token string, now time.Time) (Identity, error) {
	switch {
	case token == "":
		return Identity{}, ErrNoToken
	case len(token) > MaxToken:
		return Identity{}, errTooLong
	case !compact(token):
		return Identity{}, errForm
	}
	c := new(claims)
	t, err := h.parser.ParseWithClaims(token, c, h.keys)
	if err != nil {
		return Identity{}, h.refusal(t, err)
	}
	if _, ok := t.Header["crit"]; ok {
		return Identity{}, errCritical // RFC 7515, 4.1.11: what is not understood is refused
	}
	if err := c.read(h.audience); err != nil {
		return Identity{}, err
	}
	end := time.Unix(c.id.Expires, 0)
	switch {
	case !now.Before(end.Add(h.leeway)):
		return Identity{}, ErrExpired
	case now.Before(time.Unix(c.notBefore, 0).Add(-h.leeway)):
		return Identity{}, ErrNotYet
	case h.issuer != "" && c.issuer != h.issuer:
		return Identity{}, h.errIssuer
	case h.audience != "" && !c.meant:
		return Identity{}, h.errAudience
	}
	if !now.Before(end) {
		c.id.Expires = end.Add(h.leeway + time.Second - 1).Unix()
	}
	return c.id, nil
}

// refusal is our word for the parser's. The parser's own errors are not shown:
// they may quote the token.
func (h *HMAC) refusal(t *jwt.Token, err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return errForm
	case t == nil || t.Method == nil:
		return h.errAlgorithm
	}
	for _, m := range h.methods {
		if m == t.Method.Alg() {
			return ErrSignature
		}
	}
	return h.errAlgorithm
}

// compact says whether s looks like three parts of base64url. It is asked since
// the decoder skips line ends (encoding/base64), so that one token would have
// many spellings.
func compact(s string) bool {
	dots := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}
