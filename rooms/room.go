package rooms

import "unsafe"

// A Member is one seat of a room: 12 bytes.
type Member struct {
	Slot uint32 // the connection
	At   uint32 // its place in what is delivered to the room: the fan-out's
	seat uint32 // its seat in the shard
}

const (
	memberBytes = int(unsafe.Sizeof(Member{}))
	// pageSize is how many members a page has: 12 KiB.
	pageSize  = 1024
	pageBytes = pageSize * memberBytes
	// secondSize is what the first page grows to from one member.
	secondSize = 4
	// shrinkable is the least first page that shrinks.
	shrinkable = 16
)

// A Room is the members of one shard in one room. Data belongs to the caller.
type Room[T any] struct {
	Name string
	Data T

	number uint32
	n      uint32
	first  []Member   // the first page: of one member to begin with, so that a small room is small
	more   [][]Member // the other pages, of full size; one that is empty is kept behind the last
}

// Len is the number of members.
func (r *Room[T]) Len() int { return int(r.n) }

// Member gives the i-th member, from 0. The pointer is valid until the next join
// or leave in the shard.
func (r *Room[T]) Member(i int) *Member {
	if i < pageSize {
		return &r.first[i]
	}
	return &r.more[i/pageSize-1][i%pageSize]
}

// Span gives the members from the i-th to the end of its page: so a walk over a
// room takes a call a page. It is valid until the next join or leave in the shard.
func (r *Room[T]) Span(i int) []Member {
	if i < pageSize {
		return r.first[i:]
	}
	return r.more[i/pageSize-1][i%pageSize:]
}

// add puts a member behind the last and says how many bytes that took from the
// heap: most often 0.
func (r *Room[T]) add(m Member) (grown int) {
	page := &r.first
	switch {
	case r.n >= pageSize:
		if r.n%pageSize == 0 {
			grown = r.addPage()
		}
		page = &r.more[len(r.more)-1]
	case int(r.n) == cap(r.first):
		size := 1
		if r.n > 0 {
			size = min(max(2*int(r.n), secondSize), pageSize)
		}
		grown = r.resizeFirst(size)
	}
	*page = append(*page, m)
	r.n++
	return grown
}

// drop takes the last member away and says how many bytes the heap got back, as a
// number below 0: most often 0.
func (r *Room[T]) drop() (grown int) {
	r.n--
	if r.n >= pageSize {
		last := len(r.more) - 1
		page := r.more[last]
		r.more[last] = page[:len(page)-1]
		if len(page) == 1 {
			grown = r.dropPage()
		}
		return grown
	}
	r.first = r.first[:r.n]
	if size := cap(r.first); size >= shrinkable && int(r.n) <= size/4 {
		grown = r.resizeFirst(size / 2)
		if r.more != nil {
			grown -= r.moreBytes()
			r.more = nil
		}
	}
	return grown
}

func (r *Room[T]) resizeFirst(size int) (grown int) {
	page := make([]Member, len(r.first), size)
	copy(page, r.first)
	grown = (size - cap(r.first)) * memberBytes
	r.first = page
	return grown
}

func (r *Room[T]) addPage() (grown int) {
	last := len(r.more)
	if r.hasSpare() {
		r.more = r.more[:last+1]
		return 0
	}
	before := r.moreBytes()
	r.more = append(r.more, make([]Member, 0, pageSize))
	return r.moreBytes() - before
}

// dropPage takes the last page, which is empty, away. It stays behind the last
// for the next who joins, and the one that was there goes: so one seat at a page's
// edge makes no garbage.
func (r *Room[T]) dropPage() (grown int) {
	if r.hasSpare() {
		r.more[:len(r.more)+1][len(r.more)] = nil
		grown = -pageBytes
	}
	r.more = r.more[:len(r.more)-1]
	return grown
}

func (r *Room[T]) hasSpare() bool {
	n := len(r.more)
	return n < cap(r.more) && r.more[:n+1][n] != nil
}

// moreBytes is what the pages but the first take.
func (r *Room[T]) moreBytes() int {
	n := len(r.more)
	if r.hasSpare() {
		n++
	}
	return n*pageBytes + cap(r.more)*int(unsafe.Sizeof(r.first))
}

// bytes is what the room takes, its map entry included.
func (r *Room[T]) bytes() int {
	return int(unsafe.Sizeof(*r)) + mapBytes + len(r.Name) + cap(r.first)*memberBytes + r.moreBytes()
}
