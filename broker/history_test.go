package broker

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A sized message takes so many bytes.
type sized int

func (sized) Deliver(Position) {}
func (s sized) Size() int      { return int(s) }

// keeps are terms under which a room keeps n messages for a minute.
func keeps(now int64, n int) Terms { return Terms{Now: now, Size: n, TTL: time.Minute} }

// put publishes a message that is kept, or fails the test.
func published(t tester, m *Memory, room string, size int, terms Terms) Position {
	t.Helper()
	at, err := m.Publish(room, sized(size), terms)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// keptOf is the number of messages that a room has at the time now.
func keptOf(m *Memory, room string, now int64) int {
	_, kept, _ := m.History(room, now, 0, maxKept)
	return len(kept)
}

// A model of one room's history: all that was published, and when.
type historyModel struct {
	times []int64
	since int // kept are those from here on
}

func (h *historyModel) expire(now, ttl int64) {
	for h.since < len(h.times) && now-h.times[h.since] >= ttl {
		h.since++
	}
}

// What is kept of rooms whose terms change, as the model says; and all that is
// counted is there.
func TestMemory_Histories_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewMemory(Config{IdleTTL: time.Hour})
		models := map[string]*historyModel{"a": {}, "b": {}, "c": {}}
		ttls := map[string]int64{}
		now := int64(0)
		names := rapid.SampledFrom([]string{"a", "b", "c"})
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { now += rapid.Int64Range(0, 40).Draw(t, "for") },
			"tidy": func(*rapid.T) {
				m.Tidy(now)
				for room, h := range models {
					if n := len(h.times); n > 0 && now-h.times[n-1] >= ttls[room] {
						h.since = n
					}
				}
			},
			"publish": func(t *rapid.T) {
				room := names.Draw(t, "room")
				h := models[room]
				size := rapid.SampledFrom([]int{0, 1, 2, 3, 5, 9, 40}).Draw(t, "keeps")
				ttls[room] = rapid.SampledFrom([]int64{0, 1, 50, 100}).Draw(t, "ttl")
				for range rapid.IntRange(1, 20).Draw(t, "messages") {
					published(t, m, room, len(h.times), Terms{Now: now, Size: size, TTL: time.Duration(ttls[room])})
					h.times = append(h.times, now)
				}
				h.expire(now, ttls[room])
				h.since = max(h.since, len(h.times)-size)
			},
			"recover": func(t *rapid.T) {
				room := names.Draw(t, "room")
				h := models[room]
				h.expire(now, ttls[room])
				at, _ := m.Top(room)
				since := rapid.IntRange(0, len(h.times)+1).Draw(t, "since")
				m.Snapshot(room, now, &Position{Offset: uint64(since), Epoch: at.Epoch}, func(s Snapshot) {
					whole := at.Epoch != "" && since >= h.since && since <= len(h.times)
					if s.Recovered != whole || whole && len(s.Messages) != len(h.times)-since {
						t.Fatalf("since %d of %d, %d kept: %+v", since, len(h.times), len(h.times)-h.since, s)
					}
					for i, k := range s.Messages {
						if k.Offset != uint64(since+i)+1 || k.Delivery != sized(since+i) || k.Time != h.times[since+i] {
							t.Fatalf("since %d, message %d is %+v", since, i, k)
						}
					}
				})
			},
			"history": func(t *rapid.T) {
				room := names.Draw(t, "room")
				h := models[room]
				h.expire(now, ttls[room])
				if n := keptOf(m, room, now); n != len(h.times)-h.since {
					t.Fatalf("%d are kept, expected %d", n, len(h.times)-h.since)
				}
			},
			"": func(t *rapid.T) { audit(t, m) },
		})
	})
}

// Past the bound the rooms longest without a message lose their histories, whatever
// lock they are under, and only as many as have to.
func TestMemory_Publish_EvictsTheQuietest(t *testing.T) {
	const n = 2000
	one := historyCost + keptCost + 100
	m := NewMemory(Config{HistoryMemory: n * one})
	if len(m.parts) != manyParts {
		t.Fatalf("%d parts", len(m.parts))
	}
	var order []string // the quietest first
	for i := range n {
		published(t, m, name(i), 100, keeps(1, 1)) // all at one time, which says nothing of the order
		order = append(order, name(i))
	}
	for i := 0; i < n; i += 3 { // some have another message, which takes the place of the first
		published(t, m, name(i), 100, keeps(1, 1))
		order = append(order, name(i))
		order[i] = ""
	}
	if s := m.Stats(); s.HistoryBytes != n*one || s.HistoriesEvicted != 0 || s.HistoryMessages != n {
		t.Fatalf("before the bound is passed: %+v", s)
	}
	audit(t, m)
	gone := 0
	for i := range n {
		published(t, m, name(n+i), 100, keeps(1, 1))
		for order[gone] == "" {
			gone++
		}
		if kept := keptOf(m, order[gone], 1); kept != 0 {
			t.Fatalf("message %d: %s, which is the quietest, has %d messages", i, order[gone], kept)
		}
		gone++
		if s := m.Stats(); s.HistoryMessages != n || s.HistoriesEvicted != uint64(i)+1 || s.HistoryBytes != n*one {
			t.Fatalf("message %d: %+v", i, s)
		}
	}
	for _, room := range order[gone:] {
		if room != "" {
			t.Errorf("%s was to be gone", room)
		}
	}
	audit(t, m)
}

// A large message takes the place of many small ones, and of no more.
func TestMemory_Publish_LargeMessageEvictsMany(t *testing.T) {
	const n = 5000
	one := historyCost + keptCost
	m := NewMemory(Config{HistoryMemory: n * one})
	for i := range n {
		published(t, m, name(i), 0, keeps(1, 1))
	}
	published(t, m, "large", int(3000*one), keeps(1, 1))
	if s := m.Stats(); s.HistoryMessages != n-3000 || s.HistoryBytes != n*one {
		t.Errorf("beside a large message is kept %+v", s)
	}
	if keptOf(m, name(3000), 1) != 0 || keptOf(m, name(3001), 1) != 1 || keptOf(m, "large", 1) != 1 {
		t.Error("the wrong ones went")
	}
	audit(t, m)
}

// The only history is cut from its oldest messages on. A message that has no place
// at all leaves none.
func TestMemory_Publish_OnlyHistoryIsCut(t *testing.T) {
	const most = 10_000
	m := NewMemory(Config{HistoryMemory: most})
	for i := range 100 {
		at := published(t, m, "r", 1000, keeps(1, 1000))
		want := min(i+1, 9)
		m.Snapshot("r", 1, &Position{Offset: at.Offset - uint64(want), Epoch: at.Epoch}, func(s Snapshot) {
			if !s.Recovered || len(s.Messages) != want {
				t.Fatalf("after %d messages %d are kept, expected %d", i+1, len(s.Messages), want)
			}
		})
		audit(t, m)
		if n := m.Stats().HistoryBytes; n > most {
			t.Fatalf("%d bytes are taken", n)
		}
	}
	published(t, m, "r", int(most-loneCost), keeps(1, 1000))
	if n := keptOf(m, "r", 1); n != 1 {
		t.Errorf("beside a message that takes all %d are kept", n)
	}
	before, evicted := published(t, m, "r", 1, keeps(1, 1000)), m.Stats().HistoriesEvicted
	published(t, m, "r", most, keeps(1, 1000))
	if s := m.Stats(); s.HistoryMessages != 0 || s.HistoryBytes != 0 || s.HistoriesEvicted != evicted+1 {
		t.Errorf("after a message that is too large is kept %+v", s)
	}
	published(t, m, "r", 1, keeps(1, 1000))
	m.Snapshot("r", 1, &before, func(s Snapshot) {
		if s.Recovered {
			t.Error("a message that was not kept is hidden")
		}
	})
	audit(t, m)
}

// Others' histories are untouched by a message that is too large.
func TestMemory_Publish_TooLargeEvictsNoOther(t *testing.T) {
	m := NewMemory(Config{HistoryMemory: 10_000})
	published(t, m, "a", 10, keeps(1, 5))
	published(t, m, "b", 1<<30, keeps(1, 5))
	if keptOf(m, "a", 1) != 1 || keptOf(m, "b", 1) != 0 {
		t.Error("the wrong history went")
	}
	audit(t, m)
}

// Tidy drops histories that are over, a bounded number at once, and none before.
func TestMemory_Tidy_DropsHistories(t *testing.T) {
	const n = 2*tidiedAtOnce + 500
	m := NewMemory(Config{MaxRooms: manyParts*manyParts - 1, IdleTTL: time.Hour}) // one part
	for i := range n {
		published(t, m, name(i), 10, keeps(0, 5))
	}
	published(t, m, "long", 10, Terms{Now: 0, Size: 5, TTL: time.Hour})
	published(t, m, "busy", 10, keeps(0, 5))
	published(t, m, "busy", 10, keeps(int64(30*time.Second), 5))
	m.Tidy(int64(time.Minute) - 1)
	if got := m.Stats().HistoryMessages; got != n+3 {
		t.Fatalf("before their time %d messages are kept of %d", got, n+3)
	}
	seen := n + 3
	for seen > 3 {
		m.Tidy(int64(time.Minute))
		got := m.Stats().HistoryMessages
		if got >= seen || got < seen-tidiedAtOnce {
			t.Fatalf("of %d messages Tidy leaves %d", seen, got)
		}
		seen = got
		audit(t, m)
	}
	m.Tidy(int64(90 * time.Second))
	if s := m.Stats(); s.HistoryMessages != 1 || s.HistoriesEvicted != 0 || s.Rooms != n+2 {
		t.Errorf("at last is kept %+v", s)
	}
	if keptOf(m, "long", int64(90*time.Second)) != 1 {
		t.Error("the wrong history is left")
	}
}

// A room that keeps messages for less long than it did, or under a clock that was
// set back, is not kept for as long as was thought at first.
func TestMemory_Tidy_LessTime(t *testing.T) {
	m := NewMemory(Config{IdleTTL: 24 * time.Hour})
	hour := int64(time.Hour)
	published(t, m, "less", 1, Terms{Now: 0, Size: 5, TTL: 24 * time.Hour})
	published(t, m, "less", 1, keeps(0, 5))
	published(t, m, "back", 1, keeps(hour, 5))
	if at := published(t, m, "back", 1, keeps(0, 5)); keptOf(m, "back", 0) != 1 || at.Offset != 2 {
		t.Errorf("%d messages are kept across a step of the clock", keptOf(m, "back", 0))
	}
	m.Tidy(int64(time.Minute))
	if n := m.Stats().HistoryMessages; n != 0 {
		t.Errorf("%d messages are kept", n)
	}
	audit(t, m)
}

// Room for many messages, or histories, is given back.
func TestMemory_Histories_GiveMemoryBack(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 10_000, IdleTTL: time.Hour, HistoryMemory: 1 << 30})
	before := heapInUse()
	for i := range 100_000 {
		published(t, m, "r", 1, keeps(int64(i), 100_000))
	}
	at, _ := m.Top("r")
	m.Snapshot("r", 1, &Position{Epoch: at.Epoch}, func(s Snapshot) {
		if len(s.Messages) != 100_000 {
			t.Fatalf("%d were recovered", len(s.Messages))
		}
	})
	if n := heapInUse() - before; !raceEnabled && n > 2*m.Stats().HistoryBytes {
		t.Errorf("%d bytes are used, %d are counted", n, m.Stats().HistoryBytes)
	}
	if n := keptOf(m, "r", int64(time.Minute)+99_899); n != 100 {
		t.Errorf("%d messages are kept", n)
	}
	audit(t, m)
	if n := m.Stats().HistoryBytes; n > 20_000 {
		t.Errorf("%d bytes are counted for 100 messages", n)
	}
	for i := range 20_000 {
		published(t, m, name(i), 1, keeps(0, 5))
	}
	for range 20 {
		m.Tidy(2 * int64(time.Hour))
	}
	if s := m.Stats(); s != (Stats{RoomsEvicted: s.RoomsEvicted}) {
		t.Errorf("at last is kept %+v", s)
	}
	if n := heapInUse() - before; !raceEnabled && n > 50_000 {
		t.Errorf("%d bytes are used at last", n)
	}
}

// A delivery that panics is kept, so that what comes after it is no gap.
func TestMemory_Publish_PanicLeavesNoGap(t *testing.T) {
	m := NewMemory(Config{})
	at := published(t, m, "r", 1, keeps(1, 5))
	func() {
		defer func() { _ = recover() }()
		_, _ = m.Publish("r", panics{}, keeps(1, 5))
	}()
	published(t, m, "r", 1, keeps(1, 5))
	m.Snapshot("r", 1, &at, func(s Snapshot) {
		if !s.Recovered || len(s.Messages) != 2 {
			t.Errorf("%+v", s)
		}
	})
	func() {
		defer func() { _ = recover() }()
		m.Snapshot("r", 1, &at, func(Snapshot) { panic("snapshot") })
	}()
	audit(t, m)
}

// All at once, within bounds that are passed all the time.
func TestMemory_Histories_ManyGoroutines(t *testing.T) {
	for _, rooms := range []int{1000, manyParts * manyParts} {
		const most = 100_000
		m := NewMemory(Config{MaxRooms: rooms, IdleTTL: 500, HistoryMemory: most, DocumentMemory: 1000, MaxOnce: 100,
			Needed: func(room string) bool { return len(room)%2 == 0 }})
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 10_000 {
					room, now := name(i*(2*g+1)%(rooms+rooms/2)), int64(i)
					terms := Terms{Now: now, Size: i % 7, TTL: time.Duration(i % 900)}
					if i%5 == 0 {
						terms.Once = strconv.Itoa(i % 50)
					}
					at, err := m.Publish(room, sized(i%500), terms)
					if err != nil {
						t.Error(err)
					}
					at.Offset--
					m.Snapshot(room, now, &at, func(s Snapshot) {
						if s.Recovered && (s.Epoch != at.Epoch || uint64(len(s.Messages)) != s.Offset-at.Offset) {
							t.Errorf("since %+v: %+v", at, s)
						}
					})
					if i%100 == 0 {
						_, _, _, _ = m.Change(room, now, AnyVersion, make([]byte, i%300), func(uint64) {})
						m.Tidy(now)
						m.History(room, now, 0, 10)
						m.Stats()
					}
				}
			})
		}
		wg.Wait()
		audit(t, m)
		if s := m.Stats(); s.HistoryBytes > most || s.DocumentBytes > 1000 || s.OnceKeys > 100+manyParts || s.HistoriesEvicted == 0 {
			t.Errorf("at last is kept %+v", s)
		}
	}
}
