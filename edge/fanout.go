package edge

import (
	"slices"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/rooms"
)

const (
	// sliceWrites is how many writes a turn does before it looks for events again.
	sliceWrites = 256
	// visitBytes is how much one visit writes to a member, or one message where
	// that is larger.
	visitBytes = 64 << 10
	// keptLog is how large a log an unused feed keeps.
	keptLog = 64 << 10
	// keptFeeds is how many unused feeds a loop keeps.
	keptFeeds = 64
)

// A backlog is a room's Data on one loop, for one form: 32 bytes while nothing waits.
type backlog struct {
	feed   *feed   // what has not gone out to all; nil where nothing waits
	policy *policy // what holds in the room
	since  uint64  // the sequence when the room came to be here: what is older is not for its members
	end    uint32  // the place behind the room's newest byte; places count bytes and wrap around
}

// A feed is what a room's members on one loop have not all got: a short log of
// frames, one after the other. Each member has its place in it (Member.At), and
// a sweep writes to each what it lacks, in one piece. So what is published while
// a sweep is under way gathers, and the busier the loop, the fewer the writes.
type feed struct {
	room  *rooms.Room[backlog] // nil once the room is empty
	log   []byte
	base  uint32 // the place of log[0]
	marks []mark // one for each message of the log
	skips []skip

	at     int    // the next member to visit
	todo   int    // visits until all have got everything
	passed uint32 // the end of the log when the sweep last began from the first member
	again  bool   // somebody was visited and still lacks something, since todo was last counted
	behind bool   // the same, since the sweep last began from the first member
	shared bool   // slow readers' outboxes refer to the log: its bytes must stay
}

// A mark is the end of one message.
type mark struct {
	end    uint32
	cost   uint32 // what it counts for in Server.publishBytes
	at     int64  // when it was published
	offset uint64 // 0: it is no message, and is never dropped
}

// A skip is a message that one member does not get.
type skip struct {
	slot     poller.Slot
	from, to uint32
}

// publication adds a message to its room's feed, in each form that somebody gets.
func (l *loop) publication(p *publication) {
	l.srv.publishBytes.Add(-p.cost())
	if p.raw == nil {
		for _, f := range [...]form{formNative, formNativeDeflated} {
			if r := l.shards[f].Find(p.seat); r != nil {
				l.feed(r, p, p.frame(l, f))
			}
		}
		return
	}
	if len(l.latest) > 0 {
		l.latest[p.room].put(p)
	}
	for f, shard := range l.shards {
		if r := shard.Find(p.room); r != nil {
			l.feed(r, p, p.frame(l, form(f)))
		}
	}
}

// feed adds a frame to a room's feed.
func (l *loop) feed(r *rooms.Room[backlog], p *publication, frame []byte) {
	if p.seq <= r.Data.since {
		return // those whom it was for have left meanwhile
	}
	f := r.Data.feed
	if f == nil {
		f = l.newFeed(r)
	}
	from := r.Data.end
	f.log = append(f.log, frame...)
	r.Data.end += uint32(len(frame))
	f.marks = append(f.marks, mark{end: r.Data.end, cost: uint32(cost(frame)), at: p.at, offset: p.offset})
	l.srv.publishBytes.Add(cost(frame))
	if p.exclude != 0 {
		if s, ok := l.Lookup(p.exclude); ok {
			f.skips = append(f.skips, skip{s, from, r.Data.end})
		}
	}
	f.todo = r.Len()
}

func (l *loop) newFeed(r *rooms.Room[backlog]) *feed {
	var f *feed
	if n := len(l.feeds); n > 0 {
		f = l.feeds[n-1]
		l.feeds = l.feeds[:n-1]
	} else {
		f = new(feed)
	}
	f.room, f.base, f.passed = r, r.Data.end, r.Data.end
	r.Data.feed = f
	l.queue = append(l.queue, f)
	return f
}

// Turn delivers a slice of what waits, a room after the other.
func (l *loop) Turn() (more bool) {
	l.resume()
	budget, next := sliceWrites, 0
	for ; budget > 0 && next < len(l.queue); next++ {
		f := l.queue[next]
		if f == nil {
			continue // served in a turn that a panic cut short
		}
		budget -= l.sweep(f, budget)
		l.queue[next] = nil
		if f.todo > 0 {
			l.queue = append(l.queue, f)
		} else {
			l.finishFeed(f)
		}
	}
	l.queue = slices.Delete(l.queue, 0, next) // once a turn: many rooms may wait
	return len(l.queue) > 0 || len(l.delayed) > 0
}

// sweep visits members, from where it stopped, and says how many writes it did.
// No callback runs within it, so that nobody joins or leaves meanwhile.
func (l *loop) sweep(f *feed, budget int) (writes int) {
	var count uint64
	for f.todo > 0 && writes < budget {
		if f.at >= f.room.Len() {
			l.turnAround(f)
		}
		span := f.room.Span(f.at)
		visited := 0
		for i := range span {
			if f.todo == 0 || writes >= budget {
				break
			}
			f.todo--
			visited++
			if m := &span[i]; m.At != f.room.Data.end {
				count += l.visit(f, m)
				writes++
			}
		}
		f.at += visited
		if f.todo == 0 && f.again {
			f.todo, f.again = f.room.Len(), false
		}
	}
	l.delivered.Add(count)
	return max(writes, 1)
}

// visit writes to a member what it lacks, or what the room's policy leaves of that,
// and says how many messages that were.
func (l *loop) visit(f *feed, m *rooms.Member) (messages uint64) {
	first, n := f.lacks(m.At)
	if f.room.Data.policy.Slow != SlowClose {
		return l.visitSparing(f, m, first, n)
	}
	return l.writeTo(f, m, f.marks[first+n-1].end, n)
}

// writeTo writes to a member what it lacks up to the place end, which is n messages,
// around what is not for it.
func (l *loop) writeTo(f *feed, m *rooms.Member, end uint32, n int) (messages uint64) {
	from := m.At
	m.At = end
	if end != f.room.Data.end {
		f.again, f.behind = true, true
	}
	for i := range f.skips {
		k := &f.skips[i]
		if k.slot != m.Slot || k.from-from >= end-from {
			continue
		}
		if k.from != from && !l.WriteShared(m.Slot, f.log[from-f.base:k.from-f.base]) {
			l.missed(m.Slot, n)
			return 0
		}
		from = k.to
		n--
	}
	if from != end && !l.WriteShared(m.Slot, f.log[from-f.base:end-f.base]) {
		l.missed(m.Slot, n)
		return 0
	}
	f.shared = f.shared || l.Waiting(m.Slot) > 0
	return uint64(n)
}

// missed counts messages for which a slow reader had no room. Those of one who is
// closing for another reason were not dropped: it left.
func (l *loop) missed(s poller.Slot, messages int) {
	if l.Choked(s) {
		l.dropped[dropSlowConsumer].Add(uint64(messages))
	}
}

// catchUp writes to a connection what its rooms have for it, before its goodbye.
func (l *loop) catchUp(ses *session) {
	l.shardOf(ses).Each(ses.seats, func(r *rooms.Room[backlog], m *rooms.Member) bool {
		for f := r.Data.feed; f != nil && m.At != r.Data.end && l.Live(m.Slot); {
			l.delivered.Add(l.visit(f, m))
		}
		return true
	})
}

// lacks says what a visit writes to a member who stands at the place at: how many
// messages, and the index of the first.
func (f *feed) lacks(at uint32) (first, messages int) {
	if at != f.base { // most often a member lacks the whole log
		low, high := 0, len(f.marks)
		for low < high {
			if mid := (low + high) / 2; f.marks[mid].end-f.base <= at-f.base {
				low = mid + 1
			} else {
				high = mid
			}
		}
		first = low
	}
	last := len(f.marks) - 1
	if f.marks[last].end-at <= visitBytes {
		return first, last - first + 1
	}
	i := first
	for i < last && f.marks[i+1].end-at <= visitBytes {
		i++
	}
	return first, i - first + 1
}

// turnAround begins the sweep anew from the first member. What was in the log
// when it last began so has gone out to all by now.
func (l *loop) turnAround(f *feed) {
	f.at = 0
	if !f.behind {
		l.trim(f, f.passed)
		f.passed = f.room.Data.end
	}
	f.behind = false
}

// trim drops the messages up to the place upTo: all have got them.
func (l *loop) trim(f *feed, upTo uint32) {
	n := 0
	now := l.srv.sinceBegan()
	for n < len(f.marks) && f.marks[n].end-f.base <= upTo-f.base {
		l.latency.Observe(now - f.marks[n].at)
		l.srv.publishBytes.Add(-int64(f.marks[n].cost))
		n++
	}
	if n == 0 {
		return
	}
	k := 0
	for k < len(f.skips) && f.skips[k].to-f.base <= upTo-f.base {
		k++
	}
	f.skips = append(f.skips[:0], f.skips[k:]...)
	f.marks = append(f.marks[:0], f.marks[n:]...)
	gone := upTo - f.base
	if f.shared {
		f.log = f.log[gone:]
	} else {
		f.log = append(f.log[:0], f.log[gone:]...)
	}
	f.base = upTo
}

// finishFeed ends a feed that has gone out to all.
func (l *loop) finishFeed(f *feed) {
	if f.room != nil {
		l.trim(f, f.room.Data.end)
		f.room.Data.feed = nil
	}
	log, marks, skips := f.log[:0], f.marks[:0], f.skips[:0]
	if f.shared || cap(log) > keptLog {
		log = nil
	}
	if cap(marks) > keptLog/128 {
		marks, skips = nil, nil
	}
	*f = feed{log: log, marks: marks, skips: skips}
	if len(l.feeds) < keptFeeds {
		l.feeds = append(l.feeds, f)
	}
}

// abandon drops what waits for a room whose last member has left.
func (l *loop) abandon(r *rooms.Room[backlog]) {
	f := r.Data.feed
	if f == nil {
		return
	}
	for i := range f.marks {
		l.srv.publishBytes.Add(-int64(f.marks[i].cost))
	}
	f.room, f.todo, f.again, f.behind = nil, 0, false, false
	r.Data.feed = nil
}

// moved is told that the last member of a room took the place of one who left.
// The sweep may have passed that place already.
func (l *loop) moved(r *rooms.Room[backlog], _, to int) {
	if f := r.Data.feed; f != nil {
		if m := r.Member(to); m.At != r.Data.end {
			l.delivered.Add(l.visit(f, m))
		}
	}
}
