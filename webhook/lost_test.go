package webhook

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// With the backend down, Event returns at once, the queue keeps its bounds, and
// the log has one line of what is dropped.
func TestHooks_Event_FullQueueDropsTheNewest(t *testing.T) {
	var up atomic.Bool
	b := serve(t, func(w http.ResponseWriter, p post) {
		if !up.Load() {
			w.WriteHeader(503)
		}
	})
	var log record
	h := newHooks(t, Config{URL: b.URL, Queue: 100, Batch: 30, Logger: log.logger()})
	stop := run(t, h)
	var all sync.WaitGroup
	tell(h, 0, 100)
	for range 4 {
		all.Go(func() { tell(h, 1000, 5000) })
	}
	all.Wait()
	if s := h.Stats(); s.QueueLength != 100 || s.Dropped != 20_000 || s.Delivered != 0 {
		t.Errorf("%+v", s)
	}
	up.Store(true)
	until(t, "the queue is empty", func() bool { return h.Stats().Delivered == 100 })
	tell(h, 100, 1)
	until(t, "one more is delivered", func() bool { return h.Stats().Delivered == 101 })
	want := 0
	for len(b.posts) > 0 {
		for _, e := range b.next(t).events(t) {
			if e.User == strconv.Itoa(want) {
				want++
			}
			if want == 101 && e.ID != h.prefix+"-20101" {
				t.Errorf("the numbers of dropped events are used again: %s", e.ID)
			}
		}
	}
	if want != 101 {
		t.Errorf("%d events came in order", want)
	}
	if err := stop(); err != nil {
		t.Errorf("Run gives %v", err)
	}
	// One line at the first drop, and one at the end for the rest.
	if n := strings.Count(log.String(), "were dropped"); n < 1 || n > 2 || !strings.Contains(log.String(), "queue_full_total=20000") {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

func TestHooks_Run_DeliversWhatIsLeft(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	b := serve(t, func(w http.ResponseWriter, p post) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
	})
	h := newHooks(t, Config{URL: b.URL, Batch: 10})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	tell(h, 0, 35)
	<-entered
	cancel()
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("Run gives %v", err)
	}
	if s := h.Stats(); s.Delivered != 35 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	tell(h, 0, 1)
	if s := h.Stats(); s.Dropped != 1 || s.QueueLength != 0 {
		t.Errorf("after the end: %+v", s)
	}
}

// At the end a backend that rests is tried at once, and then not for ever.
func TestHooks_Run_SaysWhatIsLost(t *testing.T) {
	t.Parallel()
	b := serve(t, func(w http.ResponseWriter, p post) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(503)
	})
	h := newHooks(t, Config{URL: b.URL, Timeout: 10 * time.Millisecond})
	stop := run(t, h)
	tell(h, 0, 7)
	b.next(t)
	until(t, "it rests", func() bool { return failuresOf(h.Stats(), kindStatus) == 1 })
	began := time.Now()
	err := stop()
	if !errors.Is(err, ErrLost) || !strings.HasSuffix(err.Error(), ": 7") {
		t.Errorf("Run gives %v", err)
	}
	if took := time.Since(began); took > 2*afterEnd {
		t.Errorf("it took %v", took)
	}
	if len(b.posts) != 1 {
		t.Errorf("it was tried %d times at the end", len(b.posts))
	}
	if s := h.Stats(); s.Dropped != 7 || s.QueueLength != 0 {
		t.Errorf("%+v", s)
	}
}
