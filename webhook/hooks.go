package webhook

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/poller"
)

var (
	_ edge.Observer = (*Hooks)(nil)
	_ edge.Decider  = (*Hooks)(nil)
)

// A Hooks tells one backend what happens, and asks it.
type Hooks struct {
	// Static after construction.
	cfg       Config
	prefix    string // of all IDs: no other process has it
	tells     [edge.WhatVacated + 1]bool
	asks      [len(asks)]bool
	telling   *http.Transport
	asking    *http.Transport
	queue     *queue
	dropped   chan struct{} // holds one where events were dropped that the log does not know
	askNotice notice

	// Owned by Run.
	batches    uint64
	sendNotice notice
	complained bool // the log says that the backend takes no events

	// Atomic.
	delivered  atomic.Uint64
	tooLarge   atomic.Uint64 // events that the backend refused as such
	retries    atomic.Uint64
	failures   [numKinds]atomic.Uint64
	questions  atomic.Uint64
	outcomes   [len(asks)][numOutcomes]atomic.Uint64
	askSeconds poller.Histogram
}

// New makes a Hooks. What is wrong with cfg comes as joined *edge.FieldError.
func New(cfg Config) (*Hooks, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	h := &Hooks{
		cfg:     cfg,
		prefix:  strings.ToLower(rand.Text()[:12]),
		telling: newTransport(cfg, 1, 1),
		asking:  newTransport(cfg, maxAsks, idleAsks),
		queue:   newQueue(cfg),
		dropped: make(chan struct{}, 1),
	}
	for _, w := range cfg.Events {
		h.tells[w] = true
	}
	for i, w := range asks {
		for _, wanted := range cfg.Asks {
			h.asks[i] = h.asks[i] || w == wanted
		}
	}
	return h, nil
}

// Event puts e in the queue, where it is one of Config.Events, or drops it. It
// does not wait. E is the Hooks' from then on.
func (h *Hooks) Event(e *edge.Event) {
	if int(e.What) < len(h.tells) && h.tells[e.What] && !h.queue.add(e) {
		kick(h.dropped)
	}
}

// id names the event, the batch (of sort b) or the question (q) of a number.
func (h *Hooks) id(sort string, number uint64) string {
	return h.prefix + "-" + sort + strconv.FormatUint(number, 10)
}

// A notice is a line that the log gets at most once in logEvery.
type notice struct {
	mu    sync.Mutex
	next  time.Time
	count uint64
}

// more counts one more, and says whether it is time for a line, and of how many.
func (n *notice) more(now time.Time) (count uint64, due bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count++
	if now.Before(n.next) {
		return 0, false
	}
	count = n.count
	n.next, n.count = now.Add(logEvery), 0
	return count, true
}
