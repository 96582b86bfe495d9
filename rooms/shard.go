package rooms

import "strings"

// A Shard has the rooms of one loop, and the seats in them. A connection holds
// its seats as a chain, of which it keeps the head; 0 is the empty one.
type Shard[T any] struct {
	// Static after construction.
	moved func(r *Room[T], from, to int)

	// Owned by the loop.
	byName map[string]*Room[T]
	most   int // rooms that byName had at a time: a map never shrinks
	rooms  numbers[T]
	seats  seats
	bytes  int // what the rooms take
}

// mapBytes is what a room costs in a map by name: a string, a pointer and a byte
// of control, three quarters full.
const mapBytes = 33

// mapKept is up to how many rooms' place a map keeps once it is empty. One that was
// larger is given back.
const mapKept = 1024

// NewShard makes an empty shard. Moved may be nil; else it is called when a
// member, who was the last of a room, has taken the place of one who left. It must
// not join or leave.
func NewShard[T any](moved func(r *Room[T], from, to int)) *Shard[T] {
	return &Shard[T]{moved: moved, byName: make(map[string]*Room[T])}
}

// Join seats the connection slot, whose chain is head, at the end of a room.
// Place becomes the Member's At. First: it is the only member. It says ok=false
// where the connection has a seat there already.
func (s *Shard[T]) Join(head uint32, room string, slot, place uint32) (newHead uint32, r *Room[T], first, ok bool) {
	r = s.byName[room]
	last := uint32(0)
	for k := head; k != 0; {
		st := s.seats.at(k)
		if r != nil && st.room == r.number {
			return head, r, false, false
		}
		last, k = k, st.next
	}
	if r == nil {
		r, first = s.open(room), true
	}
	k := s.seats.take()
	*s.seats.at(k) = seat{room: r.number, at: r.n}
	s.bytes += r.add(Member{Slot: slot, At: place, seat: k})
	if last == 0 {
		return k, r, first, true
	}
	s.seats.at(last).next = k
	return head, r, first, true
}

// open makes a room.
func (s *Shard[T]) open(name string) *Room[T] {
	name = strings.Clone(name) // it may be a piece of something large
	r := &Room[T]{Name: name}
	s.rooms.take(r)
	s.byName[name] = r
	s.most = max(s.most, len(s.byName))
	s.bytes += r.bytes()
	return r
}

// Leave ends a seat. Emptied: the room has no member any more, and is gone from
// the shard; r can be read all the same. It says ok=false where there was no seat.
func (s *Shard[T]) Leave(head uint32, room string) (newHead uint32, r *Room[T], emptied, ok bool) {
	r = s.byName[room]
	if r == nil {
		return head, nil, false, false
	}
	before, k := s.find(head, r)
	if k == 0 {
		return head, r, false, false
	}
	next := s.seats.at(k).next
	if before == 0 {
		head = next
	} else {
		s.seats.at(before).next = next
	}
	return head, r, s.end(k, r), true
}

// find gives the seat of a chain in a room, and the one before it; 0 is none.
func (s *Shard[T]) find(head uint32, r *Room[T]) (before, k uint32) {
	for k = head; k != 0; {
		st := s.seats.at(k)
		if st.room == r.number {
			break
		}
		before, k = k, st.next
	}
	return before, k
}

// LeaveAll ends all seats of a chain and calls each for every one, after it has
// ended. Each must not join or leave.
func (s *Shard[T]) LeaveAll(head uint32, each func(r *Room[T], emptied bool)) {
	for k := head; k != 0; {
		st := s.seats.at(k)
		next, r := st.next, s.rooms.room(st.room)
		each(r, s.end(k, r))
		k = next
	}
}

// end frees a seat; the room's last member takes its place.
func (s *Shard[T]) end(k uint32, r *Room[T]) (emptied bool) {
	at, last := int(s.seats.at(k).at), r.Len()-1
	if at != last {
		m := *r.Member(last)
		*r.Member(at) = m
		s.seats.at(m.seat).at = uint32(at)
	}
	s.seats.give(k)
	s.bytes += r.drop()
	switch {
	case r.n == 0:
		s.close(r)
		return true
	case at != last && s.moved != nil:
		s.moved(r, last, at)
	}
	return false
}

// close takes an empty room out of the shard.
func (s *Shard[T]) close(r *Room[T]) {
	delete(s.byName, r.Name)
	if len(s.byName) == 0 && s.most > mapKept {
		s.byName, s.most = make(map[string]*Room[T]), 0
	}
	s.rooms.give(r)
	s.bytes -= r.bytes()
}

// Each calls f for the rooms of a chain, in the order of their joining, until it
// says false. M is the chain's Member there: valid until f returns. F must not
// join or leave.
func (s *Shard[T]) Each(head uint32, f func(r *Room[T], m *Member) bool) {
	for k := head; k != 0; {
		st := s.seats.at(k)
		r := s.rooms.room(st.room)
		if !f(r, r.Member(int(st.at))) {
			return
		}
		k = st.next
	}
}

// Seated says whether a chain has a seat in the room.
func (s *Shard[T]) Seated(head uint32, room string) bool {
	r := s.byName[room]
	if r == nil {
		return false
	}
	_, k := s.find(head, r)
	return k != 0
}

// Find gives the room of a name; nil where nobody sits there.
func (s *Shard[T]) Find(room string) *Room[T] { return s.byName[room] }

// Rooms is the number of rooms with members.
func (s *Shard[T]) Rooms() int { return len(s.byName) }

// Seats is the number of seats taken.
func (s *Shard[T]) Seats() int { return s.seats.taken }

// Bytes is what the shard's tables take of the heap, the callers' Data within the
// rooms included. Pages of seats and of rooms' numbers are kept for those to come,
// and so is the place of names until the last room has gone.
func (s *Shard[T]) Bytes() int64 {
	return int64(s.bytes + (s.most-len(s.byName))*mapBytes + s.seats.bytes() + s.rooms.bytes())
}
