package broker

// A fold is what changed in a room since it was last told of. It is in one of its
// part's queues from the first change until a second has passed without another;
// its list is there only while something waits. Guarded by its part's mu.
type fold struct {
	room   *presenceRoom
	next   *fold
	toldAt int64 // Unix nanoseconds; 0: not yet
	waiting
}

// Waiting are changes that wait to be told.
type waiting struct {
	list   []change
	at     map[uint64]int // where in the list a user is
	joined int            // of the list
	more   bool           // some changes are not in the list
	listed bool           // somebody was given the list of members meanwhile
}

type change struct {
	user   uint64
	member []byte // JSON
	left   bool
}

// change notes that a user came, or left, unless that undoes what was noted before.
func (p *Presence) change(part *presencePart, r *presenceRoom, user uint64, left bool, told func() []byte) {
	f := r.fold
	if f == nil {
		f = &fold{room: r}
		r.fold = f
		part.fresh.push(f)
	}
	if i, ok := f.at[user]; ok {
		p.waiting.Add(-f.list[i].bytes())
		f.undo(i)
		if !f.listed {
			return
		}
		// Whoever was given the list between the two knows of the one: it must hear of the other.
	}
	if f.full(left, p.maxTold) || p.waiting.Load() >= maxWaiting {
		f.more = true
		return
	}
	c := change{user: user, member: told(), left: left}
	if c.member == nil {
		f.more = true
		return
	}
	p.waiting.Add(c.bytes())
	f.add(c)
}

func (c *change) bytes() int64 { return bytesOfChange + int64(len(c.member)) }

func (w *waiting) full(left bool, most int) bool {
	n := w.joined
	if left {
		n = len(w.list) - w.joined
	}
	return n >= most
}

func (w *waiting) add(c change) {
	if w.at == nil {
		w.at = make(map[uint64]int)
	}
	w.at[c.user] = len(w.list)
	w.list = append(w.list, c)
	if !c.left {
		w.joined++
	}
}

// undo takes change i out; the last one takes its place.
func (w *waiting) undo(i int) {
	if !w.list[i].left {
		w.joined--
	}
	delete(w.at, w.list[i].user)
	last := len(w.list) - 1
	if i < last {
		w.list[i] = w.list[last]
		w.at[w.list[i].user] = i
	}
	w.list[last] = change{}
	w.list = w.list[:last]
}

// A telling is what a room is told.
type telling struct {
	waiting
	room  *presenceRoom
	users int
	conns int
}

// due takes what the next room of a part is to be told; ok is false where none is
// due. One that had nothing to tell for a second is done with, and gives an empty
// telling.
func (p *Presence) due(part *presencePart, now int64) (t telling, ok bool) {
	part.mu.Lock()
	defer part.mu.Unlock()
	f := part.fresh.pop()
	if f == nil {
		if f = part.told.first; f == nil || !pastBy(now, f.toldAt, tellEvery) {
			return telling{}, false
		}
		part.told.pop()
	}
	r := f.room
	t = telling{waiting: f.waiting, room: r, users: r.seats.len(), conns: r.connections}
	f.waiting = waiting{}
	if len(t.list) > 0 || t.more {
		f.toldAt = now
		part.told.push(f)
	} else if r.fold = nil; r.seats.len() == 0 {
		p.drop(part, r)
	}
	for i := range t.list {
		p.waiting.Add(-t.list[i].bytes())
	}
	return t, true
}

func (t *telling) changes() Changes {
	c := Changes{Users: t.users, Connections: t.conns, More: t.more}
	for _, one := range t.list {
		if one.left {
			c.Left = append(c.Left, one.member)
		} else {
			c.Joined = append(c.Joined, one.member)
		}
	}
	return c
}

// A foldQueue is a list of folds, first in first out.
type foldQueue struct{ first, last *fold }

func (q *foldQueue) push(f *fold) {
	if q.last != nil {
		q.last.next = f
	} else {
		q.first = f
	}
	q.last = f
}

// pop takes the first; nil where there is none.
func (q *foldQueue) pop() *fold {
	f := q.first
	if f == nil {
		return nil
	}
	if q.first = f.next; q.first == nil {
		q.last = nil
	}
	f.next = nil
	return f
}
