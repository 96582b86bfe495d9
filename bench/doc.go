// Package bench measures WebSocket servers: what an idle connection costs one in
// memory, and what an echoed message, a delivery and an upgrade cost it in CPU;
// whether what was published arrived everywhere, once and in order; how long it took.
//
// Run does all of it: Options say what, Result has what was found, and is what is
// printed as JSON. Process reads a server's CPU, memory and open files from /proc;
// it needs the server to be on the same machine, all else does not.
//
// # How it measures
//
// One goroutine drives all connections with epoll; a connection is 32 bytes here,
// and has neither a goroutine nor a buffer. Over loopback it takes source addresses
// of its own, 127.x.y.z, so that ports do not run out. Messages are stamped: each
// has a number and the time at which it was sent, found wherever a server puts it.
//
// CPU is user and system time of the server's process and its descendants. Beside
// the mean there is the 20th percentile of short windows, which other load on the
// machine moves less. What the kernel does for the receiving end of a loopback
// socket is booked to the sender, so no server can be below a floor: compare with
// bench/floor, in the same run. Memory per connection is what the process grew by
// since before the first one; the kernel's part, some 3.8 KB, is no process' and is
// not in it.
//
// # What it never does
//
// It writes nothing, logs nothing and reads no environment. It does not touch the
// server but through its sockets, and Options.Free where that is given. It trusts
// no server: answers, frames and what is kept of them are bounded. A run that is
// not whole is an error, and what a mode does not measure is absent, never 0.
//
// Run may be called from any goroutine, and several at once, within the limit of
// open files. To keep this side's costs apart, run it as a process of its own: that
// is bench/load. bench/numbers compares roost with the floor by means of it.
package bench
