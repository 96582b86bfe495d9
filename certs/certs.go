package certs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxPairs is how many certificates there may be.
	MaxPairs = 64
	// MaxFile is the bytes of a file.
	MaxFile = 1 << 20
	// soon is how long before its end a certificate is warned of.
	soon = 7 * 24 * time.Hour
)

// A Pair is a certificate's files: its chain, the server's own first, and its key.
type Pair struct{ Cert, Key string }

// Config names the files.
type Config struct {
	Pairs      []Pair        // 1 to 64
	ClientCA   string        // authorities of which each client must show a certificate; empty: none need be shown
	MinVersion uint16        // of TLS. Default 1.2
	Interval   time.Duration // how often it is looked whether files have changed. Default 5 s
	Logger     *slog.Logger  // Default: none
}

// A FileError says what is wrong with a file, or with a pair of them.
type FileError struct {
	Pair int  // which of Config.Pairs, from 0; -1: the ClientCA
	Key  bool // it is the pair's Key alone
	Err  error
}

func (e *FileError) Error() string { return e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Certificates are what is in force.
type Certificates struct {
	// Static after construction.
	log      *slog.Logger
	interval time.Duration

	// Atomic.
	current  atomic.Pointer[loaded]
	reloads  atomic.Uint64
	failures atomic.Uint64

	// Guarded by mu: what Reload and Run were told last.
	mu     sync.Mutex
	cfg    Config
	broken *contents // what was refused, so that it is told once
}

// loaded is what is shown, and what it was made of.
type loaded struct {
	config   *tls.Config
	contents contents
	ends     []End
}

// contents are what the files hold, in the order of Config: certificates with their keys,
// then the authorities.
type contents []file

// A file is what was read of one.
type file struct {
	text []byte
	err  error // why it was not
}

// An End says when a certificate ends.
type End struct {
	Name     string // its first DNS name or address, else its subject
	NotAfter time.Time
}

// Stats is what Certificates count, since they were made.
type Stats struct {
	Reloads  uint64 // changes that came into force
	Failures uint64 // changes that were refused
	Ends     []End  // of the certificates in force
}

// New reads the files. It joins a FileError for each that is wrong.
func New(cfg Config) (*Certificates, error) {
	c := &Certificates{log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), interval: cmp.Or(cfg.Interval, 5*time.Second), cfg: cfg}
	now, err := load(cfg, read(cfg))
	if err != nil {
		return nil, err
	}
	c.current.Store(now)
	c.warn(now)
	return c, nil
}

// TLS gives the configuration of a server that shows what is in force at each handshake.
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return c.current.Load().config, nil
	}}
}

// Reload reads the files that cfg names, of which Interval and Logger are not looked at.
// It says whether anything is changed. Where it fails, all stays as it was.
func (c *Certificates) Reload(cfg Config) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, err = c.apply(cfg, read(cfg))
	if err == nil {
		c.cfg = cfg
	}
	return changed, err
}

// apply brings into force what the files of cfg hold. Mu is held.
func (c *Certificates) apply(cfg Config, found contents) (changed bool, err error) {
	now, err := load(cfg, found)
	if err != nil {
		c.failures.Add(1)
		return false, err
	}
	c.broken = nil
	before := c.current.Load()
	if before.contents.equal(now.contents) && before.config.MinVersion == now.config.MinVersion {
		return false, nil
	}
	c.current.Store(now)
	c.reloads.Add(1)
	c.warn(now)
	return true, nil
}

// Run looks after the files until ctx ends.
func (c *Certificates) Run(ctx context.Context) {
	tick := time.NewTicker(c.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.look()
		}
	}
}

// look reads the files, and where they hold something else than before, applies it. What
// is wrong with it is told once.
func (c *Certificates) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := read(c.cfg)
	if found.equal(c.current.Load().contents) {
		c.broken = nil // somebody has put back what was there
		return
	}
	if c.broken != nil && found.equal(*c.broken) {
		return
	}
	if _, err := c.apply(c.cfg, found); err != nil {
		c.broken = &found
		c.log.Error("the files of certificates have changed and are not right: the old ones stay in force", "error", err)
		return
	}
	c.log.Info("read the certificates again: their files have changed", "certificates", len(c.cfg.Pairs))
}

// warn tells of certificates that end soon.
func (c *Certificates) warn(now *loaded) {
	for _, e := range now.ends {
		switch left := time.Until(e.NotAfter); {
		case left <= 0:
			c.log.Warn("a certificate has ended: clients will refuse it", "name", e.Name, "not_after", e.NotAfter)
		case left < soon:
			c.log.Warn("a certificate ends soon", "name", e.Name, "not_after", e.NotAfter)
		}
	}
}

// Stats counts.
func (c *Certificates) Stats() Stats {
	return Stats{Reloads: c.reloads.Load(), Failures: c.failures.Load(), Ends: c.current.Load().ends}
}

func (a contents) equal(b contents) bool {
	return slices.EqualFunc(a, b, func(x, y file) bool { return bytes.Equal(x.text, y.text) })
}

// read reads the files.
func read(cfg Config) contents {
	var all contents
	add := func(path string) {
		b, err := readFile(path)
		all = append(all, file{b, err})
	}
	for _, p := range cfg.Pairs {
		add(p.Cert)
		add(p.Key)
	}
	if cfg.ClientCA != "" {
		add(cfg.ClientCA)
	}
	return all
}

// readFile reads a file up to MaxFile.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > MaxFile:
		return nil, fmt.Errorf("%s: is over %d bytes: certificates or a key in PEM would be right", path, MaxFile)
	}
	return b, nil
}

// load makes what the files say, as read found them.
func load(cfg Config, found contents) (*loaded, error) {
	if len(cfg.Pairs) == 0 || len(cfg.Pairs) > MaxPairs {
		return nil, fmt.Errorf("%d certificates: 1 to %d would be right", len(cfg.Pairs), MaxPairs)
	}
	now := &loaded{config: &tls.Config{MinVersion: max(cfg.MinVersion, tls.VersionTLS12)}, contents: found}
	var errs []error
	for i, p := range cfg.Pairs {
		chain, key := found[2*i], found[2*i+1]
		if chain.err != nil {
			errs = append(errs, &FileError{Pair: i, Err: chain.err})
		}
		if key.err != nil {
			errs = append(errs, &FileError{Pair: i, Key: true, Err: key.err})
		}
		if chain.err != nil || key.err != nil {
			continue
		}
		cert, err := tls.X509KeyPair(chain.text, key.text)
		if err != nil {
			err = fmt.Errorf("%s with %s: %w: a chain of certificates in PEM, and the key of its first, would be right", p.Cert, p.Key, err)
			errs = append(errs, &FileError{Pair: i, Err: err})
			continue
		}
		now.config.Certificates = append(now.config.Certificates, cert)
		now.ends = append(now.ends, End{nameOf(cert.Leaf), cert.Leaf.NotAfter})
	}
	if cfg.ClientCA != "" {
		ca := found[2*len(cfg.Pairs)]
		err, pool := ca.err, x509.NewCertPool()
		if err == nil && !pool.AppendCertsFromPEM(ca.text) {
			err = fmt.Errorf("%s: holds no certificate: those of authorities in PEM would be right", cfg.ClientCA)
		}
		if err != nil {
			errs = append(errs, &FileError{Pair: -1, Err: err})
		}
		now.config.ClientCAs, now.config.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return now, nil
}

// nameOf is how a certificate is called in metrics and logs.
func nameOf(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return c.Subject.CommonName
}
