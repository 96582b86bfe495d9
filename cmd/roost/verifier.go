package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/roostws/roost/auth"
)

// maxKeyFile is the bytes of a PEM file.
const maxKeyFile = 64 << 10

// A keyring is whose tokens are believed, as the configuration and its files say.
type keyring struct {
	auth.KeysConfig
	origins origins
	places  map[string][]string // by a field that has several: where each stands, as an error begins
}

// keyring reads the files of secrets and keys.
func (c *Config) keyring(o origins) (*keyring, error) {
	r := &keyring{origins: o, places: make(map[string][]string), KeysConfig: auth.KeysConfig{
		AllowShort: bool(c.Dev),
		URL:        string(c.JWKSURL),
		AllowHTTP:  bool(c.JWKSInsecure),
		Refresh:    time.Duration(c.JWKSRefresh),
		Algorithms: c.JWTAlgorithms,
		Issuer:     string(c.JWTIssuer),
		Audience:   string(c.JWTAudience),
		Leeway:     time.Duration(c.JWTLeeway),
	}}
	secrets, places, err := settleSecrets(o, &c.JWTSecret, &c.JWTSecretFile)
	errs := []error{err}
	for _, s := range secrets {
		r.Secrets = append(r.Secrets, []byte(s))
	}
	r.places["Secrets"] = places
	if err := tooMany(o, "jwt-public-key", c.JWTPublicKey); err != nil {
		return r, errors.Join(append(errs, err)...)
	}
	for _, path := range c.JWTPublicKey {
		text, err := readBounded(path, maxKeyFile)
		if err != nil {
			errs = append(errs, o.problem("jwt-public-key", "%w", err))
		}
		r.PublicKeys = append(r.PublicKeys, text)
		r.places["PublicKeys"] = append(r.places["PublicKeys"], o["jwt-public-key"].place+": "+path)
	}
	return r, errors.Join(errs...)
}

// tooMany bounds the files that are opened.
func tooMany(o origins, name string, paths list) error {
	if len(paths) > auth.MaxKeys {
		return o.problem(name, "%d are too many: at most %d would be right", len(paths), auth.MaxKeys)
	}
	return nil
}

// settleSecrets reads the secrets of tokens from their files where the files go before,
// else forgets the files, and says where each stands. The first becomes s.
func settleSecrets(o origins, s *secret, files *list) (secrets []secret, places []string, err error) {
	const name, fileName = "jwt-secret", "jwt-secret-file"
	given, byFile := o[name].rank, o[fileName].rank
	switch {
	case len(*files) == 0 || given > byFile:
		*files = nil
		if *s != "" {
			secrets, places = []secret{*s}, []string{o[name].place}
		}
		return secrets, places, nil
	case given == byFile:
		return nil, nil, o.problem(fileName, "stands beside %s: one of the two would be right", name)
	}
	if err := tooMany(o, fileName, *files); err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, path := range *files {
		found, err := readSecret(path)
		if err != nil {
			errs = append(errs, o.problem(fileName, "%w", err))
			continue
		}
		place := o[fileName].place
		if len(*files) > 1 {
			place += ": " + path
		}
		secrets, places = append(secrets, found), append(places, place)
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	*s = secrets[0]
	o[name] = o[fileName] // what is wrong with the secret stands in the file
	return secrets, places, nil
}

// empty says whether nobody is believed.
func (r *keyring) empty() bool { return len(r.Secrets)+len(r.PublicKeys) == 0 && r.URL == "" }

// use has the ring's only key be a secret that was made.
func (r *keyring) use(s secret) {
	r.Secrets, r.places["Secrets"] = [][]byte{[]byte(s)}, []string{"--jwt-secret"}
}

// secrets are what must not be logged.
func (r *keyring) secrets() []secret {
	var all []secret
	for _, s := range r.Secrets {
		all = append(all, secret(s))
	}
	return all
}

// verifier makes what verifies tokens. A token of the first secret is tried on it:
// what nobody could get in with is told at once.
func (r *keyring) verifier(now time.Time) (*auth.Keys, error) {
	k, err := auth.NewKeys(r.KeysConfig)
	if err != nil {
		return nil, r.problems(err)
	}
	if alg := secretAlgorithm(r.Algorithms); len(r.Secrets) > 0 && alg != "" {
		id := auth.Identity{User: "self-test", Expires: now.Add(time.Minute).Unix()}
		if _, err := mintSecret(k, r.Secrets[0], alg, id, r.Issuer, r.Audience, now); err != nil {
			return nil, r.origins.problem("jwt-secret", "%w", err)
		}
	}
	return k, nil
}

// secretAlgorithm is what a secret signs by: the first that may be; empty: none.
func secretAlgorithm(names []string) string {
	if len(names) == 0 {
		return "HS256"
	}
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "HS") })
	if i < 0 {
		return ""
	}
	return names[i]
}

// mintSecret makes a token and tries it on v: what serve would refuse is told at once.
func mintSecret(v auth.Verifier, secret []byte, alg string, id auth.Identity, issuer, audience string, now time.Time) (string, error) {
	token, err := auth.Mint(secret, alg, id, issuer, audience)
	if err == nil {
		_, err = v.Verify(context.Background(), token, now)
	}
	if err != nil {
		return "", fmt.Errorf("make a token that serve would take: %w", err)
	}
	return token, nil
}

// problems says of auth's errors which flag or file they are about.
func (r *keyring) problems(err error) error {
	flags := map[string]string{
		"Secrets": "jwt-secret", "PublicKeys": "jwt-public-key", "URL": "jwks-url", "Refresh": "jwks-refresh",
		"Algorithms": "jwt-algorithms", "Leeway": "jwt-leeway",
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, e := range all {
		var field *auth.FieldError
		if !errors.As(e, &field) {
			continue
		}
		if places := r.places[field.Field]; field.Number > 0 && field.Number <= len(places) {
			all[i] = fmt.Errorf("%s: %w", places[field.Number-1], field.Problem)
			continue
		}
		all[i] = r.origins.problem(flags[field.Field], "%w", field.Problem)
	}
	return errors.Join(all...)
}

// changes names the settings whose effect differs from old.
func (r *keyring) changes(old *keyring) []string {
	var names []string
	note := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	note("jwt-secret", slices.EqualFunc(r.Secrets, old.Secrets, bytes.Equal))
	note("jwt-public-key", slices.EqualFunc(r.PublicKeys, old.PublicKeys, bytes.Equal))
	note("jwks-url", r.URL == old.URL && r.AllowHTTP == old.AllowHTTP)
	note("jwks-refresh", r.Refresh == old.Refresh)
	note("jwt-issuer", r.Issuer == old.Issuer)
	note("jwt-audience", r.Audience == old.Audience)
	note("jwt-algorithms", slices.Equal(r.Algorithms, old.Algorithms))
	note("jwt-leeway", r.Leeway == old.Leeway)
	return names
}
