package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/roostws/roost/auth"
)

// TokenConfig is what token is told.
type TokenConfig struct {
	// What the token says.
	Sub     text
	Rooms   list
	Publish list
	TTL     span `name:"ttl"`
	Info    text

	// Where a ticket is had instead.
	Ticket          toggle
	Admin           text
	AdminSecret     secret
	AdminSecretFile text

	// What it is signed with: as serve verifies.
	Config        text
	JWTSecret     secret `name:"jwt-secret" aliases:"secret"`
	JWTSecretFile list   `name:"jwt-secret-file"`
	JWTIssuer     text   `name:"jwt-issuer"`
	JWTAudience   text   `name:"jwt-audience"`
	JWTAlgorithms list   `name:"jwt-algorithms"`
	JWTPrivateKey text   `name:"jwt-private-key"`
}

// settle checks what a token says and reads the secret's file.
func (c *TokenConfig) settle(o origins) error {
	var err error
	if c.Ticket {
		err = c.settleTicket(o)
	} else {
		_, _, err = settleSecrets(o, &c.JWTSecret, &c.JWTSecretFile)
	}
	errs := []error{
		err,
		checkClaims(o, c.JWTIssuer, c.JWTAudience),
		checkPatterns(o, "rooms", c.Rooms),
		checkPatterns(o, "publish", c.Publish),
	}
	switch {
	case c.Sub == "":
		errs = append(errs, o.problem("sub", "is missing: --sub alice would be right"))
	case len(c.Sub) > auth.MaxUser || !printable(string(c.Sub)):
		errs = append(errs, o.problem("sub", "1 to %d bytes of UTF-8 without control characters would be right", auth.MaxUser))
	}
	switch {
	case c.Info == "":
	case len(c.Info) > auth.MaxInfo:
		errs = append(errs, o.problem("info", "%d bytes are too many: at most %d would be right", len(c.Info), auth.MaxInfo))
	case !json.Valid([]byte(c.Info)):
		errs = append(errs, o.problem("info", `is not JSON: '{"name":"Alice"}' would be right`))
	}
	switch {
	case errs[0] != nil, bool(c.Ticket):
	case c.JWTPrivateKey != "":
		if _, err := c.signer(); err != nil {
			errs = append(errs, o.problem("jwt-private-key", "%w", err))
		}
	case c.JWTSecret == "":
		errs = append(errs, o.problem("jwt-secret", "is missing: the secret that serve has, by --jwt-secret, --jwt-secret-file, ROOST_JWT_SECRET or --config, would be right; or --jwt-private-key"))
	case secretAlgorithm(c.JWTAlgorithms) == "":
		errs = append(errs, o.problem("jwt-algorithms", "a secret signs by HS256, HS384 or HS512 alone: one of them would be right; for %s, --jwt-private-key", c.JWTAlgorithms.String()))
	}
	return errors.Join(errs...)
}

func checkPatterns(o origins, name string, patterns list) error {
	if len(patterns) > auth.MaxPatterns {
		return o.problem(name, "%d are too many: at most %d would be right", len(patterns), auth.MaxPatterns)
	}
	for _, p := range patterns {
		if len(p) > auth.MaxPattern || !printable(p) {
			return o.problem(name, "%q cannot match a room: 1 to %d bytes, such as chat.*, would be right", p, auth.MaxPattern)
		}
	}
	return nil
}

// printable says whether s is UTF-8 without control characters.
func printable(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// hints names what the token will likely not do.
func (c *TokenConfig) hints() []string {
	var hints []string
	if len(c.Rooms) == 0 {
		hints = append(hints, "the token may join no room: --rooms 'chat.*' would let it")
	}
	if len(c.JWTSecret) < auth.MinSecret && !bool(c.Ticket) && c.JWTPrivateKey == "" {
		hints = append(hints, fmt.Sprintf("the secret is shorter than %d bytes: serve takes it with --dev alone", auth.MinSecret))
	}
	return hints
}

// mint writes the token, or ticket, and nothing else, so that $(roost token …) works.
func (c *TokenConfig) mint(w io.Writer, now time.Time) error {
	id := auth.Identity{
		User:    string(c.Sub),
		Expires: now.Add(time.Duration(c.TTL)).Unix(),
		Rooms:   auth.Patterns(c.Rooms),
		Publish: auth.Patterns(c.Publish),
	}
	if c.Info != "" {
		id.Info = []byte(c.Info)
	}
	var token string
	var err error
	if c.Ticket {
		token, err = c.ticket(context.Background(), id)
	} else {
		token, err = c.sign(id, now)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, token)
	return err
}

// signer reads the private key.
func (c *TokenConfig) signer() (*auth.Signer, error) {
	text, err := readBounded(string(c.JWTPrivateKey), maxKeyFile)
	if err != nil {
		return nil, err
	}
	s, err := auth.NewSigner(text, c.JWTAlgorithms)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(c.JWTPrivateKey), err)
	}
	return s, nil
}

// sign makes the token with the private key, else with the secret.
func (c *TokenConfig) sign(id auth.Identity, now time.Time) (string, error) {
	if c.JWTPrivateKey != "" {
		s, err := c.signer()
		if err != nil {
			return "", err
		}
		return s.Mint(id, string(c.JWTIssuer), string(c.JWTAudience))
	}
	alg := secretAlgorithm(c.JWTAlgorithms)
	v, err := auth.NewHMAC(auth.HMACConfig{
		Secrets: [][]byte{[]byte(c.JWTSecret)}, Algorithms: []string{alg}, AllowShort: true,
		Issuer: string(c.JWTIssuer), Audience: string(c.JWTAudience),
	})
	if err != nil {
		return "", err
	}
	return mintSecret(v, []byte(c.JWTSecret), alg, id, string(c.JWTIssuer), string(c.JWTAudience), now)
}
