// Package broker gives a published message its place in its room, sees to it that
// all who deliver learn of the messages of a room in one order, and keeps what
// those need who come later: histories and documents.
//
// Promises:
//
//   - Offsets of a room count from 1 within an epoch, without a gap. No epoch
//     sees an offset twice: where a room's state was dropped, it goes on under a
//     new epoch, and so does every room after a restart.
//   - Deliver is called in the order of the offsets, and never for a repeat under
//     the same idempotency key within five minutes, while the key is kept.
//   - A Snapshot gives all that was published after a position, or says that it
//     cannot: never a part. What comes after it is delivered after it.
//   - Each version of a document is made once, on the one before, and told of in
//     order.
//   - What is kept is bounded: rooms and keys in number and in time since their
//     last use, histories and documents in bytes. Past the bound of histories the
//     rooms longest without a message lose theirs first; documents are never
//     dropped, but refused. A room costs some 150 bytes, its name included; its
//     history 100 more, and 32 to 128 a message beside the message.
//   - A publish to a room that is known makes no garbage, and none does more for
//     others' sake than a bounded amount of work, or what the size of its own
//     message makes necessary.
//
// It does no I/O, starts no goroutine and reads no clock: now is an argument.
//
// Presence knows which users are in which rooms and folds what is to be told of that;
// Schema and Patch check and change JSON, within bounds, whatever they are given.
//
// Types: Memory is the broker of a single node; Position is a message's place;
// Delivery is what the broker hands on and keeps, under its Terms; Snapshot is what
// is known of a room at one moment.
//
// Memory may be used from any goroutine, also from an event loop. What it calls
// (Deliver, Size, Needed, and the functions given to Snapshot and Change) runs with
// a room held, and must not call Memory. Package brokertest tests what every broker
// promises.
package broker
