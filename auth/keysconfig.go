package auth

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"
)

// MaxKeys is how many secrets and public keys there may be, and how many keys are tried
// on one token.
const MaxKeys = 16

// The range and the default of KeysConfig.Refresh.
const (
	MinRefresh     = 10 * time.Second
	MaxRefresh     = 24 * time.Hour
	DefaultRefresh = 15 * time.Minute
)

const maxSetURL = 2048 // bytes

// KeysConfig says which tokens a Keys takes. It has a secret, a public key or a URL.
type KeysConfig struct {
	Secrets    [][]byte // put the new one first while you change it; copied
	AllowShort bool     // takes secrets of less than MinSecret bytes: for trying only
	PublicKeys [][]byte // PEM: a public key or a certificate each

	URL       string        // of a JWK Set (RFC 7517): https, or http on this machine; empty: none
	AllowHTTP bool          // takes http to other machines: whoever is on the way can make tokens
	Refresh   time.Duration // how often the URL is asked, 10 s to 24 h. Default 15 min
	Logger    *slog.Logger  // hears how the key server is. Default: nobody

	Algorithms []string      // see Algorithms; none: HS256, RS256, ES256, ES384, ES512 and EdDSA, as the keys are, and what a JWK Set says
	Issuer     string        // what iss must be; empty: anything
	Audience   string        // what aud must be or hold; empty: anything
	Leeway     time.Duration // how far the clocks of server and issuer may be apart, 0 to 1 h
}

// A FieldError is a field of a configuration that is wrong.
type FieldError struct {
	Field   string
	Number  int   // which of several, from 1; 0: the field as a whole
	Problem error // what is wrong with it, and what would be right; it holds no secret
}

func (e *FieldError) Error() string {
	if e.Number > 0 {
		return fmt.Sprintf("field %s: number %d %v", e.Field, e.Number, e.Problem)
	}
	return fmt.Sprintf("field %s: %v", e.Field, e.Problem)
}

func wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Errorf(format, args...)}
}

// wrongOf is wrong for the element at i.
func wrongOf(field string, i int, format string, args ...any) error {
	return &FieldError{Field: field, Number: i + 1, Problem: fmt.Errorf(format, args...)}
}

// set makes the keys, or names what is wrong. Old may be nil: it gives what it knows of
// a key server.
func (cfg *KeysConfig) set(old *keySet) (*keySet, error) {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	n := len(cfg.Secrets) + len(cfg.PublicKeys)
	switch {
	case n == 0 && cfg.URL == "":
		add(wrong("Secrets", "there is neither one, nor one of PublicKeys, nor a URL: one of the three would be right"))
	case n > MaxKeys:
		add(wrong("Secrets", "with PublicKeys there are %d: at most %d would be right", n, MaxKeys))
	}
	allow, err := allowed(cfg.Algorithms)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	s := new(keySet)
	var used algorithms
	if len(cfg.Secrets) > 0 {
		used |= allow & secretAlgorithms()
		s.hmac, err = cfg.hmac(used)
		add(err)
	}
	for i, text := range cfg.PublicKeys {
		k, err := staticKey(text, allow)
		if err != nil {
			add(wrongOf("PublicKeys", i, "%w", err))
			continue
		}
		used |= k.fits
		s.public = append(s.public, k)
	}
	if cfg.URL != "" {
		used |= allow &^ secretAlgorithms()
		add(checkSetURL(cfg.URL, cfg.AllowHTTP))
		if cfg.Refresh == 0 {
			cfg.Refresh = DefaultRefresh
		}
		if cfg.Refresh < MinRefresh || cfg.Refresh > MaxRefresh {
			add(wrong("Refresh", "%v is out of range: %v to %v would be right", cfg.Refresh, MinRefresh, MaxRefresh))
		}
		if allow&^secretAlgorithms() == 0 {
			add(wrong("Algorithms", "none is of a key server's keys: RS256, ES256 or EdDSA would be right"))
		}
	}
	for _, name := range cfg.Algorithms {
		if used&known[name].bit == 0 && len(errs) == 0 {
			add(wrong("Algorithms", "%s fits none of the keys", name))
		}
	}
	add(checkLeeway(cfg.Leeway))
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.allow = used
	if cfg.URL != "" {
		s.remote = cfg.remote(allow, old)
		if len(cfg.Algorithms) == 0 { // what a key of the set says is allowed, too
			s.allow = used | ^secretAlgorithms()
		}
	}
	s.rules = newRules(used.names(), cfg.Issuer, cfg.Audience, cfg.Leeway)
	return s, nil
}

// hmac is the HMAC of the secrets.
func (cfg *KeysConfig) hmac(allow algorithms) (*HMAC, error) {
	for i, secret := range cfg.Secrets {
		if bytes.HasPrefix(secret, []byte("-----BEGIN ")) {
			return nil, wrongOf("Secrets", i, "is a key as PEM, which others may know: random bytes would be right")
		}
	}
	if allow == 0 {
		return nil, wrong("Algorithms", "none is of a secret: HS256 would be right")
	}
	return NewHMAC(HMACConfig{
		Secrets: cfg.Secrets, AllowShort: cfg.AllowShort, Algorithms: allow.names(),
		Issuer: cfg.Issuer, Audience: cfg.Audience, Leeway: min(max(cfg.Leeway, 0), maxLeeway), // it is checked once
	})
}

// staticKey reads one of PublicKeys.
func staticKey(text []byte, allow algorithms) (key, error) {
	public, err := publicKey(text)
	if err != nil {
		return key{}, err
	}
	fits, err := fitting(public)
	switch {
	case err != nil:
		return key{}, fmt.Errorf("is %w", err)
	case fits&allow == 0:
		return key{}, fmt.Errorf("fits none of the algorithms that are allowed: %s would be right", fits.names()[0])
	}
	return key{fits: fits & allow, public: public}, nil
}

// remote is the one of before where its source is the same, so that what it knows stays.
func (cfg *KeysConfig) remote(allow algorithms, old *keySet) *remote {
	s := source{cfg.URL, cfg.Refresh, allow &^ secretAlgorithms(), len(cfg.Algorithms) > 0}
	var before *remote
	if old != nil {
		before = old.remote
	}
	if before != nil && before.source == s {
		return before
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return newRemote(s, log, before)
}

// checkSetURL checks where a JWK Set is. The error does not hold the URL, which may
// hold a secret.
func checkSetURL(s string, plain bool) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxSetURL:
		return wrong("URL", "%d bytes are too many: at most %d would be right", len(s), maxSetURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return wrong("URL", "it is no URL of https with a host: https://login.example.com/.well-known/jwks.json would be right")
	case u.User != nil || u.Fragment != "":
		return wrong("URL", "it holds a user or a fragment (#): a URL without would be right")
	case u.Scheme == "http" && !plain && !loopback(u.Hostname()):
		return wrong("URL", "it is of http and leads to another machine: whoever is on the way could make tokens; https would be right")
	}
	return nil
}

// loopback says whether a host is this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
