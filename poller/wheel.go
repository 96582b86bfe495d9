package poller

// A wheel fires timers, one for each record at most, in the second they are due
// or later. It threads its lists through the records; a timer costs nothing but
// the record's 12 bytes. Adding, moving and removing one is O(1).
//
// A timer that is moved to a later second stays where it is and is put right
// when its old second comes: so an owner may move it as often as it likes.
type wheel struct {
	recs    *Table[record]
	buckets [wheelSize]uint32 // the first record of each, as slot + 1
	now     uint32            // the last second whose bucket was taken
	ready   uint32            // what was taken and not fired yet, as slot + 1
	timers  int
}

const (
	wheelSize   = 512 // seconds; what is due later goes round again
	readyBucket = wheelSize
	bucketBit   = 1 << 31
)

func newWheel(recs *Table[record], now uint32) *wheel { return &wheel{recs: recs, now: now} }

// set makes the timer of s fire at the second due, or at the next one where
// that has passed. It replaces the one that s had.
func (w *wheel) set(s Slot, due uint32) {
	r := w.recs.At(s)
	due = max(due, w.now+1)
	if r.prev != 0 {
		if due >= r.due {
			r.due = due
			return
		}
		w.unlink(r)
	}
	r.due = due
	w.link(s, r)
}

// clear takes away the timer of s, if it has one.
func (w *wheel) clear(s Slot) {
	if r := w.recs.At(s); r.prev != 0 {
		w.unlink(r)
	}
}

func (w *wheel) head(bucket uint32) *uint32 {
	if bucket == readyBucket {
		return &w.ready
	}
	return &w.buckets[bucket]
}

func (w *wheel) link(s Slot, r *record) {
	w.push(s, r, min(r.due, w.now+wheelSize-1)%wheelSize)
	w.timers++
}

func (w *wheel) push(s Slot, r *record, bucket uint32) {
	head := w.head(bucket)
	r.prev, r.next = bucketBit|bucket, *head
	if *head != 0 {
		w.recs.At(*head - 1).prev = s + 1
	}
	*head = s + 1
}

func (w *wheel) unlink(r *record) {
	if r.prev&bucketBit != 0 {
		*w.head(r.prev &^ bucketBit) = r.next
	} else {
		w.recs.At(r.prev - 1).next = r.next
	}
	if r.next != 0 {
		w.recs.At(r.next - 1).prev = r.prev
	}
	r.prev, r.next = 0, 0
	w.timers--
}

// advance turns the wheel up to the second now and gives the slot of a timer
// that is due, whose timer is gone then; ok is false where none is left.
func (w *wheel) advance(now uint32) (s Slot, ok bool) {
	for {
		for w.ready != 0 {
			s := w.ready - 1
			r := w.recs.At(s)
			w.unlink(r)
			if r.due <= w.now {
				return s, true
			}
			w.link(s, r)
		}
		if w.now >= now {
			return 0, false
		}
		if w.timers == 0 {
			w.now = now
			return 0, false
		}
		w.now++
		bucket := w.now % wheelSize
		if first := w.buckets[bucket]; first != 0 {
			w.buckets[bucket], w.ready = 0, first
			w.recs.At(first - 1).prev = bucketBit | readyBucket
		}
	}
}
