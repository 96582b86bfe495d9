package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// What a token may hold at most.
const (
	MaxToken    = 8192 // bytes of a token
	MaxUser     = 200  // bytes of sub
	MaxPatterns = 64   // patterns in rooms, and in publish
	MaxPattern  = 200  // bytes of a pattern
	MaxInfo     = 1024 // bytes of info, as JSON without white space
)

// MinSecret is how many bytes a secret has at least: as many as the hash of HS256
// gives (RFC 7518, 3.2).
const MinSecret = 32

// An Identity is what a token says.
type Identity struct {
	User    string   // 1 to MaxUser bytes of UTF-8 without control characters
	Expires int64    // when it ends, in Unix seconds; 0: never
	Rooms   Patterns // the rooms it may join
	Publish Patterns // the rooms it may publish to
	Info    []byte   // JSON without white space, or nil; the holder's own, not to be written to
}

// Validate refuses, with an ErrClaims, what HMAC would refuse in a token but for its
// time.
func (id Identity) Validate() error {
	var info bytes.Buffer
	switch {
	case id.User == "":
		return errNoUser
	case !ValidUser(id.User):
		return errUser
	case id.Expires < 0 || id.Expires > maxSeconds:
		return errExpires
	case !validPatterns(id.Rooms):
		return errRooms
	case !validPatterns(id.Publish):
		return errPublish
	case len(id.Info) > 0 && json.Compact(&info, id.Info) != nil:
		return errInfoForm
	case info.Len() > MaxInfo:
		return errInfo
	}
	return nil
}

// A Verifier verifies tokens. It may be called from several goroutines at once.
type Verifier interface {
	// Inline says that Verify is quick and never blocks, so that it may run on
	// an event loop. It is asked for each token, and what it says may change; a
	// Verify that was called for the old answer's sake must not block either: its
	// ctx has no deadline.
	Inline() bool
	// Verify says who a token is of at the time now. Its errors wrap one of the
	// errors of this package and may be shown to the client.
	Verify(ctx context.Context, token string, now time.Time) (Identity, error)
}

// Errors of a request, from Sources.
var (
	// ErrNoToken is returned for a request without a token, and for an empty one.
	ErrNoToken = errors.New("the token is missing: Authorization: Bearer TOKEN, ?token=TOKEN or the subprotocol bearer.TOKEN would be right")
	// ErrAmbiguous is returned for a request with two tokens that differ.
	ErrAmbiguous = errors.New("the request brings two different tokens: one would be right")
)

// Errors of a token, from Verify.
var (
	ErrToken     = errors.New("the token is malformed")
	ErrAlgorithm = errors.New("the algorithm of the token is not allowed")
	ErrSignature = errors.New("the signature of the token is wrong")
	ErrExpired   = errors.New("the token has expired")
	ErrNotYet    = errors.New("the token is not valid yet")
	ErrClaims    = errors.New("the claims of the token cannot be used")
)

// ErrUnavailable is returned by Verify where nothing can be said of a token now: it
// may be good. To come again soon would be right.
var ErrUnavailable = errors.New("tokens cannot be verified at the moment")

// The ways to be wrong, made once: an error on a loop costs nothing.
var (
	errTooLong  = fmt.Errorf("%w: it is too long: at most %d bytes would be right", ErrToken, MaxToken)
	errForm     = fmt.Errorf("%w: a header, claims and a signature, each in base64url without padding, joined by dots, would be right", ErrToken)
	errCritical = fmt.Errorf("%w: its header names a critical extension (crit): none would be right", ErrToken)

	errKid        = fmt.Errorf("%w: its kid cannot be a key's name: at most %d bytes without control characters would be right", ErrToken, maxKid)
	errUnknownKey = fmt.Errorf("%w: no key that is known fits its kid and algorithm", ErrSignature)
	errUndecided  = fmt.Errorf("%w: its key is not known yet, and the key server is being asked: a new try in some seconds would be right", ErrUnavailable)

	errObject    = fmt.Errorf("%w: one JSON object in UTF-8, with each name once, would be right", ErrClaims)
	errNoUser    = fmt.Errorf("%w: sub is missing: the user's name would be right", ErrClaims)
	errUser      = fmt.Errorf("%w: sub is bad: a string of 1 to %d bytes without control characters would be right", ErrClaims, MaxUser)
	errNoExpires = fmt.Errorf("%w: exp is missing: the end of the token in seconds since 1970 would be right", ErrClaims)
	errExpires   = fmt.Errorf("%w: exp is bad: a number of seconds (not milliseconds) since 1970 would be right", ErrClaims)
	errNotBefore = fmt.Errorf("%w: nbf is bad: a number of seconds (not milliseconds) since 1970 would be right", ErrClaims)
	errRooms     = fmt.Errorf("%w: rooms is bad: an array of at most %d strings of 1 to %d bytes would be right", ErrClaims, MaxPatterns, MaxPattern)
	errPublish   = fmt.Errorf("%w: publish is bad: an array of at most %d strings of 1 to %d bytes would be right", ErrClaims, MaxPatterns, MaxPattern)
	errInfoForm  = fmt.Errorf("%w: info is not JSON: such as {\"name\":\"Alice\"} would be right", ErrClaims)
	errInfo      = fmt.Errorf("%w: info is too long: at most %d bytes of JSON would be right", ErrClaims, MaxInfo)
)
