package brokertest

import (
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/broker"
)

func testPublishCounts(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	if at, ok := b.Top("r"); ok || at != (broker.Position{}) {
		t.Errorf("a room that nobody published to has the top %+v", at)
	}
	var epoch string
	for i := range uint64(5) {
		at := publish(t, b, "r", "text", keeps(3))
		if i == 0 {
			epoch = at.Epoch
		}
		if at.Offset != i+1 || at.Epoch != epoch || epoch == "" {
			t.Errorf("message %d is at %+v", i+1, at)
		}
		if top, ok := b.Top("r"); !ok || top != at {
			t.Errorf("after %+v the top is %+v, %v", at, top, ok)
		}
	}
	if at := publish(t, b, "other", "text", keeps(3)); at.Offset != 1 || at.Epoch == epoch {
		t.Errorf("another room begins at %+v", at)
	}
	if at := publish(t, make(t, broker.Config{}), "r", "text", keeps(3)); at.Epoch == epoch {
		t.Error("two brokers share an epoch")
	}
}

// A log is what a room delivered. The room guards it.
type log struct{ got []broker.Position }

// An entry is a message that goes into a log.
type entry struct {
	message
	log *log
}

func (e *entry) Deliver(at broker.Position) { e.log.got = append(e.log.got, at) }

func testPublishOneOrder(t *testing.T, make Make) {
	const publishers, each = 8, 500
	b := make(t, broker.Config{})
	var l log
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				if _, err := b.Publish("r", &entry{log: &l}, keeps(10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(l.got) != publishers*each {
		t.Fatalf("%d deliveries, expected %d", len(l.got), publishers*each)
	}
	for i, at := range l.got {
		if at.Offset != uint64(i)+1 || at.Epoch != l.got[0].Epoch {
			t.Fatalf("delivery %d is at %+v", i+1, at)
		}
	}
}

func testOnceRepeats(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	terms := keeps(10)
	terms.Once = "key"
	first := publish(t, b, "r", "first", terms)
	publish(t, b, "r", "second", keeps(10))
	for _, wait := range []time.Duration{0, 30 * time.Second, 5*time.Minute - 1} {
		terms.Now = after(wait)
		again := message{text: "again"}
		if at, err := b.Publish("r", &again, terms); err != nil || at != first || again.got != nil {
			t.Errorf("after %v a repeat is answered %+v, %v and delivered at %+v; the first was at %+v", wait, at, err, again.got, first)
		}
		// A room may be forgotten before its keys are.
		if top, known := b.Top("r"); known && top.Offset != 2 {
			t.Errorf("after repeats the top is %+v", top)
		}
	}
	if at := publish(t, b, "other", "text", terms); at.Offset != 1 {
		t.Errorf("the key in another room is at %+v", at)
	}
	terms.Now = after(5 * time.Minute)
	later := publish(t, b, "r", "later", terms)
	terms.Now = after(9 * time.Minute)
	again := message{text: "again"}
	if at, err := b.Publish("r", &again, terms); err != nil || at != later || again.got != nil {
		t.Errorf("a repeat of what came after five minutes is answered %+v, %v; expected %+v", at, err, later)
	}
}

// Of those who come with one key at once, one is delivered.
func testOnceManyGoroutines(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	var l log
	var mu sync.Mutex
	places := map[broker.Position]bool{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			terms := keeps(10)
			terms.Once = "key"
			at, err := b.Publish("r", &entry{log: &l}, terms)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			places[at] = true
		})
	}
	wg.Wait()
	if len(l.got) != 1 || len(places) != 1 || !places[l.got[0]] {
		t.Errorf("delivered at %+v and answered %+v, expected one place", l.got, places)
	}
}
