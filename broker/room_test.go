package broker

import (
	"errors"
	"testing"
	"time"
)

// A room with members is not forgotten, and is asked after once in IdleTTL.
func TestMemory_Tidy_NeededRooms(t *testing.T) {
	asked, needed := 0, true
	m := NewMemory(Config{IdleTTL: time.Second, Needed: func(room string) bool {
		asked++
		return needed && room == "r"
	}})
	second := int64(time.Second)
	at := publish(t, m, "r", 0)
	publish(t, m, "other", 0)
	for i := range int64(100) {
		m.Tidy(second + i*second/100)
	}
	if top, ok := m.Top("r"); !ok || top != at || m.Stats().Rooms != 1 || asked != 2 {
		t.Errorf("after %d questions %d rooms are known, and the needed one is at %+v", asked, m.Stats().Rooms, top)
	}
	m.Tidy(2 * second)
	if asked != 3 || m.Stats().Rooms != 1 {
		t.Errorf("a time later there were %d questions, and %d rooms are known", asked, m.Stats().Rooms)
	}
	needed = false
	m.Tidy(3 * second)
	if m.Stats().Rooms != 0 {
		t.Error("a room that nobody needs any more is known")
	}
}

// A Snapshot is a use of a room: who has just joined is not in a forgotten one.
func TestMemory_Snapshot_IsAUse(t *testing.T) {
	m := NewMemory(Config{IdleTTL: time.Second})
	at := publish(t, m, "r", 0)
	m.Snapshot("r", int64(time.Second)-1, nil, func(Snapshot) {})
	m.Tidy(int64(time.Second))
	if top, _ := m.Top("r"); top != at {
		t.Errorf("the room is at %+v, expected %+v", top, at)
	}
	m.Tidy(int64(2 * time.Second))
	if m.Stats().Rooms != 0 {
		t.Error("a room that was idle is known")
	}
}

// A room is not forgotten while it keeps messages, nor ever with a document.
func TestMemory_Tidy_RoomsThatKeepSomething(t *testing.T) {
	m := NewMemory(Config{IdleTTL: time.Second})
	published(t, m, "history", 1, keeps(0, 5))
	if _, _, ok, err := m.Change("document", 0, 0, []byte("{}"), func(uint64) {}); !ok || err != nil {
		t.Fatal(err)
	}
	document, _ := m.Top("document")
	for now := int64(0); now < int64(time.Minute); now += int64(time.Second) / 2 {
		m.Tidy(now)
		if m.Stats().Rooms != 2 {
			t.Fatalf("after %v %d rooms are known", time.Duration(now), m.Stats().Rooms)
		}
	}
	m.Tidy(int64(time.Minute)) // the history is over
	m.Tidy(int64(time.Minute + time.Second))
	audit(t, m)
	m.Tidy(int64(time.Hour))
	if at, ok := m.Top("document"); m.Stats().Rooms != 1 || !ok || at != document {
		t.Errorf("at last %d rooms are known", m.Stats().Rooms)
	}
	audit(t, m)
}

// Rooms with a document are not dropped for others, whatever the bound; all others
// are, the longest idle first.
func TestMemory_MaxRooms_SparesDocuments(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 10})
	set := func(room string) error {
		_, _, ok, err := m.Change(room, 0, AnyVersion, []byte("{}"), func(uint64) {})
		if ok != (err == nil) {
			t.Fatalf("%v, %v", ok, err)
		}
		return err
	}
	for i := range 5 {
		if err := set(name(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		published(t, m, name(100+i), 1, keeps(0, 5))
	}
	if s := m.Stats(); s.Rooms != 10 || s.Documents != 5 || s.RoomsEvicted != 15 || s.HistoryMessages != 5 {
		t.Errorf("%+v", s)
	}
	if _, ok := m.Top(name(115)); !ok {
		t.Error("a room went that was used later than others")
	}
	audit(t, m)
	for i := range 5 {
		if err := set(name(5 + i)); err != nil {
			t.Fatal(err)
		}
	}
	full := m.Stats()
	if err := set("more"); !errors.Is(err, ErrRooms) {
		t.Errorf("one document more: %v", err)
	}
	var l list
	if _, err := m.Publish("more", &l, Terms{Once: "key"}); !errors.Is(err, ErrRooms) || l.got != nil {
		t.Errorf("a message to one room more: %v", err)
	}
	if _, err := m.Publish(name(0), &l, Terms{}); err != nil || len(l.got) != 1 {
		t.Errorf("a message to a room that is known: %v", err)
	}
	if s := m.Stats(); s != full {
		t.Errorf("what was refused made %+v of %+v", s, full)
	}
	audit(t, m)
}

// Where there is no place for a room, whoever joins gets an epoch that nothing ever
// recovers.
func TestMemory_Snapshot_NoPlace(t *testing.T) {
	m := NewMemory(Config{MaxRooms: 1})
	_, _, _, _ = m.Change("a", 0, 0, nil, func(uint64) {})
	epochs := map[string]bool{"": true}
	var since *Position
	for range 3 {
		m.Snapshot("r", 0, since, func(s Snapshot) {
			if s.Recovered || s.Offset != 0 || epochs[s.Epoch] {
				t.Errorf("%+v after %v", s, epochs)
			}
			epochs[s.Epoch] = true
			since = &Position{Epoch: s.Epoch}
		})
	}
	if s := m.Stats(); s.Rooms != 1 {
		t.Errorf("%d rooms are known", s.Rooms)
	}
}

// With many locks, too, rooms with documents pass the bound by 63 at most.
func TestMemory_MaxRooms_DocumentsOfManyParts(t *testing.T) {
	const most = manyParts * manyParts
	m := NewMemory(Config{MaxRooms: most})
	refused := 0
	for i := range 2 * most {
		switch _, _, _, err := m.Change(name(i), 0, 0, nil, func(uint64) {}); {
		case errors.Is(err, ErrRooms):
			refused++
		case err != nil:
			t.Fatal(err)
		}
	}
	if n := m.Stats().Rooms; n != most+manyParts-1 || n+refused != 2*most {
		t.Errorf("%d rooms are known, and %d were refused", n, refused)
	}
	audit(t, m)
}
