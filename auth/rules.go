package auth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const maxLeeway = time.Hour

// rules are what a token must be and say, whoever signed it.
type rules struct {
	// Static after construction.
	decoder  *jwt.Parser // decodes base64url, each value in one spelling only
	issuer   string
	audience string
	leeway   time.Duration

	// Errors that name what would be right. Static after construction.
	errAlgorithm error
	errIssuer    error
	errAudience  error
}

func newRules(algorithms []string, issuer, audience string, leeway time.Duration) rules {
	return rules{
		decoder:  jwt.NewParser(jwt.WithStrictDecoding()),
		issuer:   issuer,
		audience: audience,
		leeway:   leeway,

		errAlgorithm: fmt.Errorf("%w: %s would be right", ErrAlgorithm, strings.Join(algorithms, " or ")),
		errIssuer:    fmt.Errorf("%w: iss is not of this server: %q would be right", ErrClaims, issuer),
		errAudience:  fmt.Errorf("%w: aud is not of this server: %q would be right", ErrClaims, audience),
	}
}

func checkLeeway(d time.Duration) error {
	if d < 0 || d > maxLeeway {
		return wrong("Leeway", "%v is out of range: 0s to %v would be right", d, maxLeeway)
	}
	return nil
}

// parts gives the places of a token's two dots.
//
// The parts are golang-jwt's, but not its ParseWithClaims (v5.3.1, parser.go): that
// reads all the JSON before it knows whose it is, which made a long forged token six
// times as dear.
func parts(token string) (first, last int, err error) {
	switch {
	case token == "":
		return 0, 0, ErrNoToken
	case len(token) > MaxToken:
		return 0, 0, errTooLong
	case !compact(token):
		return 0, 0, errForm
	}
	return strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.'), nil
}

// compact says whether s looks like three parts of base64url. It is asked since
// the decoder skips line ends (encoding/base64), so that one token would have
// many spellings.
func compact(s string) bool {
	dots := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			dots++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}

// A header is what a token says of its signature. Nothing of it is true yet.
type header struct {
	algorithm string          // empty where it is no string
	key       json.RawMessage // its kid, as it stands there
	critical  bool            // it has a crit, which is refused: RFC 7515, 4.1.11
}

// header reads an encoded header.
func (r *rules) header(encoded string) (header, error) {
	raw, err := r.decoder.DecodeSegment(encoded)
	if err != nil {
		return header{}, errForm
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return header{}, errForm
	}
	var name string
	_ = json.Unmarshal(fields["alg"], &name) // where it is no string it is no name of ours
	_, critical := fields["crit"]
	return header{name, fields["kid"], critical}, nil
}

// kid is the name of the key that signed; empty: the token names none. It says false
// where it cannot be a key's name.
func (h *header) kid() (kid string, ok bool) {
	if h.key == nil || string(h.key) == "null" {
		return "", true
	}
	err := json.Unmarshal(h.key, &kid)
	return kid, err == nil && validKid(kid)
}

// identity reads the encoded claims of a token whose signature is right.
func (r *rules) identity(encoded string, now time.Time) (Identity, error) {
	raw, err := r.decoder.DecodeSegment(encoded)
	if err != nil {
		return Identity{}, errForm
	}
	var c claims
	if err := c.read(raw, r.audience); err != nil {
		return Identity{}, err
	}
	end := time.Unix(c.id.Expires, 0)
	switch {
	case !now.Before(end.Add(r.leeway)):
		return Identity{}, ErrExpired
	case now.Before(time.Unix(c.notBefore, 0).Add(-r.leeway)):
		return Identity{}, ErrNotYet
	case r.issuer != "" && c.issuer != r.issuer:
		return Identity{}, r.errIssuer
	case r.audience != "" && !c.meant:
		return Identity{}, r.errAudience
	}
	if !now.Before(end) {
		c.id.Expires = end.Add(r.leeway + time.Second - 1).Unix()
	}
	return c.id, nil
}
