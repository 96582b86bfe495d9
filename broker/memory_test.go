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
func (l *list) Size() int           { return 0 }

type nothing struct{}

func (nothing) Deliver(Position) {}
func (nothing) Size() int        { return 0 }

// publish publishes, or fails the test.
func publish(t testing.TB, m *Memory, room string, now int64) Position {
	t.Helper()
	at, err := m.Publish(room, nothing{}, Terms{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func name(i int) string { return "room." + strconv.Itoa(i) }

func TestMemory_Publish_Counts(t *testing.T) {
	m := NewMemory(Config{})
	var l list
	for i := range uint64(5) {
		at, err := m.Publish("r", &l, Terms{Now: 1})
		if err != nil || at.Offset != i+1 || at.Epoch == "" || at != l.got[i] {
			t.Fatalf("message %d: %+v, %v, delivered as %+v", i, at, err, l.got)
		}
		if top, ok := m.Top("r"); !ok || top != at {
			t.Fatalf("the top is %+v", top)
		}
	}
	if other := publish(t, m, "other", 1); other.Offset != 1 || other.Epoch == l.got[0].Epoch {
		t.Errorf("another room begins at %+v", other)
	}
	if at, ok := m.Top("never"); ok || at != (Position{}) {
		t.Error("a room that nobody published to has a top")
	}
	if at := publish(t, NewMemory(Config{}), "r", 1); at.Epoch == l.got[0].Epoch {
		t.Error("two runs share their epochs")
	}
}

// A model of one part: rooms in the order of their last message.
type model struct {
	max   int
	idle  int64
	order []string // oldest first
	rooms map[string]struct {
		at   Position
		last int64
	}
}

func (m *model) forget(room string) {
	delete(m.rooms, room)
	for i, r := range m.order {
		if r == room {
			m.order = append(m.order[:i:i], m.order[i+1:]...)
			return
		}
	}
}

func (m *model) tidy(now int64, most int) {
	for range most {
		if len(m.order) == 0 || now-m.rooms[m.order[0]].last < m.idle {
			return
		}
		m.forget(m.order[0])
	}
}

// Which rooms are known, at which offsets, who was evicted: as the model says.
func TestMemory_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := model{max: rapid.IntRange(1, 8).Draw(t, "max"), idle: rapid.Int64Range(1, 100).Draw(t, "idle")}
		want.rooms = map[string]struct {
			at   Position
			last int64
		}{}
		m := NewMemory(Config{MaxRooms: want.max, IdleTTL: time.Duration(want.idle)})
		epochs := map[string]bool{}
		now, evicted := int64(0), uint64(0)
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"})
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { now += rapid.Int64Range(0, 60).Draw(t, "for") },
			"tidy": func(t *rapid.T) {
				m.Tidy(now)
				want.tidy(now, tidiedAtOnce)
			},
			"publish": func(t *rapid.T) {
				room := names.Draw(t, "room")
				want.tidy(now, tidiedByCall)
				known, ok := want.rooms[room]
				if !ok && len(want.order) == want.max {
					want.forget(want.order[0])
					evicted++
				}
				want.forget(room)
				at, err := m.Publish(room, nothing{}, Terms{Now: now})
				if err != nil || at.Offset != known.at.Offset+1 || ok && at.Epoch != known.at.Epoch || !ok && epochs[at.Epoch] {
					t.Fatalf("%s is at %+v, %v; was at %+v", room, at, err, known.at)
				}
				epochs[at.Epoch] = true
				want.order = append(want.order, room)
				known.at, known.last = at, now
				want.rooms[room] = known
			},
			"": func(t *rapid.T) {
				if m.Stats().Rooms != len(want.order) || m.Stats().RoomsEvicted != evicted {
					t.Fatalf("%d rooms and %d evicted, expected %d and %d", m.Stats().Rooms, m.Stats().RoomsEvicted, len(want.order), evicted)
				}
				for room := range want.rooms {
					if at, ok := m.Top(room); !ok || at != want.rooms[room].at {
						t.Fatalf("%s is at %+v, %v; expected %+v", room, at, ok, want.rooms[room].at)
					}
				}
			},
		})
	})
}

func TestMemory_Publish_ForgetsTheIdle(t *testing.T) {
	m := NewMemory(Config{IdleTTL: time.Second})
	for i := range 1000 {
		publish(t, m, name(i), 0)
	}
	at := publish(t, m, name(0), int64(time.Second)-1)
	if at.Offset != 2 {
		t.Errorf("before its time a room is at %+v", at)
	}
	m.Tidy(int64(time.Second) - 1)
	if m.Stats().Rooms != 1000 {
		t.Errorf("before their time %d rooms are kept", m.Stats().Rooms)
	}
	m.Tidy(int64(time.Second))
	if m.Stats().Rooms != 1 || m.Stats().RoomsEvicted != 0 {
		t.Errorf("%d rooms are kept and %d evicted, expected 1 and 0", m.Stats().Rooms, m.Stats().RoomsEvicted)
	}
	if later := publish(t, m, name(0), int64(2*time.Second)); later.Offset != 1 || later.Epoch == at.Epoch {
		t.Errorf("after its time a room goes on at %+v", later)
	}
}

// Idle rooms go though nobody calls Tidy, and no publish does much for it.
func TestMemory_Publish_TidiesALittle(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 100, IdleTTL: time.Second})
	for i := range 100 {
		publish(t, m, name(i), 0)
	}
	for i := range 50 {
		publish(t, m, "busy", int64(2*time.Second))
		if want := 100 - (i+1)*tidiedByCall + 1; m.Stats().Rooms != want {
			t.Fatalf("after %d publishes %d rooms are kept, expected %d", i+1, m.Stats().Rooms, want)
		}
	}
	if m.Stats().RoomsEvicted != 0 {
		t.Errorf("%d rooms were evicted", m.Stats().RoomsEvicted)
	}
}

// The clock may be set back: what was published before it was does not hold up the
// rooms behind it for ever, and a small step drops nothing.
func TestMemory_Publish_ClockSetBack(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 100, IdleTTL: time.Second})
	hour := int64(time.Hour)
	at := publish(t, m, "a", hour)
	if again := publish(t, m, "a", hour-int64(time.Second)/2); again.Epoch != at.Epoch || again.Offset != 2 {
		t.Errorf("after a small step the room is at %+v", again)
	}
	publish(t, m, "b", 0)
	m.Tidy(int64(time.Second))
	if m.Stats().Rooms != 0 {
		t.Errorf("%d rooms are kept", m.Stats().Rooms)
	}
}

// With many locks the number of rooms is passed by the number of locks at most.
func TestMemory_Publish_MaxRooms(t *testing.T) {
	const most = manyParts * manyParts
	m := NewMemory(Config{MaxRooms: most})
	if len(m.parts) != manyParts {
		t.Fatalf("%d locks", len(m.parts))
	}
	for i := range 5 * most {
		publish(t, m, name(i), int64(i))
		if n := m.Stats().Rooms; n > most+manyParts-1 || i >= 2*most && n < most {
			t.Fatalf("%d rooms are kept after %d, expected %d", n, i+1, most)
		}
	}
	if n := int(m.Stats().RoomsEvicted); n != 5*most-m.Stats().Rooms {
		t.Errorf("%d were evicted, %d of %d are kept", n, m.Stats().Rooms, 5*most)
	}
	if _, ok := m.Top(name(5*most - 1)); !ok {
		t.Error("the newest room is not known")
	}
}

func TestConfig_Defaults(t *testing.T) {
	for _, cfg := range []Config{{}, {MaxRooms: -1, IdleTTL: -1, HistoryMemory: -1, DocumentMemory: -1, MaxOnce: -1}} {
		m := NewMemory(cfg)
		got := m.cfg
		if got.MaxRooms != 1<<20 || got.IdleTTL != time.Minute || got.HistoryMemory != 64<<20 ||
			got.DocumentMemory != 64<<20 || got.MaxOnce != 262_144 || got.Needed("r") {
			t.Errorf("the defaults are %+v", got)
		}
	}
}

func TestMemory_Publish_OneOrder(t *testing.T) {
	m := NewMemory(Config{})
	var l list // guarded by the room
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				_, _ = m.Publish("r", &l, Terms{Now: 1})
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

// A check is the deliveries of one room. The room guards it.
type check struct {
	t      *testing.T
	before Position
	epochs map[string]bool
}

func (c *check) Deliver(at Position) {
	switch {
	case at.Epoch == c.before.Epoch && at.Offset == c.before.Offset+1:
	case at.Epoch != c.before.Epoch && at.Offset == 1 && !c.epochs[at.Epoch]:
		c.epochs[at.Epoch] = true
	default:
		c.t.Errorf("%+v is followed by %+v", c.before, at)
	}
	c.before = at
}

func (c *check) Size() int { return 0 }

// Publishers, tidiers and evictions at once: each room sees one order, each epoch
// an offset once.
func TestMemory_ManyGoroutines(t *testing.T) {
	for _, most := range []int{20, manyParts * manyParts} {
		m := NewMemory(Config{MaxRooms: most, IdleTTL: 50})
		checks := make([]check, 2*most)
		for i := range checks {
			checks[i] = check{t: t, epochs: map[string]bool{}}
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 20_000 {
					room := i * (2*g + 1) % len(checks)
					at, _ := m.Publish(name(room), &checks[room], Terms{Now: int64(i)})
					if top, ok := m.Top(name(room)); ok && top.Epoch == at.Epoch && top.Offset < at.Offset {
						t.Errorf("after %+v the top is %+v", at, top)
					}
					if i%500 == 0 {
						m.Tidy(int64(i))
					}
				}
			})
		}
		wg.Wait()
		if n := m.Stats().Rooms; n > most+manyParts+4 {
			t.Errorf("%d rooms are kept, expected %d", n, most)
		}
		kept := 0
		for i := range m.parts {
			kept += len(m.parts[i].rooms)
		}
		if kept != m.Stats().Rooms {
			t.Errorf("%d rooms are counted, %d are there", m.Stats().Rooms, kept)
		}
	}
}

type panics struct{}

func (panics) Deliver(Position) { panic("deliver") }
func (panics) Size() int        { return 0 }

// A delivery that panics takes its offset with it and leaves the room open.
func TestMemory_Publish_PanicInDeliver(t *testing.T) {
	m := NewMemory(Config{})
	func() {
		defer func() { _ = recover() }()
		_, _ = m.Publish("r", panics{}, Terms{Now: 1})
	}()
	if at := publish(t, m, "r", 1); at.Offset != 2 {
		t.Errorf("the next message is at %+v", at)
	}
}

func TestMemory_Publish_Allocations(t *testing.T) {
	m := NewMemory(Config{})
	publish(t, m, "r", 1)
	publish(t, m, "s", 1)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = m.Publish("r", nothing{}, Terms{Now: 1})
		_, _ = m.Publish("s", nothing{}, Terms{Now: 1})
		m.Top("r")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	at := publish(t, m, "r", 1)
	if n := testing.AllocsPerRun(1000, func() {
		_, _ = m.Publish("r", nothing{}, keeps(1, 100))
		_, _ = m.Publish("s", nothing{}, keeps(1, 1))
	}); n > 0 { // the ring's growth is less than one each
		t.Errorf("%v allocations with a history", n)
	}
	since, recovered := &Position{Epoch: at.Epoch, Offset: at.Offset + 1000}, 0
	if n := testing.AllocsPerRun(100, func() {
		m.Snapshot("r", 1, since, func(s Snapshot) { recovered += len(s.Messages) })
	}); n != 0 || recovered != 101 {
		t.Errorf("%v allocations for %d messages recovered", n, recovered)
	}
}

// Parts without a room pass the number by one each; rooms to come bring it back.
func TestMemory_Publish_MaxRooms_ComesBack(t *testing.T) {
	const most = manyParts * manyParts
	m := NewMemory(Config{MaxRooms: most})
	i := 0
	for ; m.Stats().Rooms < most; i++ { // all under one lock
		if m.part(name(i)) == &m.parts[0] {
			publish(t, m, name(i), 1)
		}
	}
	passed := make(map[*part]bool)
	for ; len(passed) < manyParts-1; i++ { // one under each other
		if p := m.part(name(i)); p != &m.parts[0] && !passed[p] {
			passed[p] = true
			publish(t, m, name(i), 1)
		}
	}
	if n := m.Stats().Rooms; n != most+manyParts-1 {
		t.Fatalf("%d rooms are kept, expected %d", n, most+manyParts-1)
	}
	for last := i + 100*manyParts; i < last; i++ {
		publish(t, m, name(i), 1)
	}
	if n := m.Stats().Rooms; n != most {
		t.Errorf("%d rooms are kept at last, expected %d", n, most)
	}
}
