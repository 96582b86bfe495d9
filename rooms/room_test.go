package rooms

import (
	"runtime"
	"strconv"
	"testing"
	"unsafe"
)

func TestRoom_Sizes(t *testing.T) {
	if n := unsafe.Sizeof(seat{}); n != 12 {
		t.Errorf("a seat has %d bytes, expected 12", n)
	}
	if n := unsafe.Sizeof(Member{}); n != 12 {
		t.Errorf("a member has %d bytes, expected 12", n)
	}
	if n := unsafe.Sizeof(entry[int]{}); n != 16 {
		t.Errorf("an entry has %d bytes, expected 16", n)
	}
	if n := unsafe.Sizeof(Room[struct{}]{}) - unsafe.Sizeof(""); n > 64 {
		t.Errorf("a room has %d bytes beside its name, expected at most 64", n)
	}
}

// fill seats n connections in the room r.
func fill(s *Shard[int], n int) (heads []uint32) {
	heads = make([]uint32, n)
	for i := range heads {
		heads[i], _, _, _ = s.Join(0, "r", uint32(i), 0)
	}
	return heads
}

// A room that shrinks takes little more than its members need, at any number.
func TestRoom_Shrinks(t *testing.T) {
	s := NewShard[int](nil)
	heads := fill(s, 20*pageSize+1)
	r := s.Find("r")
	for i := len(heads) - 1; i > 0; i-- {
		s.LeaveAll(heads[i], func(*Room[int], bool) {})
		pages := r.bytes() - int(unsafe.Sizeof(*r)) - mapBytes - len(r.Name)
		headers := 2 * 21 * int(unsafe.Sizeof(r.first))
		if most := max(4*i, shrinkable)*memberBytes + 2*pageBytes + headers; i > pageSize/4 && pages > most {
			t.Fatalf("%d members in %d bytes, expected at most %d", i, pages, most)
		}
		if most := max(4*i, shrinkable) * memberBytes; i <= pageSize/4 && pages > most {
			t.Fatalf("%d members in %d bytes, expected at most %d", i, pages, most)
		}
	}
}

// Once the tables have grown, coming and going at any edge makes no garbage.
func TestRoom_Allocations(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 8, 16, 17, 32, 256, 257, 512, pageSize - 1, pageSize, pageSize + 1, 2 * pageSize, 2*pageSize + 1} {
		s := NewShard[int](nil)
		heads := fill(s, n)
		come := func() { heads[0], _, _, _ = s.Join(heads[0], "r", 0, 0) }
		leave := func() { heads[0], _, _, _ = s.Leave(heads[0], "r") }
		room := func() { // the other way round
			head, _, _, _ := s.Join(0, "r", 1<<20, 0)
			s.Leave(head, "r")
		}
		room()
		if a := testing.AllocsPerRun(100, room); a != 0 {
			t.Errorf("a join and a leave at %d members: %v allocations", n, a)
		}
		if n == 1 {
			continue // the room itself ends
		}
		leave()
		come()
		if a := testing.AllocsPerRun(100, func() { leave(); come() }); a != 0 {
			t.Errorf("a leave and a join at %d members: %v allocations", n, a)
		}
	}
}

func TestShard_Read_Allocations(t *testing.T) {
	s := NewShard[int](nil)
	heads := fill(s, 3*pageSize)
	sum := uint32(0)
	each := func(r *Room[int], m *Member) bool { sum += m.Slot; return true }
	if a := testing.AllocsPerRun(100, func() {
		r := s.Find("r")
		for i := 0; i < r.Len(); i += len(r.Span(i)) {
			sum += r.Span(i)[0].Slot
		}
		s.Each(heads[5], each)
		if s.Seated(heads[7], "r") {
			sum++
		}
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

// heap is what is in use of the heap after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Bytes is what the heap says.
func TestShard_Bytes(t *testing.T) {
	const n = 100_000
	for name, c := range map[string]struct {
		room func(i int) string
		most float64 // bytes a seat
	}{
		"one room":          {func(int) string { return "r" }, 24.5},
		"a room of its own": {func(i int) string { return "room." + strconv.Itoa(i) }, 200},
		"a room for ten":    {func(i int) string { return "room." + strconv.Itoa(i/10) }, 60},
	} {
		before := heap()
		s := NewShard[int](nil)
		for i := range n {
			s.Join(0, c.room(i), uint32(i), 0)
		}
		used, told := heap()-before, s.Bytes()
		t.Logf("%s: %.1f bytes a seat, said to be %.1f", name, float64(used)/n, float64(told)/n)
		if raceEnabled {
			continue
		}
		if d := used - told; d < -used/8 || d > used/8 {
			t.Errorf("%s: %d bytes are used, said to be %d", name, used, told)
		}
		if a := float64(used) / n; a > c.most {
			t.Errorf("%s: %.1f bytes a seat, expected at most %v", name, a, c.most)
		}
		runtime.KeepAlive(s)
	}
}

// A map keeps its size when rooms go: Bytes counts it, and the last room's end
// gives it back.
func TestShard_Bytes_AfterAPeak(t *testing.T) {
	const n = 100_000
	before := heap()
	s := NewShard[int](nil)
	heads := make([]uint32, n)
	for i := range heads {
		heads[i], _, _, _ = s.Join(0, "room."+strconv.Itoa(i), uint32(i), 0)
	}
	for _, head := range heads[1:] {
		s.LeaveAll(head, func(*Room[int], bool) {})
	}
	used, told := heap()-before-4*n, s.Bytes()
	t.Logf("one room of %d is left in %d bytes, said to be %d", n, used, told)
	if d := used - told; !raceEnabled && (d < -used/8 || d > used/8) {
		t.Errorf("%d bytes are used, said to be %d", used, told)
	}
	s.LeaveAll(heads[0], func(*Room[int], bool) {})
	used, pages := heap()-before-4*n, int64(s.seats.bytes()+s.rooms.bytes())
	if s.Bytes() != pages || !raceEnabled && used > pages+pages/8 {
		t.Errorf("no room is left in %d bytes, said to be %d; expected the pages' %d", used, s.Bytes(), pages)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(heads)
}
