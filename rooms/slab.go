package rooms

import "unsafe"

// A slab has numbered records in pages, which never move. 0 is no number.
type slab[E any] struct {
	pages []*[slabSize]E
	top   uint32 // the highest number that was ever taken
}

const slabSize = 1024

// at gives the record of a number that was taken.
func (s *slab[E]) at(k uint32) *E { return &s.pages[k/slabSize][k%slabSize] }

// fresh takes a number that was never taken.
func (s *slab[E]) fresh() uint32 {
	s.top++
	if int(s.top/slabSize) >= len(s.pages) {
		s.pages = append(s.pages, new([slabSize]E))
	}
	return s.top
}

func (s *slab[E]) bytes() int {
	return len(s.pages)*int(unsafe.Sizeof([slabSize]E{})) + cap(s.pages)*int(unsafe.Sizeof(s.pages[0]))
}

// A seat is 12 bytes, without a pointer.
type seat struct {
	room uint32 // its number
	at   uint32 // its place among the members
	next uint32 // the connection's next seat, or the next free one
}

// seats are the seats of a shard.
type seats struct {
	slab[seat]
	free  uint32 // the first of those that were given back
	taken int
}

func (s *seats) take() uint32 {
	s.taken++
	k := s.free
	if k == 0 {
		return s.fresh()
	}
	s.free = s.at(k).next
	return k
}

func (s *seats) give(k uint32) {
	s.taken--
	*s.at(k) = seat{next: s.free}
	s.free = k
}

// An entry is what a room's number stands for.
type entry[T any] struct {
	room *Room[T]
	next uint32 // the next free one, where there is no room
}

// numbers are the rooms of a shard by number.
type numbers[T any] struct {
	slab[entry[T]]
	free uint32
}

func (s *numbers[T]) room(k uint32) *Room[T] { return s.at(k).room }

func (s *numbers[T]) take(r *Room[T]) {
	if r.number = s.free; r.number != 0 {
		s.free = s.at(r.number).next
	} else {
		r.number = s.fresh()
	}
	s.at(r.number).room = r
}

func (s *numbers[T]) give(r *Room[T]) {
	*s.at(r.number) = entry[T]{next: s.free}
	s.free = r.number
}
