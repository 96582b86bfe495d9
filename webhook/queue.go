package webhook

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/edge"
)

// A waiting event stands in the queue under the number that it got when it came.
type waiting struct {
	event  *edge.Event
	number uint64
}

// eventCost is what an event counts for in the queue's bytes beside its texts. It
// is at least the size of what holds it.
const eventCost = 256

func cost(e *edge.Event) int64 {
	return eventCost + int64(len(e.Conn)+len(e.User)+len(e.Room)+len(e.Data)+len(e.Epoch)+len(e.Reason)+len(e.Path))
}

// A queue holds the events that are not delivered yet. Those that are under way
// count until they arrived.
type queue struct {
	// Static after construction.
	max      int
	maxBytes int64
	batch    int
	came     chan struct{} // holds one where an event came that next should look at

	// Guarded by mu, which is never held for longer than a few assignments.
	mu       sync.Mutex
	incoming []waiting
	taken    []waiting // what incoming was before: the next batches
	number   uint64    // of the latest event, dropped or not
	length   int       // of both
	bytes    int64     // of both
	closed   bool      // whatever comes is dropped

	// Atomic.
	dropped atomic.Uint64
}

func newQueue(cfg Config) *queue {
	return &queue{max: cfg.Queue, maxBytes: cfg.MaxBytes, batch: cfg.Batch, came: make(chan struct{}, 1)}
}

// add puts e at the end, or says that it was dropped.
func (q *queue) add(e *edge.Event) bool {
	n := cost(e)
	q.mu.Lock()
	q.number++
	if q.closed || q.length >= q.max || q.bytes+n > q.maxBytes {
		q.mu.Unlock()
		q.dropped.Add(1)
		return false
	}
	q.incoming = append(q.incoming, waiting{e, q.number})
	q.length++
	q.bytes += n
	wake := len(q.incoming) == 1 || len(q.incoming) == q.batch
	q.mu.Unlock()
	if wake {
		kick(q.came)
	}
	return true
}

// kick leaves a word in c, where there is none.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next waits for the next batch: until it is full or its first event has waited
// for batchWait. Once ctx has ended it takes what is there, and nil says that
// nothing is. The events stay in the queue until remove.
func (q *queue) next(ctx context.Context) []waiting {
	var late <-chan time.Time
	for waited := false; ; {
		ended := ctx.Err() != nil
		n, ready := q.arrived()
		switch {
		case ready || n >= q.batch || n > 0 && (waited || ended):
			return q.head()
		case ended:
			return nil
		case n > 0 && late == nil:
			late = time.After(batchWait)
		}
		select {
		case <-q.came:
		case <-late:
			waited = true
		case <-ctx.Done():
		}
	}
}

// arrived is how many events came, and whether there are some from before them.
func (q *queue) arrived() (n int, ready bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.incoming), len(q.taken) > 0
}

// head is the first of the events: as many as go into one POST, but at least one.
func (q *queue) head() []waiting {
	q.mu.Lock()
	if len(q.taken) == 0 {
		q.taken, q.incoming = q.incoming, nil
	}
	events := q.taken[:min(len(q.taken), q.batch)]
	q.mu.Unlock()
	bytes := int64(0)
	for i, w := range events {
		if bytes += cost(w.event); bytes > maxBatchBytes {
			return events[:max(i, 1)]
		}
	}
	return events
}

// remove takes the first n events of the last batch out.
func (q *queue) remove(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range q.taken[:n] {
		q.bytes -= cost(w.event)
	}
	q.length -= n
	clear(q.taken[:n])
	q.taken = q.taken[n:]
}

// close empties the queue and drops what was in it and all that comes later. It
// gives how many there were.
func (q *queue) close() (lost int) {
	q.mu.Lock()
	lost = q.length
	q.incoming, q.taken, q.length, q.bytes, q.closed = nil, nil, 0, 0, true
	q.mu.Unlock()
	q.dropped.Add(uint64(lost))
	return lost
}

// figures are how much is in the queue and how long its first event has been.
func (q *queue) figures(now time.Time) (length int, bytes int64, oldest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.taken) > 0:
		oldest = now.Sub(q.taken[0].event.Time)
	case len(q.incoming) > 0:
		oldest = now.Sub(q.incoming[0].event.Time)
	}
	return q.length, q.bytes, max(oldest, 0)
}
