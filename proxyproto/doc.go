// Package proxyproto says who a client behind proxies is.
//
// Promises:
//
//   - Nothing is believed that an address outside of Trusted said.
//   - What a client wrote itself never changes what its proxies wrote behind it:
//     headers are read from their end, and the first entry that is not sound
//     ends the walk.
//   - What two programs might read in two ways is refused.
//   - Every header has a longest form and every walk a last step: see the Max
//     constants. A declared length is never a reason to allocate.
//   - Sound input makes no garbage.
//
// It does no I/O, starts no goroutine, reads no clock and logs nothing.
//
// Types: Parse reads a PROXY header, version 1 or 2, from the first bytes of a
// connection. Trusted is a list of proxies, whose X-Forwarded-For or Forwarded
// gives the address of a request's Client.
//
// All may be used from any goroutine. Trusted does not change once made.
package proxyproto
