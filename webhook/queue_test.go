package webhook

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/roostws/roost/edge"
)

func TestQueue_EventCost_IsItsSize(t *testing.T) {
	if n := unsafe.Sizeof(edge.Event{}) + unsafe.Sizeof(waiting{}); n > eventCost {
		t.Errorf("an event takes %d bytes and counts for %d", n, eventCost)
	}
}

func TestQueue_Add_BoundsNumberAndBytes(t *testing.T) {
	q := newQueue(Config{Queue: 3, MaxBytes: 10_000, Batch: 2}.withDefaults())
	large := &edge.Event{Data: make([]byte, 10_000-2*eventCost+1)}
	for i, want := range []bool{true, true, true, false} {
		if got := q.add(&edge.Event{}); got != want {
			t.Errorf("event %d is taken: %v", i, got)
		}
	}
	if n, b, _ := q.figures(time.Now()); n != 3 || b != 3*eventCost {
		t.Errorf("%d events of %d bytes", n, b)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	batch := q.next(ended)
	if len(batch) != 2 || batch[0].number != 1 || batch[1].number != 2 {
		t.Fatalf("the batch is %v", batch)
	}
	if q.add(&edge.Event{}) {
		t.Error("what is under way does not count")
	}
	q.remove(2)
	if q.add(large) {
		t.Error("more bytes than may wait are taken")
	}
	large.Data = large.Data[1:]
	if !q.add(large) {
		t.Error("as many bytes as may wait are not taken")
	}
	if batch := q.next(ended); len(batch) != 1 || batch[0].number != 3 {
		t.Errorf("the batch is %v", batch)
	}
	q.remove(1)
	if batch := q.next(ended); len(batch) != 1 || batch[0].number != 7 {
		t.Errorf("the batch is %v, dropped events have numbers, too", batch)
	}
	if lost := q.close(); lost != 1 || q.add(&edge.Event{}) {
		t.Errorf("%d lost at the end, or one is taken after it", lost)
	}
	if n := q.dropped.Load(); n != 5 {
		t.Errorf("%d dropped", n)
	}
}

func TestQueue_Next_BoundsBytesOfABatch(t *testing.T) {
	q := newQueue(Config{}.withDefaults())
	for range 5 {
		q.add(&edge.Event{Data: make([]byte, maxBatchBytes/2-eventCost)})
	}
	q.add(&edge.Event{Data: make([]byte, 2*maxBatchBytes)})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for i, want := range []int{2, 2, 1, 1} {
		batch := q.next(ended)
		if len(batch) != want {
			t.Errorf("batch %d has %d events, want %d", i, len(batch), want)
		}
		q.remove(len(batch))
	}
	if batch := q.next(ended); batch != nil {
		t.Errorf("there is one more: %v", batch)
	}
}

func TestQueue_Next_WaitsForAWhole(t *testing.T) {
	q := newQueue(Config{Batch: 3}.withDefaults())
	q.add(&edge.Event{})
	q.add(&edge.Event{})
	began := time.Now()
	if batch := q.next(t.Context()); len(batch) != 2 || time.Since(began) < batchWait {
		t.Errorf("after %v came %d events", time.Since(began), len(batch))
	}
	q.remove(2)
	for range 3 {
		q.add(&edge.Event{})
	}
	if batch := q.next(t.Context()); len(batch) != 3 {
		t.Errorf("a full batch has %d events", len(batch))
	}
}

// Event is called on loops.
func BenchmarkHooks_Event(b *testing.B) {
	h := newHooks(b, Config{URL: "http://127.0.0.1:1", Queue: 1_000_000, MaxBytes: 1 << 40})
	e := &edge.Event{What: edge.WhatJoin, Time: time.Now(), User: "alice", Room: "r"}
	b.ReportAllocs()
	for b.Loop() {
		h.Event(e)
	}
}
