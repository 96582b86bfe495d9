package rooms

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// The shard against plain lists: each room's members in their order, each
// connection's rooms.
func TestShard_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := map[string][]uint32{} // room → slots
		chains := map[uint32][]string{}  // slot → rooms, in the order of joining
		heads := map[uint32]uint32{}
		moves := 0
		s := NewShard[int](func(r *Room[int], from, to int) {
			moves++
			if from != r.Len() || to >= r.Len() || r.Member(to).At != r.Member(to).Slot+7 {
				t.Fatalf("moved %d to %d of %d: %+v", from, to, r.Len(), r.Member(to))
			}
		})
		left := func(slot uint32, r *Room[int], emptied bool) {
			list := members[r.Name]
			at := slices.Index(list, slot)
			last := len(list) - 1
			list[at] = list[last]
			members[r.Name] = list[:last]
			chains[slot] = slices.DeleteFunc(chains[slot], func(x string) bool { return x == r.Name })
			want := 0
			if at != last {
				want = 1
			}
			if emptied != (last == 0) || r.Len() != last || moves != want {
				t.Fatalf("%d left %s: emptied %v, %d members of %d, %d moves", slot, r.Name, emptied, r.Len(), last, moves)
			}
			moves = 0
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
					if head != heads[slot] || first {
						t.Fatalf("a second join: head %d of %d, first %v", head, heads[slot], first)
					}
					return
				}
				if first != (len(members[room]) == 0) || first != (r.Data == 0) {
					t.Fatalf("first %v, data %d", first, r.Data)
				}
				r.Data = 1
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
				if !ok && (head != heads[slot] || (r == nil) != (len(members[room]) == 0)) {
					t.Fatalf("leave without a seat: head %d of %d, room %v", head, heads[slot], r)
				}
				heads[slot] = head
				if ok {
					left(slot, r, emptied)
				}
			},
			"leave all": func(t *rapid.T) {
				slot := slots.Draw(t, "slot")
				var order []string
				want := slices.Clone(chains[slot])
				s.LeaveAll(heads[slot], func(r *Room[int], emptied bool) {
					order = append(order, r.Name)
					left(slot, r, emptied)
				})
				heads[slot] = 0
				if !slices.Equal(order, want) {
					t.Fatalf("left %v, expected %v", order, want)
				}
			},
			"": func(t *rapid.T) {
				n, rooms := 0, 0
				for room, want := range members {
					r := s.Find(room)
					if (r == nil) != (len(want) == 0) {
						t.Fatalf("room %s with %d members: %v", room, len(want), r)
					}
					if r == nil {
						continue
					}
					n += len(want)
					rooms++
					if got := walk(r); !slices.Equal(got, want) {
						t.Fatalf("room %s has %v, expected %v", room, got, want)
					}
				}
				if s.Seats() != n || s.Rooms() != rooms {
					t.Fatalf("%d seats in %d rooms, expected %d in %d", s.Seats(), s.Rooms(), n, rooms)
				}
				for slot := range uint32(10) {
					var got []string
					s.Each(heads[slot], func(r *Room[int], m *Member) bool {
						if m.Slot != slot {
							t.Fatalf("the member of %d in %s is %d", slot, r.Name, m.Slot)
						}
						got = append(got, r.Name)
						return true
					})
					if !slices.Equal(got, chains[slot]) {
						t.Fatalf("%d is in %v, expected %v", slot, got, chains[slot])
					}
					for _, room := range []string{"a", "b", "c", "d", "e"} {
						if s.Seated(heads[slot], room) != slices.Contains(got, room) {
							t.Fatalf("%d seated in %s: %v", slot, room, !slices.Contains(got, room))
						}
					}
				}
			},
		})
	})
}

// walk gives the members of a room by its spans.
func walk[T any](r *Room[T]) (slots []uint32) {
	for i := 0; i < r.Len(); i += len(r.Span(i)) {
		for _, m := range r.Span(i) {
			slots = append(slots, m.Slot)
		}
	}
	return slots
}

// Many connections come and go in bulk, so that rooms have several pages, and the
// slabs too.
func TestShard_AgainstAModel_Pages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewShard[int](nil)
		var model []uint32
		heads := map[uint32]uint32{}
		free := uint32(0)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			n := rapid.IntRange(1, 2*pageSize).Draw(t, "n")
			if rapid.Bool().Draw(t, "join") {
				for range n {
					heads[free], _, _, _ = s.Join(0, "r", free, 0)
					model = append(model, free)
					free++
				}
			} else {
				stride := rapid.IntRange(1, 5000).Draw(t, "stride")
				for i := 0; i < n && len(model) > 0; i++ {
					k, last := i*stride%len(model), len(model)-1
					if head, _, _, ok := s.Leave(heads[model[k]], "r"); !ok || head != 0 {
						t.Fatalf("%d does not leave: head %d", model[k], head)
					}
					model[k] = model[last]
					model = model[:last]
				}
			}
			checkOne(t, s, model)
		}
	})
}

func checkOne(t *rapid.T, s *Shard[int], want []uint32) {
	r := s.Find("r")
	switch {
	case len(want) == 0 && r != nil:
		t.Fatalf("the room is empty and found")
	case len(want) == 0:
		return
	case !slices.Equal(walk(r), want):
		t.Fatalf("the members differ from the %d expected", len(want))
	}
	for i, slot := range want {
		if r.Member(i).Slot != slot {
			t.Fatalf("member %d is %d, expected %d", i, r.Member(i).Slot, slot)
		}
	}
	if got, want := s.bytes, r.bytes(); got != want {
		t.Fatalf("the shard counts %d bytes, the room %d", got, want)
	}
}

func TestShard_Each_Stops(t *testing.T) {
	s := NewShard[int](nil)
	head := uint32(0)
	for i := range 5 {
		head, _, _, _ = s.Join(head, strconv.Itoa(i), 1, 0)
	}
	n := 0
	s.Each(head, func(*Room[int], *Member) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("%d rooms were shown, expected 3", n)
	}
	s.Each(0, func(*Room[int], *Member) bool { t.Error("the empty chain has a room"); return false })
}

// A name is of a room only while it has members: the next room of that name is new.
func TestShard_Leave_EndsTheRoom(t *testing.T) {
	s := NewShard[string](nil)
	head, r, _, _ := s.Join(0, "r", 1, 0)
	r.Data = "old"
	_, gone, emptied, ok := s.Leave(head, "r")
	if !ok || !emptied || gone != r || gone.Data != "old" || gone.Name != "r" || gone.Len() != 0 {
		t.Fatalf("left: %+v, emptied %v, ok %v", gone, emptied, ok)
	}
	if _, r, first, _ := s.Join(0, "r", 1, 0); !first || r == gone || r.Data != "" {
		t.Errorf("joined again: %+v, first %v", r, first)
	}
}

// Numbers of rooms and of seats are used again.
func TestShard_Leave_GivesNumbersBack(t *testing.T) {
	s := NewShard[int](nil)
	heads := make([]uint32, 3000)
	for range 5 {
		for i := range heads {
			heads[i], _, _, _ = s.Join(0, strconv.Itoa(i), uint32(i), 0)
		}
		for _, head := range heads {
			s.LeaveAll(head, func(*Room[int], bool) {})
		}
	}
	if s.Rooms() != 0 || s.Seats() != 0 || s.bytes != 0 {
		t.Errorf("%d rooms, %d seats, %d bytes left", s.Rooms(), s.Seats(), s.bytes)
	}
	if int(s.seats.top) != len(heads) || int(s.rooms.top) != len(heads) {
		t.Errorf("seats up to %d and rooms up to %d were made, expected %d", s.seats.top, s.rooms.top, len(heads))
	}
}
