package rooms

// A Shard has the rooms of one loop, and the seats in them. A connection holds
// its seats as a chain, of which it keeps the head; 0 is the empty one.
type Shard[T any] struct {
	moved  func(r *Room[T], from, to int)
	byName map[string]*Room[T]
	rooms  []*Room[T] // by number; nil where unused
	unused []uint32   // numbers of rooms
	seats  seats
}

// A seat is 12 bytes, without a pointer.
type seat struct {
	room uint32 // its number
	at   uint32 // its place among the members
	next uint32 // the connection's next seat, or the next free one
}

// NewShard makes an empty shard. Moved may be nil; else it is called when a
// member, who was the last of a room, has taken the place of one who left.
func NewShard[T any](moved func(r *Room[T], from, to int)) *Shard[T] {
	return &Shard[T]{moved: moved, byName: make(map[string]*Room[T])}
}

// Join seats the connection slot, whose chain is head, at the end of a room.
// Place becomes the Member's At. First: it is the only member. It says ok=false
// where the connection has a seat there already.
func (s *Shard[T]) Join(head uint32, room string, slot, place uint32) (newHead uint32, r *Room[T], first, ok bool) {
	r = s.byName[room]
	last := uint32(0)
	for k := head; k != 0; k = s.seats.at(k).next {
		if s.rooms[s.seats.at(k).room] == r && r != nil {
			return head, r, false, false
		}
		last = k
	}
	if r == nil {
		r, first = s.open(room), true
	}
	k := s.seats.take()
	*s.seats.at(k) = seat{room: r.number, at: uint32(r.n)}
	r.add(Member{Slot: slot, At: place, seat: k})
	if last == 0 {
		return k, r, first, true
	}
	s.seats.at(last).next = k
	return head, r, first, true
}

// open makes a room.
func (s *Shard[T]) open(name string) *Room[T] {
	r := &Room[T]{Name: name}
	if n := len(s.unused); n > 0 {
		r.number = s.unused[n-1]
		s.unused = s.unused[:n-1]
		s.rooms[r.number] = r
	} else {
		r.number = uint32(len(s.rooms))
		s.rooms = append(s.rooms, r)
	}
	s.byName[name] = r
	return r
}

// Leave ends a seat. Emptied: the room has no member any more, and is gone from
// the shard; r can be read all the same. It says ok=false where there was no seat.
func (s *Shard[T]) Leave(head uint32, room string) (newHead uint32, r *Room[T], emptied, ok bool) {
	r = s.byName[room]
	if r == nil {
		return head, nil, false, false
	}
	before := uint32(0)
	for k := head; k != 0; k = s.seats.at(k).next {
		st := s.seats.at(k)
		if s.rooms[st.room] != r {
			before = k
			continue
		}
		if before == 0 {
			head = st.next
		} else {
			s.seats.at(before).next = st.next
		}
		emptied = s.end(k, r)
		return head, r, emptied, true
	}
	return head, r, false, false
}

// LeaveAll ends all seats of a chain and calls each for every one, after it has
// ended.
func (s *Shard[T]) LeaveAll(head uint32, each func(r *Room[T], emptied bool)) {
	for k := head; k != 0; {
		st := s.seats.at(k)
		next, r := st.next, s.rooms[st.room]
		each(r, s.end(k, r))
		k = next
	}
}

// end frees a seat; the room's last member takes its place.
func (s *Shard[T]) end(k uint32, r *Room[T]) (emptied bool) {
	at, last := int(s.seats.at(k).at), r.n-1
	if at != last {
		m := *r.Member(last)
		*r.Member(at) = m
		s.seats.at(m.seat).at = uint32(at)
	}
	r.drop()
	s.seats.give(k)
	switch {
	case r.n == 0:
		delete(s.byName, r.Name)
		s.rooms[r.number] = nil
		s.unused = append(s.unused, r.number)
		return true
	case at != last && s.moved != nil:
		s.moved(r, last, at)
	}
	return false
}

// Each calls f for the rooms of a chain, in the order of their joining, until it
// says false. M is the chain's Member there: valid until f returns.
func (s *Shard[T]) Each(head uint32, f func(r *Room[T], m *Member) bool) {
	for k := head; k != 0; k = s.seats.at(k).next {
		st := s.seats.at(k)
		r := s.rooms[st.room]
		if !f(r, r.Member(int(st.at))) {
			return
		}
	}
}

// Find gives the room of a name; nil where nobody sits there.
func (s *Shard[T]) Find(room string) *Room[T] { return s.byName[room] }

// Rooms is the number of rooms with members.
func (s *Shard[T]) Rooms() int { return len(s.byName) }

// Seats is the number of seats taken.
func (s *Shard[T]) Seats() int { return s.seats.taken }

// Bytes is what the seats take, pages aside that are not full.
func (s *Shard[T]) Bytes() int64 { return int64(s.seats.taken) * (seatBytes + memberBytes) }

const (
	seatBytes   = 12
	memberBytes = 12
)

// seats is a slab of seats in pages, which never move.
type seats struct {
	pages [][]seat
	top   uint32 // the first that was never taken; 0 is none
	free  uint32 // the first of those that were given back
	taken int
}

const slabSize = 4096

func (s *seats) at(k uint32) *seat { return &s.pages[k/slabSize][k%slabSize] }

func (s *seats) take() uint32 {
	s.taken++
	if k := s.free; k != 0 {
		s.free = s.at(k).next
		return k
	}
	s.top++
	if int(s.top/slabSize) >= len(s.pages) {
		s.pages = append(s.pages, make([]seat, slabSize))
	}
	return s.top
}

func (s *seats) give(k uint32) {
	s.taken--
	*s.at(k) = seat{next: s.free}
	s.free = k
}
