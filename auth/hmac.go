package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
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

// HMAC verifies tokens (RFC 7519) that are signed with a shared secret.
type HMAC struct {
	// Static after construction.
	rules
	keys    []any                             // []byte, boxed once
	methods map[string]*jwt.SigningMethodHMAC // those that are allowed, by name
	headers map[string]*jwt.SigningMethodHMAC // the same by a header as issuers write it, encoded
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
		rules:   newRules(cfg.Algorithms, cfg.Issuer, cfg.Audience, cfg.Leeway),
		methods: make(map[string]*jwt.SigningMethodHMAC),
		headers: make(map[string]*jwt.SigningMethodHMAC),
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
	errs = append(errs, checkSecrets(cfg.Secrets, cfg.AllowShort)...)
	for _, a := range cfg.Algorithms {
		if methods[a] == nil {
			errs = append(errs, fmt.Errorf("field Algorithms: %q is not known: HS256, HS384 or HS512 would be right", a))
		}
	}
	return errors.Join(append(errs, checkLeeway(cfg.Leeway))...)
}

func checkSecrets(secrets [][]byte, short bool) []error {
	var errs []error
	for i, secret := range secrets {
		switch {
		case len(secret) == 0:
			errs = append(errs, wrongOf("Secrets", i, "is empty: at least %d bytes would be right", MinSecret))
		case len(secret) < MinSecret && !short:
			errs = append(errs, wrongOf("Secrets", i, "has %d bytes: at least %d would be right", len(secret), MinSecret))
		}
	}
	return errs
}

// Inline is true: all that Verify needs is in memory.
func (h *HMAC) Inline() bool { return true }

// Verify implements Verifier. A token that only the leeway keeps valid ends when
// the leeway does; any other ends at its exp.
func (h *HMAC) Verify(_ context.Context, token string, now time.Time) (Identity, error) {
	first, last, err := parts(token)
	if err != nil {
		return Identity{}, err
	}
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
	return h.identity(token[first+1:last], now)
}

// method is the algorithm that an encoded header names.
func (h *HMAC) method(encoded string) (*jwt.SigningMethodHMAC, error) {
	if m := h.headers[encoded]; m != nil {
		return m, nil
	}
	header, err := h.header(encoded)
	if err != nil {
		return nil, err
	}
	m := h.methods[header.algorithm]
	switch {
	case m == nil:
		return nil, h.errAlgorithm
	case header.critical:
		return nil, errCritical
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
