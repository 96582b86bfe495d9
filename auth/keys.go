package auth

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys verifies tokens that are signed with any of several keys: secrets, public keys,
// and those that a key server publishes. What they are can be changed while tokens are
// verified. A key is used with algorithms of its own type alone.
type Keys struct {
	// Atomic.
	set atomic.Pointer[keySet]

	mu       sync.Mutex    // guards Reload
	replaced chan struct{} // guarded by mu; closed once the set has another remote
}

// A keySet is the keys of one configuration. It does not change.
type keySet struct {
	rules
	allow  algorithms // what a token may be signed with
	hmac   *HMAC      // of the secrets; nil: there is none
	public []key
	remote *remote // nil: there is no key server
}

// NewKeys returns an error that names each field that is wrong; it holds no secret. A
// key server is asked once Run runs.
func NewKeys(cfg KeysConfig) (*Keys, error) {
	k := &Keys{replaced: make(chan struct{})}
	if err := k.Reload(cfg); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload has a new configuration take the place of the old. Where it is wrong the old
// stays in force. The keys of a key server stay until it, or the one that replaces it,
// answers.
func (k *Keys) Reload(cfg KeysConfig) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.set.Load()
	s, err := cfg.set(old)
	if err != nil {
		return err
	}
	k.set.Store(s)
	switch {
	case old == nil || old.remote != s.remote:
		close(k.replaced)
		k.replaced = make(chan struct{})
	case s.remote != nil:
		s.remote.ask()
	}
	return nil
}

// Inline is true while all keys are secrets: all that Verify needs is in memory then,
// and quick.
func (k *Keys) Inline() bool {
	s := k.set.Load()
	return s.public == nil && s.remote == nil
}

// Run asks the key server now and then, until ctx ends. It logs what it cannot get and
// goes on. Run runs once.
func (k *Keys) Run(ctx context.Context) {
	for ctx.Err() == nil {
		k.mu.Lock()
		r, replaced := k.set.Load().remote, k.replaced
		k.mu.Unlock()
		if r != nil {
			r.run(ctx, replaced)
			continue
		}
		select {
		case <-ctx.Done():
		case <-replaced:
		}
	}
}

// KeysStats say how Keys is. They are of all time.
type KeysStats struct {
	Keys      int       // in force, secrets among them
	Refreshed time.Time // when the key server last gave its keys; zero: never
	Refreshes uint64    // times that it gave them
	Failures  uint64    // times that it did not
	Unknown   uint64    // tokens whose key was not known when they came
}

// Stats may be called at any time.
func (k *Keys) Stats() KeysStats {
	s := k.set.Load()
	st := KeysStats{Keys: len(s.public)}
	if s.hmac != nil {
		st.Keys += len(s.hmac.keys)
	}
	if r := s.remote; r != nil {
		a := r.state.Load()
		st.Keys += len(a.keys)
		st.Refreshed = a.refresh
		st.Refreshes, st.Failures, st.Unknown = r.refreshes.Load(), r.failures.Load(), r.unknown.Load()
	}
	return st
}

// Verify implements Verifier. It waits, a second at most, where ctx has a deadline and
// the token's key is one that the key server may know; ErrUnavailable says that it has
// not answered. It follows HMAC in all else.
func (k *Keys) Verify(ctx context.Context, token string, now time.Time) (Identity, error) {
	s := k.set.Load()
	if s.public == nil && s.remote == nil {
		return s.hmac.Verify(ctx, token, now)
	}
	return s.verify(ctx, token, now)
}

func (s *keySet) verify(ctx context.Context, token string, now time.Time) (Identity, error) {
	first, last, err := parts(token)
	if err != nil {
		return Identity{}, err
	}
	h, err := s.header(token[:first])
	if err != nil {
		return Identity{}, err
	}
	a := known[h.algorithm]
	kid, ok := h.kid()
	switch {
	case a == nil || s.allow&a.bit == 0:
		return Identity{}, s.errAlgorithm
	case h.critical:
		return Identity{}, errCritical
	case !ok:
		return Identity{}, errKid
	}
	signature, err := s.decoder.DecodeSegment(token[last+1:])
	if err != nil {
		return Identity{}, errForm
	}
	t := trial{algorithm: a, kid: kid, text: token[:last], signature: signature}
	if err := s.signed(ctx, &t); err != nil {
		return Identity{}, err
	}
	return s.identity(token[first+1:last], now)
}

// signed says by nil that one of the keys made a signature. A secret has no name, and is
// tried whatever the kid.
func (s *keySet) signed(ctx context.Context, t *trial) error {
	if t.algorithm.secret {
		if !s.hmac.signed(t.algorithm.method.(*jwt.SigningMethodHMAC), t.text, t.signature) {
			return ErrSignature
		}
		return nil
	}
	switch _, ok := t.by(s.public); {
	case ok:
		return nil
	case s.remote == nil:
		return ErrSignature
	}
	return s.remote.signed(ctx, t)
}

// A trial is a signature of a token and what may have made it.
type trial struct {
	algorithm *algorithm
	kid       string // empty: any key
	text      string // what is signed
	signature []byte
}

// by says whether one of keys made the signature, and whether there is one that should
// have: one with the token's kid; where it names none, one of the right type. At most
// MaxKeys are tried.
func (t *trial) by(keys []key) (named, ok bool) {
	tried := 0
	for i := range keys {
		k := &keys[i]
		fits := k.fits&t.algorithm.bit != 0
		named = named || k.id == t.kid && t.kid != "" || fits && t.kid == ""
		if !fits || k.id != "" && t.kid != "" && k.id != t.kid {
			continue
		}
		if tried++; tried > MaxKeys {
			break
		}
		if t.algorithm.method.Verify(t.text, t.signature, k.public) == nil {
			return true, true
		}
	}
	return named, false
}
