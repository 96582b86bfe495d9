package poller

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Post is a message to a loop: what it means is the Worker's business. The
// poller uses ID alone, to know whose connection ends where handling it panics.
type Post struct {
	ID  ConnID
	Arg any
}

// An inbox takes posts from any goroutine, first in, first out.
type inbox struct {
	// Static after construction.
	bell  int // eventfd
	limit int

	// Guarded by mu.
	mu     sync.Mutex
	queue  []Post
	closed bool

	// Atomic: the loop sleeps, or is about to; whoever posts must ring.
	asleep atomic.Bool

	// Owned by the loop.
	work []Post // taken from queue
	at   int    // the next of work
}

// put adds p, where it is not bounded past the limit, too, and rings the bell where the loop sleeps. It allocates only while
// the queue grows to its working size.
func (q *inbox) put(p Post, bounded bool) error {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrClosed
	case bounded && len(q.queue) >= q.limit:
		q.mu.Unlock()
		return ErrBusy
	}
	q.queue = append(q.queue, p)
	q.mu.Unlock()
	q.ring()
	return nil
}

var ring = [8]byte{1}

// ring wakes the loop where it sleeps.
func (q *inbox) ring() {
	if q.asleep.Load() && q.asleep.CompareAndSwap(true, false) {
		_, _ = unix.Write(q.bell, ring[:]) // EAGAIN: it rings already
	}
}

// take gives the next post. Runs on the loop.
func (q *inbox) take() (Post, bool) {
	if q.at == len(q.work) {
		clear(q.work) // lets go of what the posts held
		old := q.work[:0]
		if cap(old) > keptPosts && len(q.work) < keptPosts {
			old = nil // the flood is over
		}
		q.mu.Lock()
		q.work, q.queue = q.queue, old
		q.mu.Unlock()
		q.at = 0
		if len(q.work) == 0 {
			return Post{}, false
		}
	}
	q.at++
	return q.work[q.at-1], true
}

// keptPosts is how large a list a quiet inbox keeps.
const keptPosts = 4096

// empty says whether nothing waits. Runs on the loop.
func (q *inbox) empty() bool {
	if q.at < len(q.work) {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue) == 0
}

// shut refuses further posts.
func (q *inbox) shut() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
