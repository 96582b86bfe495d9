package broker

import "time"

// A Position is a message's place in its room.
type Position struct {
	Offset uint64 // from 1 within the epoch
	Epoch  string
}

// A Delivery is a message on its way to those who deliver it. A history may keep
// it long after, and give it to several at once: it does not change any more.
type Delivery interface {
	// Deliver is called once the message has its place, in the order of the
	// offsets, with the room held: it must not block or call the broker.
	Deliver(at Position)
	// Size is how many bytes keeping the message takes: the same at any time.
	Size() int
}

// Terms are what holds for one message.
type Terms struct {
	Now  int64         // Unix nanoseconds
	Once string        // an idempotency key within the room; empty: none. Copied
	Size int           // how many messages the room keeps: 0 none, 1,048,576 at most
	TTL  time.Duration // and for how long. 0: none are kept
}

func (t Terms) keep() bool { return t.Size > 0 && t.TTL > 0 }
