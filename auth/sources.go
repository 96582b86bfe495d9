package auth

import (
	"bytes"
	"net/url"
	"strings"
)

// Sources are the places of a request where a token may stand. The slices are
// not kept.
type Sources struct {
	Authorization []byte // the header's value: Bearer TOKEN
	Query         []byte // the parameter token, decoded
	Protocols     []byte // Sec-WebSocket-Protocol: an entry bearer.TOKEN
	Cookie        []byte // the header's value
	CookieName    string // which cookie holds one; empty: none
}

// Token finds the token and says where: header, query, subprotocol or cookie.
// ErrNoToken; ErrAmbiguous where two places hold different ones, since a request
// must not be decided by which of them is looked at first.
func (s Sources) Token() (token, from string, err error) {
	take := func(found []byte, where string) {
		switch {
		case len(found) == 0:
		case token == "":
			token, from = string(found), where
		case token != string(found):
			err = ErrAmbiguous
		}
	}
	if scheme, rest, ok := bytes.Cut(bytes.TrimSpace(s.Authorization), []byte(" ")); ok && strings.EqualFold(string(scheme), "bearer") {
		take(bytes.TrimSpace(rest), "header")
	}
	take(s.Query, "query")
	for entry := range bytes.SplitSeq(s.Protocols, []byte(",")) {
		if t, ok := bytes.CutPrefix(bytes.TrimSpace(entry), []byte("bearer.")); ok {
			take(t, "subprotocol")
		}
	}
	if s.CookieName != "" {
		for pair := range bytes.SplitSeq(s.Cookie, []byte(";")) {
			if name, value, ok := bytes.Cut(bytes.TrimSpace(pair), []byte("=")); ok && string(name) == s.CookieName {
				take(bytes.Trim(value, `"`), "cookie")
			}
		}
	}
	switch {
	case err != nil:
		return "", "", err
	case token == "":
		return "", "", ErrNoToken
	}
	return token, from, nil
}

// Redact replaces what the parameters token and ticket of a URL hold, so that it
// may be logged.
func Redact(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if strings.EqualFold(name, "token") || strings.EqualFold(name, "ticket") {
			pairs[i] = name + "=REDACTED"
		}
	}
	return path + "?" + strings.Join(pairs, "&")
}
