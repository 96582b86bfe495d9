package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestSources_Token(t *testing.T) {
	for name, c := range map[string]struct {
		s     Sources
		token string
		from  string
		err   error
	}{
		"nothing":           {Sources{}, "", "", ErrNoToken},
		"header":            {Sources{Authorization: []byte("Bearer abc")}, "abc", FromHeader, nil},
		"header, any case":  {Sources{Authorization: []byte("bearer  abc ")}, "abc", FromHeader, nil},
		"another scheme":    {Sources{Authorization: []byte("Basic abc")}, "", "", ErrNoToken},
		"a longer scheme":   {Sources{Authorization: []byte("Bearers abc")}, "", "", ErrNoToken},
		"scheme alone":      {Sources{Authorization: []byte("Bearer ")}, "", "", ErrNoToken},
		"scheme and query":  {Sources{Authorization: []byte("Basic abc"), Query: []byte("q")}, "q", FromQuery, nil},
		"query":             {Sources{Query: []byte("abc")}, "abc", FromQuery, nil},
		"subprotocol":       {Sources{Protocols: []byte("roost.v1.json,\tbearer.abc , x")}, "abc", FromSubprotocol, nil},
		"subprotocol, case": {Sources{Protocols: []byte("Bearer.abc")}, "", "", ErrNoToken},
		"no subprotocol":    {Sources{Protocols: []byte("bearer, bearer.,,")}, "", "", ErrNoToken},
		"two subprotocols":  {Sources{Protocols: []byte("bearer.a, bearer.b")}, "", "", ErrAmbiguous},
		"cookie":            {Sources{Cookie: []byte(`a=b; session="abc"; c=d`), CookieName: "session"}, "abc", FromCookie, nil},
		"cookie, no space":  {Sources{Cookie: []byte("a=b;session=ab=c"), CookieName: "session"}, "ab=c", FromCookie, nil},
		"cookie, case":      {Sources{Cookie: []byte("Session=abc"), CookieName: "session"}, "", "", ErrNoToken},
		"cookie not wanted": {Sources{Cookie: []byte("session=abc; =abc")}, "", "", ErrNoToken},
		"the same 4 times":  {Sources{Authorization: []byte("Bearer t"), Query: []byte("t"), Protocols: []byte("bearer.t"), Cookie: []byte("s=t"), CookieName: "s"}, "t", FromHeader, nil},
		"header and query":  {Sources{Authorization: []byte("Bearer abc"), Query: []byte("abd")}, "", "", ErrAmbiguous},
		"query and cookie":  {Sources{Query: []byte("a"), Cookie: []byte("s=b"), CookieName: "s"}, "", "", ErrAmbiguous},
		"third differs":     {Sources{Authorization: []byte("Bearer a"), Query: []byte("a"), Protocols: []byte("bearer.b")}, "", "", ErrAmbiguous},
		"two cookies":       {Sources{Cookie: []byte("s=a; s=b"), CookieName: "s"}, "", "", ErrAmbiguous},
	} {
		token, from, err := c.s.Token()
		if token != c.token || from != c.from || !errors.Is(err, c.err) {
			t.Errorf("%s: %q from %q, %v", name, token, from, err)
		}
	}
}

// The token itself is all that is allocated.
func TestSources_Token_Allocs(t *testing.T) {
	s := Sources{Authorization: []byte("Bearer " + strings.Repeat("t", 300)), Protocols: []byte("a, b"), Cookie: []byte("a=b; c=d"), CookieName: "s"}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Token() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzSources_Token(f *testing.F) {
	f.Add([]byte("Bearer a"), []byte("b"), []byte("bearer.c"), []byte("s=d"))
	f.Fuzz(func(t *testing.T, header, query, protocols, cookie []byte) {
		token, from, err := Sources{header, query, protocols, cookie, "s"}.Token()
		if (err == nil) != (token != "") || (err == nil) != (from != "") {
			t.Errorf("token %q from %q, %v", token, from, err)
		}
		if err == nil && len(query) > 0 && token != string(query) {
			t.Errorf("%q and ?token=%q are taken for one", token, query)
		}
	})
}
