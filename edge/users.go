package edge

import (
	"context"
	"errors"
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/roostws/roost/auth"
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

// userHash tells users apart. It is never 0.
func (s *Server) userHash(user []byte) uint64 {
	return max(maphash.Bytes(s.seed, user), 1)
}

// ErrUser says that a name cannot be a user's.
var ErrUser = errors.New("user is not 1 to 200 bytes of UTF-8 without control characters")

// A userPost is what a loop is to do for some of a user's connections.
type userPost struct {
	user  string
	slots []poller.Slot
	send  *parcel  // this is sent to them
	bye   *goodbye // or they are ended
}

// toUser does it. A connection that is not the user's any more is passed over. Runs on
// the loop.
func (l *loop) toUser(p *userPost) {
	if p.send != nil {
		l.srv.publishBytes.Add(-p.send.cost)
	}
	for _, s := range p.slots {
		if !l.isUser(s, p.user) {
			continue
		}
		if p.send != nil {
			l.deliver(s, true, p.send)
		} else {
			l.bye(s, p.bye.why, p.bye.code, p.bye.text)
		}
	}
}

// isUser says whether a slot is a connection of the user now.
func (l *loop) isUser(s poller.Slot, user string) bool {
	return l.Owns(s) && l.Live(s) && l.session(s).flags&upgraded != 0 && string(l.claims(l.session(s)).user()) == user
}

// postUser has the loops do something for a user's connections.
func (s *Server) postUser(user string, prepare func(slots []poller.Slot) *userPost) (connections int, err error) {
	if !auth.ValidUser(user) {
		return 0, ErrUser
	}
	if !s.running.Load() {
		return 0, ErrClosed
	}
	byLoop := map[int][]poller.Slot{}
	for _, w := range s.users.of(s.userHash([]byte(user))) {
		byLoop[w.loop()] = append(byLoop[w.loop()], w.slot())
		connections++
	}
	for loop, slots := range byLoop {
		p := prepare(slots)
		post := func() error {
			if err := s.loops[loop].Loop.Post(poller.Post{Op: opSendUser, Arg: p}); err != nil {
				return ErrOverloaded
			}
			return nil
		}
		if p.send != nil {
			err = s.postParcel(p.send, post)
		} else {
			err = post()
		}
		if err != nil {
			return 0, err
		}
	}
	return connections, nil
}

// SendUser sends a message to all connections of a user and says how many those were.
// ErrUser, and the errors of Send.
func (s *Server) SendUser(user string, m Message) (connections int, err error) {
	p, err := s.parcel(&m)
	if err != nil {
		return 0, err
	}
	return s.postUser(user, func(slots []poller.Slot) *userPost {
		return &userPost{user: user, slots: slots, send: &parcel{p.raw, p.form, p.cost}}
	})
}

// DisconnectUser ends all connections of a user, with 4002 where they may come
// back and 4502 where not, and says how many those were. ErrUser.
func (s *Server) DisconnectUser(user string, reconnect bool) (connections int, err error) {
	return s.postUser(user, func(slots []poller.Slot) *userPost {
		return &userPost{user: user, slots: slots, bye: disconnect(reconnect)}
	})
}

func disconnect(reconnect bool) *goodbye {
	if reconnect {
		return &goodbye{ReasonDisconnected, 4002, "disconnected: come back"}
	}
	return &goodbye{ReasonDisconnected, 4502, "disconnected"}
}

// maxUserConns is how many connections of a user are told of.
const maxUserConns = 1000

// User tells of the connections of a user, up to a thousand. ErrUser. It waits for the
// loops, and must not be called on one.
func (s *Server) User(ctx context.Context, user string) ([]ConnInfo, error) {
	switch {
	case !auth.ValidUser(user):
		return nil, ErrUser
	case !s.running.Load():
		return nil, ErrClosed
	}
	byLoop := map[int][]poller.Slot{}
	for i, w := range s.users.of(s.userHash([]byte(user))) {
		if i == maxUserConns {
			break
		}
		byLoop[w.loop()] = append(byLoop[w.loop()], w.slot())
	}
	var list []ConnInfo
	for loop, slots := range byLoop {
		l := s.loops[loop]
		if err := s.call(ctx, l, func() {
			for _, slot := range slots {
				if l.isUser(slot, user) {
					list = append(list, l.info(slot))
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	sortConns(list)
	return list, nil
}
