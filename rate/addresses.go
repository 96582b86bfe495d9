package rate

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Addresses counts the connections of each client address. An IPv6 address counts
// by its first 64 bits, because whoever has one has its whole network. It may be
// used from any goroutine.
//
// How many it tells apart is bounded. Where there are more, the connections of
// those that found no room count together as those of one address, against the same
// limit. So ever new addresses pass no limit; they keep out who else is new, but not
// who is known. As many as there may be connections are always enough.
type Addresses struct {
	// Each guarded by its own mu. First, so that parts lie on cache lines.
	parts    [parts]part
	overflow overflow

	// Static after construction.
	seed maphash.Seed // so that nobody can choose addresses that get in each other's way
	most int64

	// Atomic.
	known atomic.Int64 // addresses in all parts
}

const parts = 64

// An overflow counts the connections of all addresses that found no room.
type overflow struct {
	mu sync.Mutex
	n  uint32
}

// A part has the addresses whose hashes fall into it, so that goroutines seldom
// wait for each other. One has 64 bytes, a cache line.
type part struct {
	mu sync.Mutex
	table
}

// NewAddresses makes Addresses that tells up to most apart.
func NewAddresses(most int) *Addresses {
	return &Addresses{seed: maphash.MakeSeed(), most: int64(most)}
}

// Add counts one more connection of an address, unless it has most already; most 0
// is any number. What is not a valid address counts as one.
func (a *Addresses) Add(addr netip.Addr, most int) bool {
	limit := uint32(math.MaxUint32)
	if most > 0 {
		limit = uint32(min(int64(most), math.MaxUint32))
	}
	key, p, slot := a.place(addr)
	p.mu.Lock()
	i, ok := p.find(key, slot)
	switch {
	case ok && p.counts[i] < limit:
		p.counts[i]++
		p.mu.Unlock()
		return true
	case ok:
		p.mu.Unlock()
		return false
	case a.known.Add(1) <= a.most:
		p.insert(key, slot, a.seed)
		p.mu.Unlock()
		return true
	}
	a.known.Add(-1)
	p.mu.Unlock()
	return a.overflow.add(limit)
}

// Remove counts one connection of an address less, which Add counted.
func (a *Addresses) Remove(addr netip.Addr) {
	key, p, slot := a.place(addr)
	p.mu.Lock()
	i, ok := p.find(key, slot)
	if ok {
		if p.counts[i]--; p.counts[i] == 0 {
			p.remove(i, a.seed)
			a.known.Add(-1)
		}
	}
	p.mu.Unlock()
	// Where an address found room after it had none, its own count goes first: the
	// sums are right in any order. Until then it may have twice what a limit says.
	if !ok {
		a.overflow.remove()
	}
}

// Len is how many addresses with connections are told apart.
func (a *Addresses) Len() int { return int(min(a.known.Load(), a.most)) }

// Overflow is how many connections are of addresses that found no room.
func (a *Addresses) Overflow() int {
	a.overflow.mu.Lock()
	defer a.overflow.mu.Unlock()
	return int(a.overflow.n)
}

// Bytes is what it takes of memory.
func (a *Addresses) Bytes() int {
	n := int(unsafe.Sizeof(*a))
	for i := range a.parts {
		p := &a.parts[i]
		p.mu.Lock()
		n += len(p.keys) * slotBytes
		p.mu.Unlock()
	}
	return n
}

func (o *overflow) add(limit uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n >= limit {
		return false
	}
	o.n++
	return true
}

func (o *overflow) remove() {
	o.mu.Lock()
	o.n -= min(o.n, 1)
	o.mu.Unlock()
}

// place gives an address' key, its part, and its slot there.
func (a *Addresses) place(addr netip.Addr) (key uint64, p *part, slot uint32) {
	key = addressKey(addr)
	h := hash(a.seed, key)
	return key, &a.parts[h%parts], uint32(h >> 32)
}

// Keys of IPv4 and of no address are where no IPv6 network is (RFC 4291, 2.4: 0::/8
// is reserved).
const (
	ipv4Key    = 0xffff << 32
	invalidKey = 0xfffe << 32
)

// addressKey is the first half of an IPv6 address, and other than that for all else.
func addressKey(addr netip.Addr) uint64 {
	switch addr = addr.Unmap(); {
	case addr.Is4():
		b := addr.As4()
		return ipv4Key | uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	case addr.Is6():
		b := addr.As16()
		key := uint64(0)
		for _, c := range b[:8] {
			key = key<<8 | uint64(c)
		}
		return key
	}
	return invalidKey
}
