// Package rate says how much is too much: of messages, of handshakes, and of
// connections of one address.
//
// Promises:
//
//   - A Bucket is 16 bytes without a pointer, a lock or a clock, and exact: it
//     gives no token too many, and what it tells to wait is never too short.
//   - In large numbers, an address with connections costs 15 to 30 bytes while they
//     grow in number, and at most 60 after most have gone; one without costs nothing.
//   - How many addresses are told apart is bounded. Those past it are counted
//     together: none is forgotten, and none turns a limit off.
//   - Everything is O(1) and makes no garbage, but for tables that grow or shrink:
//     with a million addresses one moves 13,000, within a millisecond.
//
// It does no I/O, starts no goroutine, reads no clock and logs nothing.
//
// Types: Bucket is a token bucket; Addresses counts connections by the address of
// their client. RetryAfter spreads over time those who were refused.
//
// A Bucket belongs to whoever holds it: a loop, or a lock. Addresses and RetryAfter
// may be used from any goroutine.
package rate
