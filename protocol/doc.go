// Package protocol is WebSocket (RFC 6455) and permessage-deflate (RFC 7692)
// without I/O: bytes in, values out. It has no goroutine, no clock, no lock, and
// touches no socket.
//
// Promises:
//
//   - Reader takes a client's bytes in whatever pieces they come, and gives whole
//     messages and control frames. A frame that lies whole in one piece is
//     unmasked and given out in place: nothing is copied or allocated.
//   - What is kept of a message grows as its bytes arrive, never by a declared
//     length, and never much past Limit. The work is linear in the bytes.
//   - RFC 6455, sections 5 to 7, strictly: a violation is a CloseError with the
//     close code that the RFC asks for, as soon as it can be known. Text is
//     checked while it arrives.
//   - Handshaker takes exactly one header block and gives the whole answer. What
//     two programs might read in two ways is refused. A request is complete and
//     right before the Decider is asked: once let in, it gets its 101.
//   - Compressed messages stand by themselves: a connection keeps no window, one
//     frame serves all, and what is inflated never passes a limit.
//   - Answers say what is wrong and what would be right, never how the server
//     came to know.
//
// It never closes, waits or logs, and it does not check the payload of a close
// frame before ParseClose is asked.
//
// Types: Reader and Message for what comes in, CloseError; Handshaker with its
// Request, Decision and Outcome; AppendFrame and AppendClose for what goes out;
// Inflater and Deflater.
//
// A Reader belongs to one connection at a time, a Handshaker, an Inflater and a
// Deflater to one loop; none is for several goroutines at once. Functions are for any goroutine, and
// encoded frames may be shared freely.
package protocol
