package edge

import (
	"math/bits"
	"sync"

	"github.com/roostws/roost/poller"
)

// users knows which connections a user has. Of each user a table has 8 bytes, in open
// hashing: a part of the hash of the name, and the first connection; from there a list
// goes through all of them, 8 bytes each. The name itself is the connection's: who
// looks for a user must look at it, since two users in some 10^11 are taken for one
// here. All is O(1), however many connections a user has. It may be used from any
// goroutine.
type users struct {
	links *poller.Table[link] // by slot; those of a user's connections are guarded by its part's mu
	parts [userParts]userPart
}

const (
	userParts = 64
	// leastUsers is the size that a part begins with.
	leastUsers = 8
)

type userPart struct {
	mu      sync.Mutex
	used    int
	conns   int
	entries []userEntry
}

type userEntry struct {
	tag   uint32 // 0: free
	first where
}

// A link is a connection's place in the list of its user's.
type link struct {
	next uint32 // the next connection, and 1; 0: none
	prev uint32 // the one before; of the first, isFirst and how many there are
}

const isFirst = 1 << 31

// where is a connection: its loop and slot, in 30 bits.
type where uint32

func at(loop int, s poller.Slot) where { return where(loop)<<24 | where(s) }

func (w where) loop() int         { return int(w >> 24) }
func (w where) slot() poller.Slot { return poller.Slot(w & (1<<24 - 1)) }

func newUsers(slots int) (*users, error) {
	links, err := poller.NewTable[link](slots)
	if err != nil {
		return nil, err
	}
	return &users{links: links}, nil
}

func (u *users) part(hash uint64) *userPart { return &u.parts[hash%userParts] }

func tagOf(hash uint64) uint32 { return max(uint32(hash>>32), 1) }

func (u *users) link(w where) *link { return u.links.At(w.slot()) }

// add notes a connection of a user, unless the user has most already; most 0 is any
// number.
func (u *users) add(hash uint64, w where, most int) bool {
	p, tag := u.part(hash), tagOf(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.find(tag)
	if e == nil {
		p.put(userEntry{tag, w})
		*u.link(w) = link{prev: isFirst | 1}
		p.conns++
		return true
	}
	first := u.link(e.first)
	n := first.prev &^ isFirst
	if most > 0 && int(n) >= most {
		return false
	}
	*u.link(w) = link{next: uint32(e.first) + 1, prev: isFirst | (n + 1)}
	first.prev = uint32(w)
	e.first = w
	p.conns++
	return true
}

// remove forgets a connection of a user, which add noted.
func (u *users) remove(hash uint64, w where) {
	p, tag := u.part(hash), tagOf(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.find(tag)
	if e == nil {
		return
	}
	p.conns--
	k := *u.link(w)
	*u.link(w) = link{}
	n := u.link(e.first).prev&^isFirst - 1
	switch {
	case e.first != w:
		u.link(where(k.prev)).next = k.next
		if k.next != 0 {
			u.link(where(k.next - 1)).prev = k.prev
		}
	case k.next == 0:
		p.drop(tag)
		return
	default:
		n = k.prev&^isFirst - 1
		e.first = where(k.next - 1)
	}
	u.link(e.first).prev = isFirst | n
}

// of gives the connections of a user, and perhaps those of another.
func (u *users) of(hash uint64) (list []where) {
	p := u.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.find(tagOf(hash))
	if e == nil {
		return nil
	}
	for next := uint32(e.first) + 1; next != 0; next = u.link(where(next - 1)).next {
		list = append(list, where(next-1))
	}
	return list
}

// len is how many connections of users there are.
func (u *users) len() (n int) {
	for i := range u.parts {
		p := &u.parts[i]
		p.mu.Lock()
		n += p.conns
		p.mu.Unlock()
	}
	return n
}

// bytes is what all of it takes.
func (u *users) bytes() (n int64) {
	for i := range u.parts {
		p := &u.parts[i]
		p.mu.Lock()
		n += int64(len(p.entries)+p.conns) * 8
		p.mu.Unlock()
	}
	return n
}

// home is where an entry would be best. It ascends with the tag, so that what is gone
// is closed up by moving what follows.
func (p *userPart) home(tag uint32) int {
	hi, _ := bits.Mul64(uint64(tag)<<32, uint64(len(p.entries)))
	return int(hi)
}

func (p *userPart) next(i int) int {
	if i++; i == len(p.entries) {
		return 0
	}
	return i
}

func (p *userPart) find(tag uint32) *userEntry {
	if len(p.entries) == 0 {
		return nil
	}
	for i := p.home(tag); p.entries[i].tag != 0; i = p.next(i) {
		if p.entries[i].tag == tag {
			return &p.entries[i]
		}
	}
	return nil
}

func (p *userPart) put(e userEntry) {
	if p.used*8 >= len(p.entries)*7 { // seven eighths full
		p.resize(max(leastUsers, len(p.entries)+len(p.entries)/4))
	}
	i := p.home(e.tag)
	for p.entries[i].tag != 0 {
		i = p.next(i)
	}
	p.entries[i] = e
	p.used++
}

func (p *userPart) resize(n int) {
	old := p.entries
	p.entries, p.used = make([]userEntry, n), 0
	for _, e := range old {
		if e.tag != 0 {
			p.put(e)
		}
	}
}

// drop frees the entry of a tag: what follows and may stand nearer to its home moves up.
func (p *userPart) drop(tag uint32) {
	i := p.home(tag)
	for p.entries[i].tag != tag {
		i = p.next(i)
	}
	n := len(p.entries)
	for k := p.next(i); p.entries[k].tag != 0; k = p.next(k) {
		home := p.home(p.entries[k].tag)
		if (k-home+n)%n >= (k-i+n)%n { // from its home to k it passes i
			p.entries[i] = p.entries[k]
			i = k
		}
	}
	p.entries[i] = userEntry{}
	if p.used--; len(p.entries) > leastUsers && p.used*4 < len(p.entries) {
		p.resize(max(leastUsers, p.used*2))
	}
}
