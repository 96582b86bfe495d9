package broker

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A list notes what was delivered.
type list struct{ got []Position }

func (l *list) Deliver(at Position) { l.got = append(l.got, at) }

type nothing struct{}

func (nothing) Deliver(Position) {}

func TestMemory_Publish_Counts(t *testing.T) {
	m := NewMemory(Config{})
	var l list
	for i := range uint64(5) {
		at, err := m.Publish("r", 1, &l)
		if err != nil || at.Offset != i+1 || at.Epoch == "" || at != l.got[i] {
			t.Fatalf("message %d: %+v, %v, delivered as %+v", i, at, err, l.got)
		}
		if top, ok := m.Top("r"); !ok || top != at {
			t.Fatalf("the top is %+v", top)
		}
	}
	other, _ := m.Publish("other", 1, &l)
	if other.Offset != 1 || other.Epoch == l.got[0].Epoch {
		t.Errorf("another room begins at %+v", other)
	}
	if _, ok := m.Top("never"); ok {
		t.Error("a room that nobody published to has a top")
	}
	if NewMemory(Config{}).prefix == m.prefix {
		t.Error("two runs share their epochs")
	}
}

// No epoch of a room sees an offset twice or skips one, whatever was dropped.
func TestMemory_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewMemory(Config{MaxRooms: parts * 2, IdleTTL: 100})
		tops := map[string]Position{}
		epochs := map[string]bool{}
		now := int64(0)
		for range rapid.IntRange(1, 400).Draw(t, "messages") {
			now += rapid.Int64Range(0, 40).Draw(t, "later")
			room := "r" + strconv.Itoa(rapid.IntRange(0, 300).Draw(t, "room"))
			at, _ := m.Publish(room, now, nothing{})
			switch before := tops[room]; {
			case at.Epoch == before.Epoch && at.Offset != before.Offset+1:
				t.Fatalf("%s went from %+v to %+v", room, before, at)
			case at.Epoch != before.Epoch && (at.Offset != 1 || epochs[at.Epoch]):
				t.Fatalf("%s has a new epoch at %+v", room, at)
			}
			tops[room] = at
			epochs[at.Epoch] = true
			if m.Rooms() > parts*2 {
				t.Fatalf("%d rooms are kept", m.Rooms())
			}
		}
	})
}

func TestMemory_Publish_ForgetsTheIdle(t *testing.T) {
	m := NewMemory(Config{IdleTTL: time.Second})
	for i := range 1000 {
		_, _ = m.Publish("r"+strconv.Itoa(i), 0, nothing{})
	}
	for i := range 200 {
		_, _ = m.Publish("busy"+strconv.Itoa(i), int64(2*time.Second), nothing{})
	}
	m.Tidy(int64(2 * time.Second))
	if m.Rooms() != 200 {
		t.Errorf("%d rooms are kept, expected 200", m.Rooms())
	}
}

func TestMemory_Publish_OneOrder(t *testing.T) {
	m := NewMemory(Config{})
	var l list // guarded by the room
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				_, _ = m.Publish("r", 1, &l)
			}
		})
	}
	wg.Wait()
	for i, at := range l.got {
		if at.Offset != uint64(i)+1 {
			t.Fatalf("the %d-th delivery is offset %d", i, at.Offset)
		}
	}
	if len(l.got) != 8000 {
		t.Errorf("%d deliveries", len(l.got))
	}
}

func TestMemory_Publish_DoesNotAllocate(t *testing.T) {
	m := NewMemory(Config{})
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Publish("r", 1, nothing{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMemory_Publish(b *testing.B) {
	m := NewMemory(Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish("r", 1, nothing{})
	}
}
