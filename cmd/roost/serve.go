package main

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/poller"
)

// serve runs the server until a signal ends it, and gives the exit status.
func serve(p *parsed, stdout, stderr io.Writer) int {
	c, o, ring := &p.grammar.Serve, p.origins, p.keys
	files := raiseFileLimit()
	if bool(c.Dev) && c.Auth == "jwt" && ring.empty() {
		c.JWTSecret = randomSecret()
		ring.use(c.JWTSecret)
	}
	hide := new(redactor)
	hide.hide(ring.secrets()...)
	if p.sections.webhooks != nil {
		hide.hide(p.sections.webhooks.Secret)
	}
	log := newLogger(stderr, c, hide)
	cfg, err := c.edge(o, p.sections.policies, log)
	var verifier *auth.Keys
	if c.Auth == "jwt" {
		var wrong error
		ring.Logger = log
		verifier, wrong = ring.verifier(time.Now())
		err = errors.Join(err, wrong)
		cfg.Auth = verifier
	}
	shown, wrong := c.readCertificates(o, log)
	if err = errors.Join(err, wrong); err != nil {
		return report(stderr, &usageError{err, "roost serve --help"})
	}
	if c.Check {
		p.tell(stderr)
		if err := printConfig(stdout, c, o, computedDefaults(), &p.sections); err != nil {
			return report(stderr, err)
		}
		return statusOK
	}

	for _, h := range p.hints {
		log.Warn(h)
	}

	// A log that nobody reads any more must not end the server: without this, a
	// write to a closed stderr would.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	n, err := newNode(c, cfg, p.sections.webhooks, shown, log)
	if err != nil {
		log.Error("cannot start", "error", err)
		return statusFailed
	}
	n.again = p.again
	if verifier != nil {
		n.keys = &liveKeys{verifier: verifier, ring: ring, hide: hide, log: log, again: p.again}
	}
	n.logStart(files)
	if c.Dev {
		if err := n.dev.print(stdout); err != nil {
			log.Warn("cannot print the URLs", "error", err)
		}
	}
	return n.run(signals)
}

// computedDefaults are the defaults that depend on the machine.
func computedDefaults() map[string]string {
	return map[string]string{
		"loops":           strconv.Itoa(poller.DefaultLoops()),
		"outbox-memory":   formatSize(edge.DefaultOutboxMemory()),
		"max-connections": strconv.Itoa(edge.DefaultMaxConnections()),
	}
}

// edge is the part of a Config that is for the edge. An error names the flag.
func (c *Config) edge(o origins, rooms []edge.RoomPolicy, log *slog.Logger) (edge.Config, error) {
	cfg := edge.Config{
		Listen:         c.Listen,
		Loops:          int(c.Loops),
		Echo:           bool(c.Echo),
		Deflate:        bool(c.Deflate),
		TrustedProxies: c.TrustedProxy, ProxyProtocol: bool(c.ProxyProtocol),
		HandshakesPerSecond: int(c.HandshakesPerSecond), MessagesPerSecond: int(c.MessagesPerSecond), BytesPerSecond: int64(c.BytesPerSecond),
		MaxPerAddress:    int(c.MaxPerAddress),
		Origins:          c.Origin,
		TokenCookie:      string(c.TokenCookie),
		Rooms:            rooms,
		MaxPerUser:       int(c.MaxPerUser),
		MaxJoined:        int(c.MaxJoined),
		HistoryMemory:    int64(c.HistoryMemory),
		DocumentMemory:   int64(c.DocumentMemory),
		MaxMessage:       int(c.MaxMessage),
		MaxConnections:   int(c.MaxConnections),
		Outbox:           int(c.Outbox),
		OutboxMemory:     int64(c.OutboxMemory),
		PublishMemory:    int64(c.PublishMemory),
		Heartbeat:        time.Duration(c.Heartbeat),
		HeartbeatTimeout: time.Duration(c.HeartbeatTimeout),
		HandshakeTimeout: time.Duration(c.HandshakeTimeout),
		DrainTimeout:     time.Duration(c.DrainTimeout),
		Logger:           log,
	}
	cfg.TLS = new(tls.Config) // newNode's is made of the files
	errs := flagErrors(o, cfg.Validate())
	return cfg, errors.Join(errs...)
}

// flagErrors turns the edge's errors, which name fields, into ours.
func flagErrors(o origins, err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, flagErrors(o, e)...)
		}
		return errs
	}
	var field *edge.FieldError
	if !errors.As(err, &field) {
		return []error{err}
	}
	name := fieldFlag(field.Field)
	switch name { // flags that are repeated, and so in the singular
	case "origins":
		name = "origin"
	case "trusted-proxies":
		name = "trusted-proxy"
	}
	return []error{o.problem(name, "%s", field.Problem)}
}
