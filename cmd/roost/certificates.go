package main

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"

	"github.com/roostws/roost/certs"
	"github.com/roostws/roost/poller"
)

// checkTLS checks that there is a key for each certificate, and a certificate where one
// is needed. What the files hold is looked at when they are read.
func (c *Config) checkTLS(o origins) error {
	var errs []error
	switch n, keys := len(c.TLSCert), len(c.TLSKey); {
	case n > certs.MaxPairs:
		errs = append(errs, o.problem("tls-cert", "%d are too many: at most %d would be right", n, certs.MaxPairs))
	case n > keys:
		errs = append(errs, o.problem("tls-cert", "%s has no key: as many --tls-key as --tls-cert, in the same order, would be right", c.TLSCert[keys]))
	case n < keys:
		errs = append(errs, o.problem("tls-key", "%s has no certificate: as many --tls-cert as --tls-key, in the same order, would be right", c.TLSKey[n]))
	}
	if i := slices.IndexFunc(c.Listen, poller.SpeaksTLS); i >= 0 && len(c.TLSCert) == 0 {
		errs = append(errs, o.problem("listen", "%s needs --tls-cert and --tls-key", c.Listen[i]))
	}
	return errors.Join(errs...)
}

// certificates says which files hold what clients are shown.
func (c *Config) certificates() certs.Config {
	cfg := certs.Config{ClientCA: string(c.TLSClientCA), MinVersion: tls.VersionTLS12}
	if c.TLSMinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	for i := range min(len(c.TLSCert), len(c.TLSKey)) {
		cfg.Pairs = append(cfg.Pairs, certs.Pair{Cert: c.TLSCert[i], Key: c.TLSKey[i]})
	}
	return cfg
}

// readCertificates reads them; nil where no listener needs any.
func (c *Config) readCertificates(o origins, log *slog.Logger) (*certs.Certificates, error) {
	if !slices.ContainsFunc(c.Listen, poller.SpeaksTLS) {
		return nil, nil
	}
	cfg := c.certificates()
	cfg.Logger = log
	all, err := certs.New(cfg)
	return all, o.certErrors(err)
}

// certErrors says which flags the errors of certs are about.
func (o origins) certErrors(err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, e := range all {
		name := "tls-cert"
		var file *certs.FileError
		switch {
		case !errors.As(e, &file):
		case file.Pair < 0:
			name = "tls-client-ca"
		case file.Key:
			name = "tls-key"
		}
		all[i] = o.problem(name, "%w", e)
	}
	return errors.Join(all...)
}

// reloadCertificates reads the certificates that p names.
func (n *node) reloadCertificates(p *parsed) error {
	cfg := p.grammar.Serve.certificates()
	changed, err := n.certs.Reload(cfg)
	if err != nil {
		return p.origins.certErrors(err)
	}
	n.log.Info("read the certificates again", "certificates", len(cfg.Pairs), "changed", changed)
	return nil
}
