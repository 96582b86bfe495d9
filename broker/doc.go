// Package broker gives a published message its place in its room, and sees to it
// that all who deliver learn of the messages of a room in one order.
//
// Promises:
//
//   - Offsets of a room count from 1 within an epoch, without a gap. No epoch
//     sees an offset twice: where a room's state was dropped, it goes on under a
//     new epoch, and so does every room after a restart.
//   - Deliver is called in the order of the offsets.
//   - What is kept of rooms is bounded: in number, and in time since the last
//     message. A room costs some 130 bytes, its name included.
//   - A publish to a room that is known makes no garbage, and none does more than
//     a bounded amount of work for others' sake.
//
// It does no I/O, starts no goroutine and reads no clock: now is an argument.
//
// Types: Memory is the broker of a single node; Position is a message's place;
// Delivery is what the broker hands on.
//
// Memory may be used from any goroutine, also from an event loop.
package broker
