// Package protocol is WebSocket (RFC 6455) without I/O: bytes in, values out. It
// has no goroutine, no clock, no lock, and touches no socket.
//
// Promises:
//
//   - Reader takes a client's bytes in whatever pieces they come, and gives whole
//     messages and control frames. A frame that lies whole in one piece is
//     unmasked and handed out in place: nothing is copied or allocated.
//   - What is kept of a message grows as its bytes arrive, never by a declared
//     length, and never past Limit.
//   - RFC 6455, sections 5 to 7, strictly: a violation is a CloseError with the
//     close code that the section asks for, as soon as it can be known.
//   - Handshaker takes exactly one header block and gives the whole answer. It
//     never says more of an error than the client needs.
//
// Types: Reader and Message for what comes in, CloseError, Handshaker with its
// Request, Decision and Outcome; AppendFrame and AppendClose for what goes out.
//
// A Reader belongs to one connection and a Handshaker to one loop; neither is for
// several goroutines at once. Frames that were encoded may be shared freely.
package protocol
