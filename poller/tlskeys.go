package poller

import "github.com/roostws/roost/tlsrecord"

const (
	// keptKeys is of how many connections a loop keeps the ciphers, 3 KB each at most. It
	// is a power of two.
	keptKeys = 1 << 14
	// keysAfter is how often something is to be read from or written to a connection, with
	// less than keysIdle seconds between, before its ciphers are kept. A ping with its pong
	// is two: an idle connection keeps none.
	keysAfter = 2
	keysIdle  = 2
)

// A keyslot holds the ciphers of the connection that has spoken last of those that share it.
type keyslot struct {
	keys tlsrecord.Keys
	slot Slot
	gen  uint32
	last uint32 // the second of the last use
	uses int    // up to keysAfter
}

// keysOf gives the ciphers for the next record of s; they need not be made yet. To make
// them takes some 2 µs, and so those of connections that speak are kept.
func (l *Loop) keysOf(s Slot) *tlsrecord.Keys {
	if l.keys == nil {
		l.keys = make([]*keyslot, keptKeys)
	}
	k, gen := l.keys[s%keptKeys], l.recs.At(s).generation()
	if k == nil {
		k = new(keyslot)
		l.keys[s%keptKeys] = k
		l.usedKeys = append(l.usedKeys, s%keptKeys)
	}
	if k.slot != s || k.gen != gen || l.second-k.last >= keysIdle {
		k.keys.Forget()
		k.slot, k.gen, k.uses = s, gen, 0
	}
	k.last = l.second
	if k.uses < keysAfter {
		k.uses++
		l.passing.Forget()
		return &l.passing
	}
	return &k.keys
}

// forgetKeys ends the ciphers of s.
func (l *Loop) forgetKeys(s Slot) {
	if l.keys == nil {
		return
	}
	if k := l.keys[s%keptKeys]; k != nil && k.slot == s {
		k.keys.Forget()
		k.uses = 0
	}
	l.passing.Forget()
}

// forgetIdleKeys gives back the ciphers that were not used for some seconds.
func (l *Loop) forgetIdleKeys() {
	if l.keysLooked == l.second {
		return
	}
	l.keysLooked = l.second
	kept := l.usedKeys[:0]
	for _, i := range l.usedKeys {
		if l.second-l.keys[i].last >= keysIdle {
			l.keys[i] = nil
		} else {
			kept = append(kept, i)
		}
	}
	l.usedKeys = kept
}
