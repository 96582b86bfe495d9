package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// reload reads again what a SIGHUP is for: the keys of tokens, certificates, and the rules of rooms.
// What is wrong is logged, and the old stays in force.
func (n *node) reload() {
	if n.keys != nil {
		n.keys.reload()
	}
	p, err := n.again()
	if n.certs != nil {
		wrong := err
		if err == nil {
			wrong = n.reloadCertificates(p)
		}
		if wrong != nil {
			n.log.Error("cannot read the certificates again: the old ones stay in force", "error", wrong)
		}
	}
	if err == nil {
		var rules []edge.RoomPolicy
		if rules, err = policies(p.sections.rooms); err == nil {
			if err = n.server.ReloadRooms(rules); err == nil {
				n.log.Info("read the rules of rooms again", "rules", len(rules))
			}
		}
	}
	if err != nil {
		n.log.Error("cannot read the rules of rooms again: the old ones stay in force", "error", err)
	}
}

// liveKeys are the keys in force, and what it takes to read them again.
type liveKeys struct {
	// Static after construction.
	verifier *auth.Keys
	hide     *redactor
	log      *slog.Logger
	again    func() (*parsed, error) // reads the configuration as it was read at the start

	// Of the goroutine that hears the signals.
	ring *keyring
}

// reload reads the secrets, the PEM files, and what the configuration says of keys. What
// is wrong is logged, and the old stays in force, all of it.
func (k *liveKeys) reload() {
	ring, err := k.read()
	if err == nil {
		k.hide.hide(ring.secrets()...)
		ring.Logger = k.log
		if err = k.verifier.Reload(ring.KeysConfig); err != nil {
			err = ring.problems(err)
		}
	}
	if err != nil {
		k.log.Error("cannot read the keys again: the old ones stay in force", "error", err)
		return
	}
	changed := ring.changes(k.ring)
	k.ring = ring
	if len(changed) == 0 {
		k.log.Info("read the keys again: none is changed", "secrets", len(ring.Secrets), "public_keys", len(ring.PublicKeys))
		return
	}
	k.log.Info("read the keys again", "changed", strings.Join(changed, ","), "secrets", len(ring.Secrets), "public_keys", len(ring.PublicKeys))
}

// read gives the keyring as it is now. The secret that --dev made stays.
func (k *liveKeys) read() (*keyring, error) {
	p, err := k.again()
	if err != nil {
		return nil, err
	}
	c := &p.grammar.Serve
	switch {
	case c.Auth != "jwt":
		return nil, fmt.Errorf("--auth is %s now: a restart would be right", c.Auth)
	case !p.keys.empty():
		return p.keys, nil
	case len(k.ring.Secrets) == 0:
		return nil, errors.New("there is no key any more: one would be right")
	}
	p.keys.use(secret(k.ring.Secrets[0]))
	return p.keys, nil
}
