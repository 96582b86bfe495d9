package broker

import (
	"strconv"
	"testing"
	"time"
)

// deliveredOnce publishes a message under a key and says whether it was delivered.
func deliveredOnce(t testing.TB, m *Memory, room, key string, now int64) (Position, bool) {
	t.Helper()
	var l list
	at, err := m.Publish(room, &l, Terms{Now: now, Once: key})
	if err != nil {
		t.Fatal(err)
	}
	return at, len(l.got) == 1
}

func TestMemory_Once_Bound(t *testing.T) {
	const most = 10
	m := NewMemory(Config{MaxRooms: 100, MaxOnce: most}) // one part
	for i := range 3 * most {
		if _, ok := deliveredOnce(t, m, "r", strconv.Itoa(i), 1); !ok {
			t.Fatalf("key %d was not delivered", i)
		}
		if n := m.Stats().OnceKeys; n > most {
			t.Fatalf("%d keys are kept", n)
		}
	}
	if s := m.Stats(); s.OnceKeys != most || s.OnceEvicted != 2*most || s.Repeated != 0 {
		t.Errorf("%+v", s)
	}
	if _, ok := deliveredOnce(t, m, "r", strconv.Itoa(2*most), 1); ok || m.Stats().Repeated != 1 {
		t.Error("the oldest key that has place is not known")
	}
	if _, ok := deliveredOnce(t, m, "r", strconv.Itoa(2*most-1), 1); !ok {
		t.Error("a key that had no place is known")
	}
	audit(t, m)
}

// With many locks the number is passed by the number of locks at most.
func TestMemory_Once_BoundOfAllParts(t *testing.T) {
	const most = 100
	m := NewMemory(Config{MaxOnce: most})
	for i := range 100 * most {
		deliveredOnce(t, m, name(i%500), strconv.Itoa(i), 1)
		if n := m.Stats().OnceKeys; n > most+manyParts-1 {
			t.Fatalf("%d keys are kept after %d", n, i)
		}
	}
	audit(t, m)
}

// A key is known for five minutes from the first message on, though its room is
// forgotten; then its place is given back, by whoever brings a key, or by Tidy.
func TestMemory_Once_PastItsTime(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 100, IdleTTL: time.Minute})
	first, _ := deliveredOnce(t, m, "r", "key", 0)
	m.Tidy(onceTTL - 1)
	if m.Stats().Rooms != 0 {
		t.Error("the room is still known")
	}
	if at, ok := deliveredOnce(t, m, "r", "key", onceTTL-1); ok || at != first || m.Stats().Rooms != 0 {
		t.Errorf("a repeat is at %+v, expected %+v", at, first)
	}
	if at, ok := deliveredOnce(t, m, "r", "key", onceTTL); !ok || at.Epoch == first.Epoch {
		t.Errorf("after its time a key is at %+v", at)
	}
	if n := m.Stats().OnceKeys; n != 1 {
		t.Errorf("%d keys are kept", n)
	}
	m.Tidy(2 * onceTTL)
	if s := m.Stats(); s.OnceKeys != 0 || s.OnceEvicted != 0 {
		t.Errorf("after Tidy is kept %+v", s)
	}
	audit(t, m)
}

// A key whose time is over while it waits in the list behind one that came under a
// clock since set back does not take the newer one with it.
func TestMemory_Once_ClockSetBack(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 100, IdleTTL: time.Hour})
	deliveredOnce(t, m, "r", "ahead", onceTTL/2)
	deliveredOnce(t, m, "r", "key", 0)
	again, ok := deliveredOnce(t, m, "r", "key", onceTTL)
	if n := m.Stats().OnceKeys; !ok || n != 3 {
		t.Fatalf("%d keys wait", n)
	}
	m.Tidy(onceTTL + onceTTL/2)
	if at, ok := deliveredOnce(t, m, "r", "key", onceTTL+onceTTL/2); ok || at != again || m.Stats().OnceKeys != 1 {
		t.Errorf("the newer key is at %+v, expected %+v", at, again)
	}
	audit(t, m)
}

// What was kept for many keys is given back, a bounded piece at once.
func TestMemory_Once_GivesMemoryBack(t *testing.T) {
	const n = 20 * tidiedAtOnce
	m := NewMemory(Config{MaxRooms: 100, IdleTTL: time.Second})
	before := heapInUse()
	for i := range n {
		deliveredOnce(t, m, "r", strconv.Itoa(i), 0)
	}
	for i := range 20 {
		m.Tidy(onceTTL)
		if got := m.Stats().OnceKeys; got != n-(i+1)*tidiedAtOnce {
			t.Fatalf("%d keys are left", got)
		}
	}
	if used := heapInUse() - before; !raceEnabled && used > n {
		t.Errorf("%d bytes are used", used)
	}
	deliveredOnce(t, m, "r", "key", onceTTL)
	audit(t, m)
}
