package rooms

// A Member is one seat of a room: 12 bytes.
type Member struct {
	Slot uint32 // the connection
	At   uint32 // its place in what is delivered to the room: the fan-out's
	seat uint32 // its seat in the shard
}

const (
	// pageSize is how many members a page has: 12 KiB.
	pageSize = 1024
	// firstSize is how many members the first page of a room begins with.
	firstSize = 4
)

// A Room is the members of one shard in one room. Data belongs to the caller.
type Room[T any] struct {
	Name string
	Data T

	number uint32
	n      int
	pages  [][]Member // all full but the last; the first grows to a full one
	spare  []Member   // an empty page, so that one seat at a page's edge makes no garbage
}

// Len is the number of members.
func (r *Room[T]) Len() int { return r.n }

// Member gives the i-th member, from 0. The pointer is valid until the next join
// or leave in the shard.
func (r *Room[T]) Member(i int) *Member { return &r.pages[i/pageSize][i%pageSize] }

// Span gives the members from the i-th to the end of its page: so a walk over a
// room takes a call a page. It is valid until the next join or leave in the shard.
func (r *Room[T]) Span(i int) []Member {
	page := r.pages[i/pageSize]
	return page[i%pageSize:]
}

func (r *Room[T]) add(m Member) {
	last := len(r.pages) - 1
	switch {
	case last < 0:
		r.pages = append(r.pages, make([]Member, 0, firstSize))
		last = 0
	case len(r.pages[last]) == pageSize:
		page := r.spare
		if page == nil {
			page = make([]Member, 0, pageSize)
		}
		r.spare = nil
		r.pages = append(r.pages, page)
		last++
	}
	page := r.pages[last]
	if len(page) == cap(page) { // a first page that is not full-sized yet
		bigger := make([]Member, len(page), min(2*cap(page), pageSize))
		copy(bigger, page)
		page = bigger
	}
	r.pages[last] = append(page, m)
	r.n++
}

// drop takes the last member away.
func (r *Room[T]) drop() {
	r.n--
	last := len(r.pages) - 1
	page := r.pages[last]
	page = page[:len(page)-1]
	r.pages[last] = page
	if len(page) == 0 && last > 0 {
		r.pages[last] = nil
		r.pages = r.pages[:last]
		r.spare = page
	}
}
