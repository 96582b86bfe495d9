package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// ErrLost is what Run's error wraps where events were left that the backend did
// not take in time.
var ErrLost = errors.New("events were not delivered")

// Run delivers events until ctx ends. Then it tries what is left, for at most
// Config.Timeout and 3 seconds more, and returns: nil, or how many events were
// lost. What comes later is dropped.
func (h *Hooks) Run(ctx context.Context) error {
	end, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(h.cfg.Timeout+afterEnd, cancel) })()
	var reporting sync.WaitGroup
	reporting.Go(func() { h.reportDrops(end) })

	for {
		events := h.queue.next(ctx)
		if events == nil || !h.deliver(ctx, end, events) {
			break
		}
	}
	cancel()
	reporting.Wait()
	lost := h.queue.close()
	h.telling.CloseIdleConnections()
	h.asking.CloseIdleConnections()
	if lost > 0 {
		return fmt.Errorf("%w: %d", ErrLost, lost)
	}
	return nil
}

// deliver sends events until the backend took them, and removes them from the
// queue. False: end has ended before.
func (h *Hooks) deliver(ctx, end context.Context, events []waiting) bool {
	body := h.body(events)
	h.batches++
	id := h.id("b", h.batches)
	for wait := firstRetry; ; {
		f := h.send(end, body, id)
		switch {
		case f == nil:
			h.delivered.Add(uint64(len(events)))
			h.queue.remove(len(events))
			h.recovered()
			return true
		case f.status == http.StatusRequestEntityTooLarge && len(events) > 1:
			half := len(events) / 2
			return h.deliver(ctx, end, events[:half:half]) && h.deliver(ctx, end, events[half:])
		case f.status == http.StatusRequestEntityTooLarge:
			h.tooLarge.Add(1)
			h.queue.remove(1)
			kick(h.dropped)
			return true
		}
		if end.Err() != nil {
			return false
		}
		h.complain(f)
		early, ok := rest(ctx, end, max(jitter(wait), f.after))
		if !ok {
			return false
		}
		h.retries.Add(1)
		if wait = min(2*wait, lastRetry); early {
			wait = firstRetry
		}
	}
}

// send sends a batch once. Any status of 2xx is a success, whatever becomes of the
// body. All failures but for the end of ctx are counted.
func (h *Hooks) send(ctx context.Context, body []byte, id string) *failure {
	a, f := h.post(ctx, h.telling, body, id)
	if f == nil {
		if a.status/100 == 2 {
			return nil
		}
		f = wrongStatus(a)
	}
	if ctx.Err() == nil {
		h.failures[f.kind].Add(1)
	}
	return f
}

// body is the JSON array of events.
func (h *Hooks) body(events []waiting) []byte {
	var b bytes.Buffer
	for i, w := range events {
		b.WriteByte("[,"[min(i, 1)])
		b.Write(encode(eventMessage(h.id("", w.number), w.event)))
	}
	b.WriteByte(']')
	return b.Bytes()
}

// jitter is between half of d and d, so that many servers do not come at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// rest waits for d. It ends early where ctx ends meanwhile, and is not ok where
// end does.
func rest(ctx, end context.Context, d time.Duration) (early, ok bool) {
	over := ctx.Done()
	if ctx.Err() != nil {
		over = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false, true
	case <-over:
		return true, true
	case <-end.Done():
		return false, false
	}
}

// complain tells the log now and then that the backend takes no events.
func (h *Hooks) complain(f *failure) {
	if n, due := h.sendNotice.more(time.Now()); due {
		length, _, oldest := h.queue.figures(time.Now())
		h.complained = true
		h.cfg.Logger.Warn("the webhook takes no events and is tried again", "kind", f.kind.String(), "error", f.text,
			"failures", n, "waiting", length, "oldest", oldest.Round(time.Millisecond))
	}
}

func (h *Hooks) recovered() {
	if h.complained {
		h.complained = false
		h.cfg.Logger.Info("the webhook takes events again")
	}
}

// reportDrops tells the log of dropped events until ctx ends, at most once in
// logEvery. It stands alone since Event, which drops them, must not wait for a log.
func (h *Hooks) reportDrops(ctx context.Context) {
	var told uint64
	report := func() {
		full, large := h.queue.dropped.Load(), h.tooLarge.Load()
		if n := full + large - told; n > 0 {
			told += n
			h.cfg.Logger.Warn("events for the webhook were dropped", "events", n, "queue_full_total", full, "too_large_total", large)
		}
	}
	defer report()
	for {
		select {
		case <-h.dropped:
			report()
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(logEvery):
		case <-ctx.Done():
			return
		}
	}
}
