package poller

import "errors"

// A Handler is told what happens to the connections of one loop. Its methods
// run on the loop and must not block.
type Handler interface {
	// Open: s was accepted. Every Open is followed by one Closed.
	Open(s Slot)
	// Data: b was read from s. It is valid, and may be changed, until Data
	// returns. What Data writes to s goes out in one piece when it returns. B is
	// empty where s was throttled, or Notify asked for it, and all that waited for
	// s has gone out.
	Data(s Slot, b []byte)
	// Timer: what SetTimer set for s has come. It is set no more.
	Timer(s Slot)
	// Closed: s ends, for the cause that was given to Close first. Nothing can
	// be written to it; Posts with its ID find nothing after this.
	Closed(s Slot, cause Cause)
}

// A Worker does what a loop does besides its connections. Its methods run on
// the loop and must not block.
type Worker interface {
	// Post handles what Loop.Post took.
	Post(p Post)
	// Turn runs once a turn, after the events and posts. It says whether it has
	// more to do: then the loop looks for events without waiting, and comes back.
	Turn() (more bool)
	// Fault: handling s panicked with v. It may write a last word and Finish s;
	// where it does not, s is closed. Stack is valid until it returns.
	Fault(s Slot, v any, stack []byte)
	// Full: more waits for s than may, by itself (CauseOutbox) or as the largest
	// of all (CauseBudget). It may Truncate what waits, write a last word, which
	// no bound refuses, and Finish s; where it does not, s is closed.
	Full(s Slot, cause Cause)
}

// What a call that names a connection, or posts, may answer.
var (
	ErrClosed = errors.New("connection is closed")
	ErrBusy   = errors.New("loop has too many posts waiting")
)
