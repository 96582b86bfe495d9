package broker

// A Position is a message's place in its room.
type Position struct {
	Offset uint64 // from 1 within the epoch
	Epoch  string
}

// A Delivery is a message on its way.
type Delivery interface {
	// Deliver is called once the message has its place, in the order of the
	// offsets, with the room held: it must not block or publish.
	Deliver(Position)
}
