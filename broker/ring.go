package broker

// at gives the i-th message, from 0, the oldest.
func (h *history) at(i int32) *Kept {
	i += h.first
	if i >= int32(len(h.ring)) {
		i -= int32(len(h.ring))
	}
	return &h.ring[i]
}

// push adds a message and drops the oldest ones past the number most.
func (h *history) push(k Kept, size int64, most int32) {
	for h.n >= most {
		h.pop()
	}
	if n := int32(len(h.ring)); h.n == n {
		h.resize(min(max(2*n, firstRing), most))
	}
	h.n++
	*h.at(h.n - 1) = k
	h.bytes += size
	h.shrink()
}

// pop drops the oldest message.
func (h *history) pop() {
	k := h.at(0)
	h.bytes -= int64(k.Delivery.Size())
	*k = Kept{}
	h.n--
	if h.first++; h.first == int32(len(h.ring)) {
		h.first = 0
	}
}

// expire drops what is past its time.
func (h *history) expire(now int64) {
	for h.n > 0 && past(now, h.at(0).Time, h.ttl) {
		h.pop()
	}
}

// shrink gives back a ring that is almost empty. What is left has place for as
// many again, so that a room between two sizes does not pay for it each time.
func (h *history) shrink() {
	if n := int32(len(h.ring)); n > firstRing && h.n <= n/4 {
		h.resize(max(2*h.n, firstRing))
	}
}

// resize moves what is kept to a ring of n places.
func (h *history) resize(n int32) {
	ring := h.appendTo(make([]Kept, 0, n), 0, h.n)[:n]
	h.bytes += keptCost * int64(len(ring)-len(h.ring))
	h.ring, h.first = ring, 0
}

// appendTo appends the messages from the i-th to before the j-th.
func (h *history) appendTo(dst []Kept, i, j int32) []Kept {
	i, j = i+h.first, j+h.first
	n := int32(len(h.ring))
	if i < n {
		dst = append(dst, h.ring[i:min(j, n)]...)
	}
	if j > n {
		dst = append(dst, h.ring[max(i-n, 0):j-n]...)
	}
	return dst
}

// size is the bytes of the messages from the i-th on.
func (h *history) size(i int32) (n int64) {
	for ; i < h.n; i++ {
		n += int64(h.at(i).Delivery.Size())
	}
	return n
}

// noteQuiet lets all parts know which of this one's histories is to go first.
func (p *part) noteQuiet() {
	var turn uint64
	if p.quietest != nil {
		turn = p.quietest.turn
	}
	if p.quiet.Load() != turn {
		p.quiet.Store(turn)
	}
}

func (p *part) pushHistory(h *history) {
	h.quieter = p.busiest
	if p.busiest != nil {
		p.busiest.busier = h
	} else {
		p.quietest = h
	}
	p.busiest = h
}

func (p *part) unlinkHistory(h *history) {
	if h.quieter != nil {
		h.quieter.busier = h.busier
	} else {
		p.quietest = h.busier
	}
	if h.busier != nil {
		h.busier.quieter = h.quieter
	} else {
		p.busiest = h.quieter
	}
	h.quieter, h.busier = nil, nil
}

// dueHistories is a heap of a part's histories: the first one is looked at first.
type dueHistories []*history

func (d dueHistories) Len() int           { return len(d) }
func (d dueHistories) Less(i, j int) bool { return d[i].due < d[j].due }

func (d dueHistories) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

func (d *dueHistories) Push(h any) {
	h.(*history).place = len(*d)
	*d = append(*d, h.(*history))
}

func (d *dueHistories) Pop() any {
	n := len(*d) - 1
	h := (*d)[n]
	(*d)[n] = nil
	*d = (*d)[:n]
	if n == 0 && cap(*d) > mapKept {
		*d = nil
	}
	return h
}
