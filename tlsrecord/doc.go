// Package tlsrecord speaks TLS records (RFC 8446, section 5; RFC 5246, section 6) for
// connections that are driven by an event loop: bytes in, values out. The handshake is
// crypto/tls's, and so are all decisions about versions, certificates and keys; what
// begins behind it is here.
//
// It is there for what crypto/tls cannot do without a goroutine and some 6 KB for each
// connection: a Session is 120 bytes without a pointer, and all that an idle connection
// needs. What costs more, the ciphers with their tables, is derived from it when
// something is to be read or written, and may be forgotten at any time.
//
// Promises:
//
//   - A Session reads nothing but what its peer wrote, in the order in which it did; a
//     record that was changed, left out or repeated ends it.
//   - Nothing is kept or allocated for a length that a header declares.
//   - Records that hold no data are bounded: the seventeenth in a row ends the Session.
//   - Key updates are followed, and are made before a key has sealed too much (RFC 8446,
//     sections 4.6.3 and 5.5). However many a peer asks for, it gets one, with the next
//     data.
//   - Ciphers are those of AEAD alone: AES-GCM and ChaCha20-Poly1305.
//
// Types: Config is what handshakes are made by; Accept makes one and gives the Session;
// Keys are a Session's ciphers; an Alert is what is wrong, and what the peer is told.
//
// Nothing here locks or starts a goroutine. A Session and its Keys are used by one
// goroutine at a time. Accept blocks as its connection does.
package tlsrecord
