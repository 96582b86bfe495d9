// Package rooms keeps who sits where.
//
// Promises:
//
//   - A seat costs 24 bytes and holds no pointer; a room costs some 150 bytes
//     beside its name and the caller's Data.
//   - Tables grow by pages: however many sit in a room and however many rooms
//     there are, a join copies no table whole. It copies a page at most, or the
//     list of pages: 8 to 24 bytes for 1024 seats. A room that shrinks gives its
//     pages back.
//   - Joining, leaving and finding a room are O(1) in the members of the room; a
//     connection's own seats are a chain, walked from the first.
//   - A room exists while it has members. Joining and leaving a room that stays
//     make no garbage.
//
// It does no I/O, starts no goroutine and reads no clock.
//
// Types: Shard has the rooms of one loop, with a Room and a Member for each seat;
// Directory knows which loops have members of a room.
//
// A Shard belongs to one loop and has no lock. The Directory is the only thing
// that is shared, and may be used from any goroutine.
package rooms
