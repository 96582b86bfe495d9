package edge

import (
	"math/bits"
	"sync"

	"github.com/roostws/roost/poller"
)

// users knows which connections a user has: an entry of 12 bytes for each, in
// open hashing by the hash of the name, which tells users apart. The name itself
// is the connection's. It may be used from any goroutine.
type users struct {
	parts [userParts]userPart
}

const (
	userParts = 64
	// leastUsers is the size that a part begins with.
	leastUsers = 8
)

type userPart struct {
	mu     sync.Mutex
	used   int
	hashes []uint64 // 0: free
	conns  []where
}

// where is a connection: its loop and slot.
type where uint32

func at(loop int, s poller.Slot) where { return where(loop)<<24 | where(s) }

func (w where) loop() int         { return int(w >> 24) }
func (w where) slot() poller.Slot { return poller.Slot(w & (1<<24 - 1)) }

func (u *users) part(hash uint64) *userPart { return &u.parts[hash%userParts] }

// home is where an entry would be best. It ascends with the hash, so that what is
// gone is closed up by moving what follows.
func (p *userPart) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(p.hashes)))
	return int(hi)
}

// add notes a connection of a user, unless the user has most already; most 0 is any
// number.
func (u *users) add(hash uint64, w where, most int) bool {
	p := u.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.count(hash) >= most {
		return false
	}
	if p.used*5 >= len(p.hashes)*4 { // four fifths full
		p.resize(max(leastUsers, len(p.hashes)+len(p.hashes)/2))
	}
	p.put(hash, w)
	return true
}

func (p *userPart) put(hash uint64, w where) {
	i := p.home(hash)
	for p.hashes[i] != 0 {
		i = p.next(i)
	}
	p.hashes[i], p.conns[i] = hash, w
	p.used++
}

func (p *userPart) next(i int) int {
	if i++; i == len(p.hashes) {
		return 0
	}
	return i
}

func (p *userPart) resize(n int) {
	hashes, conns := p.hashes, p.conns
	p.hashes, p.conns, p.used = make([]uint64, n), make([]where, n), 0
	for i, h := range hashes {
		if h != 0 {
			p.put(h, conns[i])
		}
	}
}

// remove forgets a connection of a user.
func (u *users) remove(hash uint64, w where) {
	p := u.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.hashes) == 0 {
		return
	}
	i := p.home(hash)
	for p.hashes[i] != hash || p.conns[i] != w {
		if p.hashes[i] == 0 {
			return
		}
		i = p.next(i)
	}
	p.close(i)
	if p.used--; len(p.hashes) > leastUsers && p.used*4 < len(p.hashes) {
		if p.used == 0 {
			p.hashes, p.conns = nil, nil
		} else {
			p.resize(max(leastUsers, p.used*2))
		}
	}
}

// close frees the entry i: what follows and may stand nearer to its home moves up.
func (p *userPart) close(i int) {
	n := len(p.hashes)
	for k := p.next(i); p.hashes[k] != 0; k = p.next(k) {
		home := p.home(p.hashes[k])
		if (k-home+n)%n >= (k-i+n)%n { // from its home to k it passes i
			p.hashes[i], p.conns[i] = p.hashes[k], p.conns[k]
			i = k
		}
	}
	p.hashes[i], p.conns[i] = 0, 0
}

// count is how many connections a user has.
func (p *userPart) count(hash uint64) (n int) {
	p.each(hash, func(where) { n++ })
	return n
}

func (p *userPart) each(hash uint64, f func(w where)) {
	if len(p.hashes) == 0 {
		return
	}
	for i := p.home(hash); p.hashes[i] != 0; i = p.next(i) {
		if p.hashes[i] == hash {
			f(p.conns[i])
		}
	}
}

// of gives the connections of a user.
func (u *users) of(hash uint64) (list []where) {
	p := u.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each(hash, func(w where) { list = append(list, w) })
	return list
}

// len is how many connections of users there are.
func (u *users) len() (n int) {
	for i := range u.parts {
		p := &u.parts[i]
		p.mu.Lock()
		n += p.used
		p.mu.Unlock()
	}
	return n
}

// bytes is what all of it takes.
func (u *users) bytes() (n int64) {
	for i := range u.parts {
		p := &u.parts[i]
		p.mu.Lock()
		n += int64(len(p.hashes)) * 12
		p.mu.Unlock()
	}
	return n
}
