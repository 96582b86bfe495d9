// Package e2e holds the tests of the whole server: the real binary, started as a
// user starts it, with real clients: two Go libraries that the server does not
// use, Node's ws and its own WebSocket, and Chromium; and with real backends. It
// plays the conversations of docs/conversations, which docs/protocol.md shows. It
// has no code of its own.
package e2e
