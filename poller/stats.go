package poller

import "sync/atomic"

// LoopStats is what a loop counts. Any goroutine may read it at any time.
type LoopStats struct {
	Open     atomic.Int64  // connections now
	Opened   atomic.Uint64 // connections accepted
	Refused  atomic.Uint64 // told that there is no room, before any request was read
	Pauses   atomic.Uint64 // times that accepting rested for want of descriptors or memory
	Panics   atomic.Uint64
	BytesIn  atomic.Uint64
	BytesOut atomic.Uint64
	Outbox   atomic.Int64 // bytes that wait for slow readers

	TLS         [NumTLSResults]atomic.Uint64 // handshakes, by how they went
	TLSUnderWay atomic.Int64                 // handshakes that have begun and are not done
	TLSWaiting  atomic.Int64                 // clients that wait for a place among those
	Fragments   atomic.Int64                 // bytes of TLS records that have not arrived whole

	Turns Histogram // nanoseconds that a turn took, waiting aside
}

// A Histogram counts durations in buckets that double: Bounds says where each
// ends. One goroutine observes; any may read.
type Histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

// Bounds are the upper ends of a Histogram's buckets, in nanoseconds: 16 µs to 8.6 s.
var Bounds = [...]int64{1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21, 1 << 22, 1 << 23,
	1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 31, 1 << 32, 1 << 33}

// Observe counts one duration of ns nanoseconds.
func (h *Histogram) Observe(ns int64) {
	i := 0
	for i < len(Bounds) && ns > Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(ns)
}

// AddTo adds the histogram's counts to counts, which has one more place than
// Bounds, and gives the sum of all durations in nanoseconds.
func (h *Histogram) AddTo(counts []uint64) (sum int64) {
	for i := range h.counts {
		counts[i] += h.counts[i].Load()
	}
	return h.sum.Load()
}
