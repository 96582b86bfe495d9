package edge

import (
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/roostws/roost/poller"
)

// maxClosings is how many connections that ended are remembered.
const maxClosings = 10000

// A Closing is a connection that ended.
type Closing struct {
	Conn   string
	User   string
	Kind   string         // as in ConnInfo
	Remote netip.AddrPort // as far as the kernel still knew
	Time   time.Time
	Reason Reason
	By     string // who ended it: client, server, api, network
	Code   uint16 // of the close frame that was sent; 0: none
	Age    time.Duration
	Heard  time.Duration // between the last sign of life and the end
	Queued int           // bytes that waited for it
}

// closings is a ring of the last connections that ended. It may be used from any
// goroutine.
type closings struct {
	mu   sync.Mutex
	ring []Closing // grows up to maxClosings
	n    uint64    // all that were ever added
}

func (c *closings) add(e Closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ring) < maxClosings {
		c.ring = append(c.ring, e)
	} else {
		c.ring[c.n%maxClosings] = e
	}
	c.n++
}

func (c *closings) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ring)
}

// A ClosingFilter picks from what Closings lists. Empty fields pick all.
type ClosingFilter struct {
	User   string
	Reason string // a Reason's word
	Conn   string
}

func (f *ClosingFilter) picks(e *Closing) bool {
	return (f.User == "" || f.User == e.User) && (f.Reason == "" || f.Reason == e.Reason.String()) && (f.Conn == "" || f.Conn == e.Conn)
}

// Closings lists connections that ended, the newest first, up to limit: of those that
// the filter picks among the last 10,000. After is the next of the page before;
// next is empty at the end. ErrNotFound for an after that no page gave.
func (s *Server) Closings(filter ClosingFilter, after string, limit int) (list []Closing, next string, err error) {
	limit = max(limit, 1)
	c := &s.closings
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.n
	if after != "" {
		if last, err = strconv.ParseUint(after, 10, 63); err != nil || last > c.n {
			return nil, "", ErrNotFound
		}
	}
	for i := last; i > 0 && i+uint64(len(c.ring)) > c.n; i-- {
		e := &c.ring[(i-1)%maxClosings]
		if !filter.picks(e) {
			continue
		}
		if len(list) == limit {
			return list, strconv.FormatUint(i, 10), nil
		}
		list = append(list, *e)
	}
	return list, "", nil
}

// record notes the end of a connection, once.
func (l *loop) record(s poller.Slot, ses *session, why Reason, code uint16) {
	if ses.flags&(recorded|upgraded) != upgraded {
		return
	}
	ses.flags |= recorded
	l.srv.closings.add(Closing{
		Conn: l.srv.ConnName(l.ID(s)), User: string(l.claims(ses).user()), Kind: ses.kind.String(), Remote: l.client(s, ses),
		Time: time.Now(), Reason: why, By: reasons[why].by, Code: code,
		Age: l.ago(l.Opened(s)), Heard: l.ago(l.Heard(s)), Queued: l.Waiting(s),
	})
}
