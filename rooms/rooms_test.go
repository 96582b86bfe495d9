package rooms

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// The shard against plain lists: each room's members, each connection's rooms.
func TestShard_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := map[string][]uint32{} // room → slots
		chains := map[uint32][]string{}  // slot → rooms, in the order of joining
		heads := map[uint32]uint32{}
		s := NewShard[int](func(r *Room[int], from, to int) {
			if from != r.Len() || to >= r.Len() || r.Member(to).At != r.Member(to).Slot+7 {
				t.Fatalf("moved %d to %d of %d: %+v", from, to, r.Len(), r.Member(to))
			}
		})
		left := func(slot uint32, room string, emptied bool) {
			members[room] = slices.DeleteFunc(members[room], func(x uint32) bool { return x == slot })
			chains[slot] = slices.DeleteFunc(chains[slot], func(x string) bool { return x == room })
			if emptied != (len(members[room]) == 0) {
				t.Fatalf("emptied %v, %d members", emptied, len(members[room]))
			}
		}
		slots := rapid.Uint32Range(0, 9)
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				slot, room := slots.Draw(t, "slot"), names.Draw(t, "room")
				head, r, first, ok := s.Join(heads[slot], room, slot, slot+7)
				if ok == slices.Contains(chains[slot], room) || r.Name != room {
					t.Fatalf("join %d %s: ok %v", slot, room, ok)
				}
				if !ok {
					return
				}
				if first != (len(members[room]) == 0) {
					t.Fatalf("first %v", first)
				}
				heads[slot] = head
				members[room] = append(members[room], slot)
				chains[slot] = append(chains[slot], room)
			},
			"leave": func(t *rapid.T) {
				slot, room := slots.Draw(t, "slot"), names.Draw(t, "room")
				head, r, emptied, ok := s.Leave(heads[slot], room)
				if ok != slices.Contains(chains[slot], room) {
					t.Fatalf("leave %d %s: ok %v", slot, room, ok)
				}
				heads[slot] = head
				if ok {
					left(slot, r.Name, emptied)
				}
			},
			"leave all": func(t *rapid.T) {
				slot := slots.Draw(t, "slot")
				s.LeaveAll(heads[slot], func(r *Room[int], emptied bool) { left(slot, r.Name, emptied) })
				heads[slot] = 0
				if len(chains[slot]) > 0 {
					t.Fatalf("still in %v", chains[slot])
				}
			},
			"": func(t *rapid.T) {
				n := 0
				for room, want := range members {
					r := s.Find(room)
					if len(want) == 0 {
						if r != nil {
							t.Fatalf("room %s is empty and found", room)
						}
						continue
					}
					n += len(want)
					var got []uint32
					for i := 0; i < r.Len(); i += len(r.Span(i)) {
						for _, m := range r.Span(i) {
							got = append(got, m.Slot)
						}
					}
					slices.Sort(got)
					if want := slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
						t.Fatalf("room %s has %v, expected %v", room, got, want)
					}
				}
				if s.Seats() != n {
					t.Fatalf("%d seats, expected %d", s.Seats(), n)
				}
				for slot, want := range chains {
					var got []string
					s.Each(heads[slot], func(r *Room[int], m *Member) bool {
						if m.Slot != slot {
							t.Fatalf("the member of %d in %s is %d", slot, r.Name, m.Slot)
						}
						got = append(got, r.Name)
						return true
					})
					if !slices.Equal(got, want) {
						t.Fatalf("%d is in %v, expected %v", slot, got, want)
					}
				}
			},
		})
	})
}

// Rooms over many pages, which shrink and grow at a page's edge.
func TestShard_Pages(t *testing.T) {
	s := NewShard[int](nil)
	const n = 3*pageSize + 5
	heads := make([]uint32, n)
	for round := range 3 {
		for i := range heads {
			heads[i], _, _, _ = s.Join(0, "r", uint32(i), 0)
		}
		r := s.Find("r")
		seen := make([]bool, n)
		for i := 0; i < r.Len(); i += len(r.Span(i)) {
			for _, m := range r.Span(i) {
				seen[m.Slot] = true
			}
		}
		if slices.Contains(seen, false) || r.Len() != n {
			t.Fatalf("round %d: somebody is missing of %d", round, r.Len())
		}
		for i := range heads {
			s.LeaveAll(heads[(i*7)%n], func(*Room[int], bool) {})
		}
		if s.Seats() != 0 || s.Rooms() != 0 {
			t.Fatalf("round %d: %d seats, %d rooms left", round, s.Seats(), s.Rooms())
		}
	}
}

func TestShard_Sizes(t *testing.T) {
	if n := unsafe.Sizeof(seat{}); n != seatBytes {
		t.Errorf("a seat has %d bytes", n)
	}
	if n := unsafe.Sizeof(Member{}); n != memberBytes {
		t.Errorf("a member has %d bytes", n)
	}
}

func TestShard_Allocations(t *testing.T) {
	s := NewShard[int](nil)
	for i := range uint32(pageSize) {
		s.Join(0, "r", i, 0)
	}
	cycle := func() {
		head, _, _, _ := s.Join(0, "r", 1<<20, 0)
		s.Leave(head, "r")
	}
	cycle()
	if n := testing.AllocsPerRun(100, cycle); n != 0 {
		t.Errorf("a join and a leave at a page's edge: %v allocations", n)
	}
}

func TestDirectory_ManyGoroutines(t *testing.T) {
	d := NewDirectory(MaxLoops)
	var wg sync.WaitGroup
	for loop := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				room := "r" + strconv.Itoa(i%50)
				d.Add(room, loop)
				if d.Loops(room)&(1<<loop) == 0 {
					t.Errorf("loop %d is not in %s", loop, room)
				}
				d.Remove(room, loop)
			}
		})
	}
	wg.Wait()
	if d.Rooms() != 0 {
		t.Errorf("%d rooms left", d.Rooms())
	}
	d.Add("r", 63)
	if n := testing.AllocsPerRun(100, func() { d.Loops("r") }); n != 0 {
		t.Errorf("Loops: %v allocations", n)
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "a": true, "A-z0.9_:@=,;+~": true, "a b": false, "a/b": false, "é": false, "a\x00": false, "a*": false, "a%20": false,
		strings.Repeat("x", 200): true, strings.Repeat("x", 201): false,
	} {
		if ValidName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func BenchmarkShard_JoinLeave(b *testing.B) {
	s := NewShard[int](nil)
	for i := range uint32(1_000_000) {
		s.Join(0, "r", i, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		head, _, _, _ := s.Join(0, "r", 1<<21, 0)
		s.Leave(head, "r")
	}
}

func BenchmarkShard_JoinLeave_MillionRooms(b *testing.B) {
	s := NewShard[int](nil)
	for i := range uint32(1_000_000) {
		s.Join(0, "room."+strconv.Itoa(int(i)), i, 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		head, _, _, _ := s.Join(0, "room.new", 1<<21, 0)
		s.Leave(head, "room.new")
	}
}

func BenchmarkShard_Iterate_Million(b *testing.B) {
	s := NewShard[int](nil)
	for i := range uint32(1_000_000) {
		s.Join(0, "r", i, 0)
	}
	r := s.Find("r")
	sum := uint32(0)
	for b.Loop() {
		for i := 0; i < r.Len(); {
			span := r.Span(i)
			for k := range span {
				sum += span[k].Slot
			}
			i += len(span)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/member")
	_ = sum
}
