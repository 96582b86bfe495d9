package brokertest

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/broker"
)

// Whoever joins a room before anything is published there recovers it all.
func testSnapshotOpens(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	s := snapshot(t, b, "r", start, nil)
	if s.Offset != 0 || s.Epoch == "" || s.Recovered || s.Messages != nil || s.Document != nil || s.Version != 0 {
		t.Fatalf("of a new room is known %+v", s)
	}
	at := s.Position
	if s = snapshot(t, b, "r", start, &at); !s.Recovered || s.Position != at || len(s.Messages) != 0 {
		t.Errorf("a second time is known %+v", s)
	}
	if first := publish(t, b, "r", "a", keeps(5)); first.Offset != 1 || first.Epoch != at.Epoch {
		t.Errorf("the first message is at %+v after %+v", first, at)
	}
	if s = snapshot(t, b, "r", start, &at); !s.Recovered {
		t.Error("the first message was not recovered")
	}
	expectKept(t, s.Messages, 1, "a")
}

func testSnapshotRecovers(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	texts := []string{"a", "b", "c", "d", "e"}
	var at broker.Position
	for _, text := range texts {
		at = publish(t, b, "r", text, keeps(10))
	}
	for known := range uint64(6) {
		s := snapshot(t, b, "r", start, &broker.Position{Offset: known, Epoch: at.Epoch})
		if !s.Recovered || s.Position != at {
			t.Errorf("since %d: %+v", known, s)
		}
		expectKept(t, s.Messages, known+1, texts[known:]...)
		for _, k := range s.Messages {
			if k.Time != start {
				t.Errorf("a message is of %d, expected %d", k.Time, start)
			}
		}
	}
	for what, since := range map[string]*broker.Position{
		"no position":      nil,
		"a future offset":  {Offset: 6, Epoch: at.Epoch},
		"the last offset":  {Offset: 1<<64 - 1, Epoch: at.Epoch},
		"another epoch":    {Offset: 3, Epoch: at.Epoch + "x"},
		"an empty epoch":   {Offset: 3},
		"nothing":          {},
		"top, other epoch": {Offset: 5, Epoch: "x"},
	} {
		if s := snapshot(t, b, "r", start, since); s.Recovered || s.Messages != nil || s.Position != at {
			t.Errorf("since %s: %+v", what, s)
		}
	}
}

// A history that does not reach back far enough gives nothing, not a part.
func testSnapshotTooShort(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	var at broker.Position
	for _, text := range strings.Split("abcdefghij", "") {
		at = publish(t, b, "r", text, keeps(3))
	}
	s := snapshot(t, b, "r", start, &broker.Position{Offset: 7, Epoch: at.Epoch})
	if !s.Recovered {
		t.Error("what is kept was not recovered")
	}
	expectKept(t, s.Messages, 8, "h", "i", "j")
	for known := range uint64(7) {
		if s := snapshot(t, b, "r", start, &broker.Position{Offset: known, Epoch: at.Epoch}); s.Recovered || s.Messages != nil {
			t.Errorf("since %d: %+v", known, s)
		}
	}
	// A room that is to keep fewer from now on keeps the last ones.
	at = publish(t, b, "r", "k", keeps(2))
	if s := snapshot(t, b, "r", start, &broker.Position{Offset: 8, Epoch: at.Epoch}); s.Recovered {
		t.Errorf("of two that are kept %d were recovered", len(s.Messages))
	}
	s = snapshot(t, b, "r", start, &broker.Position{Offset: 9, Epoch: at.Epoch})
	expectKept(t, s.Messages, 10, "j", "k")
}

func testSnapshotExpired(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	terms := keeps(10)
	before := snapshot(t, b, "r", start, nil).Position
	first := publish(t, b, "r", "a", terms)
	terms.Now = after(40 * time.Second)
	last := publish(t, b, "r", "b", terms)
	for _, test := range []struct {
		now   time.Duration
		since broker.Position
		want  []string // nil: not recovered
	}{
		{time.Minute - 1, before, []string{"a", "b"}},
		{time.Minute, before, nil},
		{time.Minute, first, []string{"b"}},
		{100*time.Second - 1, first, []string{"b"}},
		{100 * time.Second, first, nil},
		{100 * time.Second, last, []string{}},
	} {
		s := snapshot(t, b, "r", after(test.now), &test.since)
		if s.Recovered != (test.want != nil) || s.Position != last {
			t.Errorf("after %v since %d: %+v", test.now, test.since.Offset, s)
		}
		expectKept(t, s.Messages, test.since.Offset+1, test.want...)
	}
}

// A message that is not kept leaves no history that would hide it.
func testSnapshotNothingKept(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	first := publish(t, b, "r", "a", keeps(10))
	second := publish(t, b, "r", "b", broker.Terms{Now: start})
	for _, since := range []broker.Position{{Epoch: first.Epoch}, first} {
		if s := snapshot(t, b, "r", start, &since); s.Recovered || s.Messages != nil {
			t.Errorf("since %d: %+v", since.Offset, s)
		}
	}
	if s := snapshot(t, b, "r", start, &second); !s.Recovered || len(s.Messages) != 0 {
		t.Errorf("since the last message: %+v", s)
	}
	publish(t, b, "r", "c", keeps(10))
	if s := snapshot(t, b, "r", start, &first); s.Recovered {
		t.Error("a message that was not kept is hidden")
	}
	s := snapshot(t, b, "r", start, &second)
	expectKept(t, s.Messages, 3, "c")
}

// More than 8 MiB are not recovered at once.
func testSnapshotTooMuch(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	before := snapshot(t, b, "r", start, nil).Position
	mega := strings.Repeat("x", 1<<20)
	var at broker.Position
	for range 8 {
		at = publish(t, b, "r", mega, keeps(10))
	}
	if s := snapshot(t, b, "r", start, &before); !s.Recovered || len(s.Messages) != 8 {
		t.Errorf("of 8 MiB %d messages were recovered", len(s.Messages))
	}
	publish(t, b, "r", "x", keeps(10))
	if s := snapshot(t, b, "r", start, &before); s.Recovered || s.Messages != nil {
		t.Errorf("of more than 8 MiB %d messages were recovered", len(s.Messages))
	}
	if s := snapshot(t, b, "r", start, &at); !s.Recovered || len(s.Messages) != 1 {
		t.Errorf("of the last message %d were recovered", len(s.Messages))
	}
}

func testHistoryPages(t *testing.T, make Make) {
	b := make(t, broker.Config{})
	if at, kept, whole := b.History("r", start, 0, 10); at != (broker.Position{}) || kept != nil || !whole {
		t.Errorf("a room that is not known has %+v, %v, %v", at, kept, whole)
	}
	if _, _, whole := b.History("r", start, 1, 10); whole {
		t.Error("a room that is not known has a whole history since 1")
	}
	terms := keeps(4)
	var top broker.Position
	for i, text := range strings.Split("abcdef", "") {
		terms.Now = after(time.Duration(i) * time.Second)
		top = publish(t, b, "r", text, terms)
	}
	for _, test := range []struct {
		now   time.Duration
		since uint64
		limit int
		from  uint64
		want  string
		whole bool
	}{
		{5 * time.Second, 2, 10, 3, "cdef", true},
		{5 * time.Second, 2, 2, 3, "cd", true},
		{5 * time.Second, 4, 10, 5, "ef", true},
		{5 * time.Second, 0, 10, 3, "cdef", false},
		{5 * time.Second, 1, 1, 3, "c", false},
		{5 * time.Second, 3, 0, 4, "", true},
		{5 * time.Second, 3, -1, 4, "", true},
		{5 * time.Second, 6, 10, 7, "", true},
		{5 * time.Second, 7, 10, 8, "", false},
		{5 * time.Second, 1<<64 - 1, 10, 0, "", false},
		{64 * time.Second, 2, 10, 6, "f", false},
		{64 * time.Second, 5, 1 << 40, 6, "f", true},
		{65 * time.Second, 5, 10, 6, "", false},
		{65 * time.Second, 6, 10, 7, "", true},
	} {
		at, kept, whole := b.History("r", after(test.now), test.since, test.limit)
		if at != top || whole != test.whole {
			t.Errorf("after %v since %d: %+v, whole is %v", test.now, test.since, at, whole)
		}
		expectKept(t, kept, test.from, strings.Split(test.want, "")...)
		for _, k := range kept {
			if k.Time != after(time.Duration(k.Offset-1)*time.Second) {
				t.Errorf("message %d is of %v after the start", k.Offset, time.Duration(k.Time-start))
			}
		}
	}
}

// A reader sees what a room delivers, from its Snapshot on. The room guards it.
type reader struct {
	on  bool
	got []broker.Position
}

// A told message goes to all readers who are there when it is delivered.
type told struct {
	message
	readers []reader
}

func (d *told) Deliver(at broker.Position) {
	for i := range d.readers {
		if r := &d.readers[i]; r.on {
			r.got = append(r.got, at)
		}
	}
}

// Readers come and go while others publish: what each recovers, and what it is told
// after that, is everything once.
func testSnapshotGapless(t *testing.T, make Make) {
	const readers, publishers, each = 4, 3, 2000
	b := make(t, broker.Config{})
	here := [readers]reader{}
	b.Snapshot("r", start, nil, func(s broker.Snapshot) {
		for i := range here {
			here[i] = reader{on: true, got: []broker.Position{s.Position}}
		}
	})
	var wg, reading sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				if _, err := b.Publish("r", &told{readers: here[:]}, keeps(publishers*each)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var over atomic.Bool
	for i := range here {
		reading.Go(func() {
			r := &here[i]
			for last := false; !last; {
				last = over.Load()
				var since broker.Position
				b.Snapshot("r", start, nil, func(broker.Snapshot) {
					r.on, since = false, r.got[len(r.got)-1]
				})
				b.Snapshot("r", start, &since, func(s broker.Snapshot) {
					if !s.Recovered {
						t.Errorf("since %+v nothing was recovered at %+v", since, s.Position)
					}
					for _, k := range s.Messages {
						r.got = append(r.got, broker.Position{Offset: k.Offset, Epoch: s.Epoch})
					}
					r.on = true
				})
			}
		})
	}
	wg.Wait()
	over.Store(true)
	reading.Wait()
	for i, r := range here {
		if len(r.got) != publishers*each+1 {
			t.Errorf("reader %d has %d messages, expected %d", i, len(r.got)-1, publishers*each)
		}
		for offset, at := range r.got {
			if at.Offset != uint64(offset) || at.Epoch != r.got[0].Epoch {
				t.Fatalf("reader %d has %+v in the place of offset %d", i, at, offset)
			}
		}
	}
}
