package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
)

// The bounds that have no flag.
const (
	maxListen      = 64
	maxOrigins     = 256
	maxSecretFile  = 64 << 10
	maxAdminSecret = 1024
	maxCookieName  = 128
	maxClaim       = 1024 // bytes of an issuer or audience
)

// settle reads the files of secrets and keys and checks what no single setting's range
// can say. All errors come back joined.
func (c *Config) settle(o origins) (*keyring, error) {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(settleSecret(o, "admin-secret", &c.AdminSecret, &c.AdminSecretFile))
	ring, err := c.keyring(o)
	add(err)
	bad := len(errs) > 0
	add(c.checkAddresses(o))
	if !bad {
		add(c.checkAdminSecret(o))
		add(c.checkAuth(o, ring))
	}
	add(c.checkTLS(o))
	add(checkClaims(o, c.JWTIssuer, c.JWTAudience))
	if !cookieName(string(c.TokenCookie)) {
		add(o.problem("token-cookie", "%q cannot be a cookie's name: letters, digits, - and _ would be right", string(c.TokenCookie)))
	}
	if len(c.Origin) > maxOrigins {
		add(o.problem("origin", "%d are too many: at most %d would be right", len(c.Origin), maxOrigins))
	} else if _, err := auth.NewOrigins(c.Origin); err != nil {
		add(o.problem("origin", "%w", err))
	}
	return ring, errors.Join(errs...)
}

// settleSecret takes a secret from its file where the file goes before, else
// forgets the file.
func settleSecret(o origins, name string, s *secret, file *text) error {
	fileName := name + "-file"
	given, byFile := o[name].rank, o[fileName].rank
	switch {
	case *file == "":
		return nil
	case given > byFile:
		*file = ""
		return nil
	case given == byFile:
		return o.problem(fileName, "stands beside %s: one of the two would be right", name)
	}
	found, err := readSecret(string(*file))
	if err != nil {
		return o.problem(fileName, "%w", err)
	}
	*s = found
	o[name] = o[fileName] // what is wrong with the secret stands in the file
	return nil
}

// readSecret reads a file that holds a secret and perhaps a newline after it.
func readSecret(path string) (secret, error) {
	data, err := readBounded(path, maxSecretFile)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(data) == 0 {
		return "", fmt.Errorf("%s: is empty: a secret in it would be right", path)
	}
	return secret(data), nil
}

// checkAddresses checks where to listen.
func (c *Config) checkAddresses(o origins) error {
	var errs []error
	if len(c.Listen) > maxListen {
		errs = append(errs, o.problem("listen", "%d are too many: at most %d would be right", len(c.Listen), maxListen))
	}
	admin, err := parseAddress(string(c.Admin))
	if err != nil {
		errs = append(errs, o.problem("admin", "%w", err))
	}
	for _, l := range c.Listen {
		a, err := parseListen(l)
		if err != nil {
			errs = append(errs, o.problem("listen", "%w", err))
			continue
		}
		if a.port != 0 && a.port == admin.port {
			errs = append(errs, o.problem("admin", "%s is a port of clients (--listen %s): another one would be right", string(c.Admin), l))
		}
	}
	return errors.Join(errs...)
}

// checkAdminSecret keeps the API from being open to other machines.
func (c *Config) checkAdminSecret(o origins) error {
	for i := range len(c.AdminSecret) {
		if b := c.AdminSecret[i]; b <= ' ' || b >= 0x7f {
			return o.problem("admin-secret", "byte %d cannot stand in a header: visible ASCII characters would be right", i+1)
		}
	}
	if len(c.AdminSecret) > maxAdminSecret {
		return o.problem("admin-secret", "%d bytes are too many: at most %d would be right", len(c.AdminSecret), maxAdminSecret)
	}
	if a, err := parseAddress(string(c.Admin)); err == nil && !a.loopback() && c.AdminSecret == "" {
		return o.problem("admin", "%s can be reached from other machines: --admin-secret or --admin-secret-file is required with it; 127.0.0.1:%d would do without", string(c.Admin), a.port)
	}
	return nil
}

// checkAuth checks that tokens can be verified.
func (c *Config) checkAuth(o origins, ring *keyring) error {
	switch {
	case c.Auth != "jwt" || ring.empty() && bool(c.Dev):
		return nil
	case ring.empty():
		return o.problem("jwt-secret", "is missing, and --auth jwt needs it: at least %d bytes, as openssl rand -base64 32 makes, by --jwt-secret-file or ROOST_JWT_SECRET would be right; or --jwt-public-key or --jwks-url where others sign; or --dev to try with a random one; or --auth none to ask nobody", auth.MinSecret)
	}
	for i, s := range ring.Secrets {
		if len(s) < auth.MinSecret && !bool(c.Dev) {
			return fmt.Errorf("%s: %d bytes are too few: at least %d, as openssl rand -base64 32 makes, would be right (fewer with --dev alone)", ring.places["Secrets"][i], len(s), auth.MinSecret)
		}
	}
	return nil
}

// checkClaims bounds what tokens are compared with.
func checkClaims(o origins, issuer, audience text) error {
	check := func(name string, v text) error {
		if len(v) > maxClaim {
			return o.problem(name, "%d bytes are too many: at most %d would be right", len(v), maxClaim)
		}
		return nil
	}
	return errors.Join(check("jwt-issuer", issuer), check("jwt-audience", audience))
}

// cookieName says whether s is empty or a token as RFC 6265, section 4.1.1, asks.
func cookieName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return len(s) <= maxCookieName
}

// oddities names what has no effect or an unlikely one, and is no error.
func (c *Config) oddities(o origins) []string {
	var odd []string
	var idle []string
	if c.Auth != "jwt" {
		for i := range serveSettings {
			if serveSettings[i].section == sectionKeys {
				idle = append(idle, serveSettings[i].name)
			}
		}
	}
	if c.Auth == "none" { // a backend gets the cookie's token
		idle = append(idle, "token-cookie")
	}
	for _, name := range idle {
		if o[name].rank != fromDefault {
			odd = append(odd, o[name].place+" has no effect with --auth "+string(c.Auth))
		}
	}
	for _, name := range []string{"jwks-refresh", "jwks-insecure"} {
		if o[name].rank != fromDefault && c.JWKSURL == "" && c.Auth == "jwt" {
			odd = append(odd, o[name].place+" has no effect without --jwks-url")
		}
	}
	for _, name := range []string{"tls-cert", "tls-key", "tls-client-ca", "tls-min-version"} {
		if o[name].rank != fromDefault && !slices.ContainsFunc(c.Listen, poller.SpeaksTLS) {
			odd = append(odd, o[name].place+" has no effect without --listen tls://HOST:PORT")
		}
	}
	if c.Dev {
		for _, l := range append(list{string(c.Admin)}, c.Listen...) {
			if a, err := parseListen(l); err == nil && !a.loopback() {
				odd = append(odd, "--dev is not for service, and "+l+" can be reached from other machines")
			}
		}
	}
	return odd
}
