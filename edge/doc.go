// Package edge is the push server, and the way to embed it: New, Run, Publish,
// Send, Close, Shutdown. It decides who comes in and what becomes of what they
// send; it leaves bytes and deadlines to poller, the wire to protocol, seats to
// rooms, tokens to auth, and offsets to broker.
//
// Promises:
//
//   - Everything is decided before 101: path, Origin, token, rooms, limits. A
//     member is seated before its 101 leaves: what is published after the client
//     saw it reaches it.
//   - Every member of a room gets its messages in the order of their offsets,
//     each once. Who cannot keep up is closed with a close frame, never skipped
//     in silence.
//   - Publish, Send and Close may be called from any goroutine. They wait for no
//     reader, and what they leave waiting is bounded: past it they say
//     ErrOverloaded.
//   - Handler's methods run on the connection's loop, one at a time for each
//     connection. They must not block.
//   - A connection ends for one Reason: the close code, the metric's label and
//     the word in the log are the reason's.
//   - Shutdown says goodbye to all before it ends.
//
// Types: Config, Server, Handler with its Request and Conn, Message, Reason.
package edge
