// Package certs holds the certificates that a server shows, from PEM files, and reads
// them again when they change: connections that are open stay, handshakes from then on
// get the new ones.
//
// Promises:
//
//   - What is wrong is told with its file, and what was in force stays, all of it: a
//     certificate never meets another's key, nor a client the half of a change.
//   - A change is seen within Interval, however it is made: by writing a file, by a
//     rename, or by a symbolic link above it, as Kubernetes does.
//   - Which certificate a client gets, its server name says (RFC 6066, section 3), and
//     what it can verify; the first, where none fits.
//
// Types: Config names the files; Certificates are what is in force; Stats is what they
// count. All methods may be called from any goroutine.
package certs
