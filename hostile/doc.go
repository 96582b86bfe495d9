// Package hostile holds attacks on the real binary: whatever somebody may send, or
// not send, who wants the server to fall, to grow, or to forget its other clients.
// It has no code of its own.
//
// An attack is a row: its name, what is done, and what it must come to, exactly.
// While each goes on, a client that behaves gets its echo, and another its pong,
// within a second; after each the server has given back its memory, descriptors,
// connections, buffers and goroutines, and has not panicked. Rows that correspond
// to a case of the Autobahn test suite begin with its number.
//
// make hostile runs all, and says what each attack cost; make test leaves out
// those that take a minute. Compression has rows of its own; where the server speaks TLS,
// those that behave speak it, too, and a forger makes records that no library would.
package hostile
