// Package auth says who a request is from and what that user may do.
//
// Promises:
//
//   - A token is looked at before its signature is known to be right only as far
//     as that takes. Its claims are read afterwards.
//   - Every error a client can cause may be shown to it: it says what is wrong and
//     what would be right, and holds nothing of the token or of a secret.
//   - Nothing is taken on trust from the token's header: the algorithm must be one
//     of a list and of the key's own type, kid is compared with the names of keys
//     that are known and with nothing else, jku, jwk and x5u are ignored, crit is
//     refused.
//   - What a token can make the server keep is bounded: see the Max constants. So is
//     what it can make a key server do: one request a second, however many tokens.
//   - Patterns and Origins match in time linear in their input.
//
// It does no I/O, starts no goroutine, reads no clock and logs nothing, but for Keys,
// whose Run asks a key server: in Run, and where Verify waits for its answer.
//
// Types: Sources finds the token of a request; a Verifier turns it into an
// Identity, whose Patterns say which rooms it may join and publish to; HMAC is
// the Verifier of tokens signed with a shared secret, Keys the one of secrets,
// public keys and key servers; Origins says which web pages may connect. Mint and
// Signer make a token, Redact cleans a URL for a log.
//
// All may be used from any goroutine. HMAC, Origins and Patterns do not change
// once made; Keys does by Reload. A Verifier whose Inline is true may run on an
// event loop.
package auth
