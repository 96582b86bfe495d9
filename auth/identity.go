package auth

import (
	"context"
	"errors"
	"time"
)

// An Identity is what a token says of its bearer.
type Identity struct {
	User    string   // sub
	Expires int64    // exp, in Unix seconds
	Rooms   Patterns // rooms that it may join
	Publish Patterns // rooms that it may publish to
	Info    []byte   // info: JSON that others may see; nil where there is none
}

// A Verifier says who the bearer of a token is.
type Verifier interface {
	// Inline says that Verify is quick and never waits, so that an event loop may
	// call it; else it is called elsewhere, from several goroutines at once.
	Inline() bool
	// Verify checks a token at the time now. The text of its error may be shown
	// to the client.
	Verify(ctx context.Context, token string, now time.Time) (Identity, error)
}

// What may be wrong with a token.
var (
	ErrNoToken   = errors.New("a token is required: as Authorization: Bearer TOKEN, as ?token=TOKEN, or as the subprotocol bearer.TOKEN")
	ErrAmbiguous = errors.New("the request brings two different tokens")
	ErrToken     = errors.New("the token is malformed: a JWT of at most 8,192 bytes would be right")
	ErrAlgorithm = errors.New("the token's algorithm is not allowed")
	ErrSignature = errors.New("the token's signature does not hold")
	ErrExpired   = errors.New("the token has expired")
	ErrNotYet    = errors.New("the token is not valid yet")
	ErrClaims    = errors.New("the token's claims are not right")
)

// The bounds on what a token may bring.
const (
	MaxToken    = 8192 // bytes
	MaxUser     = 200  // bytes
	MaxPatterns = 64   // in rooms, and in publish
	MaxPattern  = 200  // bytes
	MaxInfo     = 1024 // bytes
	MinSecret   = 32   // bytes (RFC 7518, 3.2)
)
