// Package auth answers one question: may this request in, as whom, and to which
// rooms.
//
// Promises:
//
//   - A token is believed only when its algorithm is on the list, its signature
//     holds, and it ends: exp is required. What a token's header says of keys is
//     not followed.
//   - Everything that a token brings is bounded: its size, the number and length
//     of patterns, the user's name, the info.
//   - No error holds a token or a secret: its text may be shown to the client.
//   - Matching a pattern takes linear time, whatever the pattern.
//
// Types: Verifier is what a server asks, HMAC is one; Identity is what it says;
// Sources finds the token in a request; Origins decides on a browser's Origin.
//
// All of them may be used from any goroutine at once. A Verifier that is Inline
// may be called on an event loop.
package auth
