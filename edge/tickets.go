package edge

import (
	"container/list"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"github.com/roostws/roost/auth"
)

const (
	// maxTickets is how many tickets may be good at a time.
	maxTickets = 100000
	// maxTicketTTL is how long a ticket may be good.
	maxTicketTTL = 24 * time.Hour
	ticketBytes  = 18 // of chance
)

// ErrFull says that as many tickets are good as may be.
var ErrFull = errors.New("as many tickets are good as may be: 100000")

var errTicket = errors.New("the ticket is not good: it was used, has expired, or never was one")

// tickets let whoever brings one in, once. They may be used from any goroutine.
type tickets struct {
	mu     sync.Mutex
	byName map[string]*list.Element
	byAge  list.List // of *ticket; the first made first
}

type ticket struct {
	name    string
	id      auth.Identity
	expires time.Time
}

// add makes a ticket.
func (t *tickets) add(id auth.Identity, now time.Time, ttl time.Duration) (name string, err error) {
	var chance [ticketBytes]byte
	_, _ = rand.Read(chance[:]) // never fails
	name = base64.RawURLEncoding.EncodeToString(chance[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byName) >= maxTickets {
		t.sweep(now, maxTickets)
	}
	if len(t.byName) >= maxTickets {
		return "", ErrFull
	}
	if t.byName == nil {
		t.byName = make(map[string]*list.Element)
	}
	t.byName[name] = t.byAge.PushBack(&ticket{name, id, now.Add(ttl)})
	return name, nil
}

// take gives whose a ticket is, and ends it.
func (t *tickets) take(name string, now time.Time) (auth.Identity, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.byName[name]
	if e == nil {
		return auth.Identity{}, errTicket
	}
	k := e.Value.(*ticket)
	t.drop(e)
	if !now.Before(k.expires) {
		return auth.Identity{}, errTicket
	}
	return k.id, nil
}

func (t *tickets) drop(e *list.Element) {
	delete(t.byName, e.Value.(*ticket).name)
	t.byAge.Remove(e)
	if len(t.byName) == 0 {
		t.byName = nil
	}
}

// sweep drops tickets that have expired, of the most oldest ones.
func (t *tickets) sweep(now time.Time, most int) {
	for e := t.byAge.Front(); e != nil && most > 0; most-- {
		next := e.Next()
		if !now.Before(e.Value.(*ticket).expires) {
			t.drop(e)
		}
		e = next
	}
}

// tidy drops some that have expired.
func (t *tickets) tidy(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now, tidiedTickets)
}

// tidiedTickets is how many tickets tidy looks at.
const tidiedTickets = 1000

func (t *tickets) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byName)
}

// Ticket makes a ticket that lets whoever brings it first in as id, until ttl is over:
// 1 s to 24 h. An error of auth.ErrClaims, a *FieldError, ErrFull.
func (s *Server) Ticket(id auth.Identity, ttl time.Duration) (name string, expires time.Time, err error) {
	if err := id.Validate(); err != nil {
		return "", time.Time{}, err
	}
	if ttl < time.Second || ttl > maxTicketTTL {
		return "", time.Time{}, &FieldError{"ttl", ttl.String() + " is out of range: 1s to 24h"}
	}
	now := time.Now()
	name, err = s.tickets.add(id, now, ttl)
	return name, now.Add(ttl), err
}
