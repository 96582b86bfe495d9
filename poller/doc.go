// Package poller holds connections: it accepts them, tells what they send,
// writes to them, and ends them, on a few event loops above Linux epoll; in the
// clear or by TLS. It knows nothing of HTTP or WebSocket.
//
// Promises:
//
//   - An idle connection is a record of 32 bytes without a pointer. It has no
//     goroutine, no buffer and no timer of its own. By TLS it is 128 bytes more.
//   - Open and Closed are paired: one Closed for each Open, at the end of a
//     turn, never inside a write or another callback.
//   - All callbacks for a connection run on its loop, one at a time. None nests
//     in another.
//   - A ConnID may be kept for ever. Once its connection ended it finds nothing;
//     it never finds the next owner of the descriptor.
//   - What waits for a slow reader is bounded, by connection and for the whole
//     Group. A write never blocks.
//   - Of a connection by TLS nothing is read or written in the clear, but what
//     comes before StartTLS. Handshakes are made by crypto/tls off the loops: a
//     bounded number at once, and nobody holds up others by being slow.
//   - A panic in a callback ends the connection it was for. The loop goes on.
//   - Out of descriptors or memory, a loop pauses accepting and serves on.
//
// Types: Group is the set of loops; Loop is one of them and owns its
// connections; a Slot names a connection on its own loop, during a callback; a
// ConnID names it anywhere; Handler and Worker are what the user of the package
// brings.
//
// Who may call what: Group's methods and Loop.Post are for any goroutine. All
// other methods of Loop are for its callbacks alone, with the Slot that a
// callback was given or that Lookup found in the same callback.
//
// Of gnet it uses pkg/socket, for listeners. Its pkg/netpoll is not used: it
// has no end of a turn and cannot look for events without blocking, which the
// closes at a turn's end and deliveries in slices need; netpoll_test.go
// measures what it would cost beside.
package poller
