// Package native is the protocol roost.v1.json: commands of clients in, replies
// and messages out. A command is one JSON object in a text message; so is each
// that the server sends.
//
// Promises:
//
//   - Parsing a command allocates nothing where its strings have no escapes. What
//     it gives points into the command's bytes.
//   - What is not a command is refused with a Failure, which holds the code and
//     words for the client. ErrMalformed: it is no JSON object at all.
//   - Unknown fields are ignored. A field that a command does not have is not even
//     looked at.
//   - What is appended is one whole JSON object. Strings that come from clients
//     are quoted; data that is called JSON by the caller is not looked at again.
//
// It does no I/O, knows no connection and no room, and keeps nothing.
//
// Types: Parser gives a Command; a Failure says what is wrong with one; the Append
// functions write what the server sends.
//
// A Parser belongs to one goroutine. All else may be called from any.
package native
