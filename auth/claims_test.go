package auth

import (
	"encoding/json"
	"slices"
	"testing"
)

// Whatever JSON is signed: it is read without a panic, and as encoding/json reads
// it but for the names' case.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		exactly(""), exactly(`,"rooms":["a","b"],"publish":[],"info":{"a":[1,"}"]}`), `{"sub":"\u0000\"","exp":1e9}`, `{}`, `[]`, `null`, `0`, `""`,
		`{"aud":["push",{"a":"]"},[[]]],"iss":[],"nbf":-0.5}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := new(claims)
		if c.read([]byte(s), "push") != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s), &all); err != nil {
			t.Fatal(err)
		}
		var user string
		if err := json.Unmarshal(all["sub"], &user); err != nil || user != c.id.User {
			t.Errorf("%s: sub %q, %v; read as %q", s, user, err, c.id.User)
		}
		for name, got := range map[string]Patterns{"rooms": c.id.Rooms, "publish": c.id.Publish} {
			var want []string
			if raw, ok := all[name]; ok {
				if err := json.Unmarshal(raw, &want); err != nil {
					t.Errorf("%s: %s: %v", s, name, err)
				}
			}
			if !slices.Equal(want, []string(got)) {
				t.Errorf("%s: %s %q; read as %q", s, name, want, got)
			}
		}
		if c.id.Info != nil && (!json.Valid(c.id.Info) || len(c.id.Info) > MaxInfo) {
			t.Errorf("%s: info %q", s, c.id.Info)
		}
	})
}
