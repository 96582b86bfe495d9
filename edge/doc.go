// Package edge is the push server, and the way to embed it: New, Run, Publish,
// Send, Close, Shutdown. It decides who comes in and what becomes of what they
// send; it leaves bytes and deadlines to poller, the wire to protocol, seats to
// rooms, tokens to auth, the native protocol's words to native, and offsets, histories,
// presence and documents to broker.
//
// Promises:
//
//   - Everything is decided before 101: path, Origin, token, rooms, limits. A
//     member is seated before its 101 leaves: what is published after the client
//     saw it reaches it.
//   - Every member of a room gets its messages in the order of their offsets,
//     each once. Who cannot keep up is closed with a close frame, or told of a gap
//     where the room's policy spares it: never skipped in silence.
//   - Who joins with a position gets all that came after it, or is told that this
//     cannot be; what comes live follows without a gap and without a duplicate.
//   - A connection's commands are done one after the other. One that takes long, or
//     waits for the Decider, holds up no other connection.
//   - Publish, Send and Close may be called from any goroutine. They wait for no
//     reader, and what they leave waiting is bounded: past it they say
//     ErrOverloaded.
//   - Handler's methods run on the connection's loop, one at a time for each
//     connection. They must not block.
//   - A connection ends for one Reason: the close code, the metric's label and
//     the word in the log are the reason's.
//   - Shutdown says goodbye to all before it ends.
//
// Types: Config with its RoomPolicy, Server, Handler with its Request and Conn, Observer
// and Decider, Message, Reason. docs/embedding.md has all promises.
package edge
