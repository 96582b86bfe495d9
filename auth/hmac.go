package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
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
	decoder  *jwt.Parser                       // decodes base64url, each value in one spelling only
	keys     []any                             // []byte, boxed once
	methods  map[string]*jwt.SigningMethodHMAC // those that are allowed, by name
	headers  map[string]*jwt.SigningMethodHMAC // the same by a header as issuers write it, encoded
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
		decoder:  jwt.NewParser(jwt.WithStrictDecoding()),
		methods:  make(map[string]*jwt.SigningMethodHMAC),
		headers:  make(map[string]*jwt.SigningMethodHMAC),
		issuer:   cfg.Issuer,
		audience: cfg.Audience,
		leeway:   cfg.Leeway,

		errAlgorithm: fmt.Errorf("%w: %s would be right", ErrAlgorithm, strings.Join(cfg.Algorithms, " or ")),
		errIssuer:    fmt.Errorf("%w: iss is not of this server: %q would be right", ErrClaims, cfg.Issuer),
		errAudience:  fmt.Errorf("%w: aud is not of this server: %q would be right", ErrClaims, cfg.Audience),
	}
	for _, name := range cfg.Algorithms {
		h.methods[name] = methods[name]
		for _, header := range []string{`{"alg":"%s","typ":"JWT"}`, `{"typ":"JWT","alg":"%s"}`, `{"alg":"%s"}`} {
			h.headers[base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, header, name))] = methods[name]
		}
	}
	for _, secret := range cfg.Secrets {
		h.keys = append(h.keys, bytes.Clone(secret))
	}
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
	// The parts are golang-jwt's, but not its ParseWithClaims (v5.3.1, parser.go):
	// that reads all the JSON before it knows whose it is, which made a long forged
	// token six times as dear.
	first, last := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	method, err := h.method(token[:first])
	if err != nil {
		return Identity{}, err
	}
	signature, err := h.decoder.DecodeSegment(token[last+1:])
	switch {
	case err != nil:
		return Identity{}, errForm
	case !h.signed(method, token[:last], signature):
		return Identity{}, ErrSignature
	}
	raw, err := h.decoder.DecodeSegment(token[first+1 : last])
	if err != nil {
		return Identity{}, errForm
	}
	var c claims
	if err := c.read(raw, h.audience); err != nil {
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

// method is the algorithm that an encoded header names.
func (h *HMAC) method(encoded string) (*jwt.SigningMethodHMAC, error) {
	if m := h.headers[encoded]; m != nil {
		return m, nil
	}
	raw, err := h.decoder.DecodeSegment(encoded)
	if err != nil {
		return nil, errForm
	}
	var header map[string]json.RawMessage
	if json.Unmarshal(raw, &header) != nil {
		return nil, errForm
	}
	var name string
	_ = json.Unmarshal(header["alg"], &name) // where it is no string it is no name of ours
	m := h.methods[name]
	if m == nil {
		return nil, h.errAlgorithm
	}
	if _, ok := header["crit"]; ok {
		return nil, errCritical // RFC 7515, 4.1.11: what is not understood is refused
	}
	return m, nil
}

// signed says whether the signature of text is by one of the secrets.
func (h *HMAC) signed(m *jwt.SigningMethodHMAC, text string, signature []byte) bool {
	for _, key := range h.keys {
		if m.Verify(text, signature, key) == nil {
			return true
		}
	}
	return false
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
