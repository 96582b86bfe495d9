// Package e2e holds the tests of the whole server: the real binary, started as a
// user starts it, with real clients: two Go libraries that the server does not
// use, Node's ws, and Chromium. It has no code of its own.
package e2e
