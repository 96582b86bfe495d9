package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	other  = []byte("another secret of thirty-two byte")
	now    = time.Unix(1_800_000_000, 0)
)

func hmac(t testing.TB, change func(*HMACConfig)) *HMAC {
	t.Helper()
	cfg := HMACConfig{Secrets: [][]byte{secret}}
	if change != nil {
		change(&cfg)
	}
	h, err := NewHMAC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func sign(t testing.TB, method jwt.SigningMethod, key any, change jwt.MapClaims) string {
	t.Helper()
	c := jwt.MapClaims{"sub": "alice", "exp": now.Unix() + 60, "rooms": []string{"chat.*"}}
	maps.Copy(c, change)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	s, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHMAC_Verify_GoodToken(t *testing.T) {
	h := hmac(t, func(c *HMACConfig) {
		c.Secrets = [][]byte{other, secret}
		c.Algorithms = []string{"HS256", "HS512"}
		c.Issuer, c.Audience = "shop", "push"
	})
	for _, alg := range []string{"HS256", "HS512"} {
		id := Identity{User: "alice", Expires: now.Unix() + 60, Rooms: Patterns{"chat.*"}, Publish: Patterns{"chat.1"}, Info: []byte(`{"name":"Alice"}`)}
		token, err := Mint(secret, alg, id, "shop", "push")
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Verify(context.Background(), token, now)
		if err != nil || got.User != "alice" || got.Expires != id.Expires || !got.Rooms.Match("chat.7") || !got.Publish.Match("chat.1") ||
			got.Publish.Match("chat.2") || string(got.Info) != string(id.Info) {
			t.Errorf("%s: %+v, %v", alg, got, err)
		}
	}
}

func TestHMAC_Verify_WrongTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, MaxPatterns+1)
	for i := range many {
		many[i] = "r"
	}
	hs := jwt.SigningMethodHS256
	good := sign(t, hs, secret, nil)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(good, ".")[1] + "."
	for name, c := range map[string]struct {
		token string
		err   error
	}{
		"empty":               {"", ErrToken},
		"garbage":             {"garbage", ErrToken},
		"dots":                {"..", ErrToken},
		"not base64":          {"!!.!!.!!", ErrToken},
		"cut":                 {good[:len(good)-5], ErrSignature},
		"padding":             {good + "=", ErrToken},
		"another signature":   {sign(t, hs, other, nil), ErrSignature},
		"changed":             {strings.Replace(good, ".", ".e", 1), nil},
		"none":                {unsigned, ErrAlgorithm},
		"HS384":               {sign(t, jwt.SigningMethodHS384, secret, nil), ErrAlgorithm},
		"RS256":               {sign(t, jwt.SigningMethodRS256, key, nil), ErrAlgorithm},
		"1 MiB":               {strings.Repeat("x", 1<<20), ErrToken},
		"expired":             {sign(t, hs, secret, jwt.MapClaims{"exp": now.Unix()}), ErrExpired},
		"no exp":              {sign(t, hs, secret, jwt.MapClaims{"exp": nil}), ErrClaims},
		"exp is text":         {sign(t, hs, secret, jwt.MapClaims{"exp": "soon"}), nil},
		"not yet":             {sign(t, hs, secret, jwt.MapClaims{"nbf": now.Unix() + 5}), ErrNotYet},
		"no sub":              {sign(t, hs, secret, jwt.MapClaims{"sub": nil}), ErrClaims},
		"empty sub":           {sign(t, hs, secret, jwt.MapClaims{"sub": ""}), ErrClaims},
		"long sub":            {sign(t, hs, secret, jwt.MapClaims{"sub": strings.Repeat("a", MaxUser+1)}), ErrClaims},
		"control in sub":      {sign(t, hs, secret, jwt.MapClaims{"sub": "a\nb"}), ErrClaims},
		"sub is a number":     {sign(t, hs, secret, jwt.MapClaims{"sub": 7}), nil},
		"rooms is text":       {sign(t, hs, secret, jwt.MapClaims{"rooms": "chat"}), nil},
		"rooms has a number":  {sign(t, hs, secret, jwt.MapClaims{"rooms": []any{1}}), nil},
		"too many rooms":      {sign(t, hs, secret, jwt.MapClaims{"rooms": many}), ErrClaims},
		"long pattern":        {sign(t, hs, secret, jwt.MapClaims{"publish": []string{strings.Repeat("p", MaxPattern+1)}}), ErrClaims},
		"empty pattern":       {sign(t, hs, secret, jwt.MapClaims{"publish": []string{""}}), ErrClaims},
		"long info":           {sign(t, hs, secret, jwt.MapClaims{"info": strings.Repeat("i", MaxInfo)}), ErrClaims},
		"another issuer":      {sign(t, hs, secret, jwt.MapClaims{"iss": "them"}), nil},
		"kid is not followed": {sign(t, hs, secret, nil), nil},
	} {
		h := hmac(t, nil)
		switch name {
		case "another issuer":
			h, c.err = hmac(t, func(c *HMACConfig) { c.Issuer = "us" }), ErrClaims
		case "kid is not followed":
			tok := jwt.NewWithClaims(hs, jwt.MapClaims{"sub": "a", "exp": now.Unix() + 9})
			tok.Header["kid"] = "../../etc/passwd"
			s, err := tok.SignedString(secret)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Verify(context.Background(), s, now); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		id, err := h.Verify(context.Background(), c.token, now)
		if err == nil || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v; expected %v", name, id, err, c.err)
		}
		if err != nil && len(c.token) > 20 && strings.Contains(err.Error(), c.token[:20]) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
}

func TestHMAC_Verify_Leeway(t *testing.T) {
	h := hmac(t, func(c *HMACConfig) { c.Leeway = 5 * time.Second })
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		ok     bool
	}{
		"just over":    {jwt.MapClaims{"exp": now.Unix() - 4}, true},
		"over":         {jwt.MapClaims{"exp": now.Unix() - 5}, false},
		"just before":  {jwt.MapClaims{"nbf": now.Unix() + 5}, true},
		"long before":  {jwt.MapClaims{"nbf": now.Unix() + 6}, false},
		"audience set": {jwt.MapClaims{"aud": []string{"a", "b"}}, true},
	} {
		if _, err := h.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, secret, c.claims), now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewHMAC_Refuses(t *testing.T) {
	for name, cfg := range map[string]HMACConfig{
		"no secret":    {},
		"empty secret": {Secrets: [][]byte{{}}, AllowShort: true},
		"short secret": {Secrets: [][]byte{[]byte("short")}},
		"algorithm":    {Secrets: [][]byte{secret}, Algorithms: []string{"none"}},
		"leeway":       {Secrets: [][]byte{secret}, Leeway: -1},
	} {
		if _, err := NewHMAC(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := NewHMAC(HMACConfig{Secrets: [][]byte{[]byte("short")}, AllowShort: true}); err != nil {
		t.Error(err)
	}
}

func TestMint_Refuses(t *testing.T) {
	if _, err := Mint(secret, "RS256", Identity{User: "a"}, "", ""); err == nil {
		t.Error("RS256 with a secret is taken")
	}
	if _, err := Mint(secret, "HS256", Identity{}, "", ""); !errors.Is(err, ErrClaims) {
		t.Errorf("nobody: %v", err)
	}
}

func TestSources_Token(t *testing.T) {
	for name, c := range map[string]struct {
		s     Sources
		token string
		from  string
		err   error
	}{
		"nothing":           {Sources{}, "", "", ErrNoToken},
		"header":            {Sources{Authorization: []byte("Bearer abc")}, "abc", "header", nil},
		"header, any case":  {Sources{Authorization: []byte("bearer  abc ")}, "abc", "header", nil},
		"another scheme":    {Sources{Authorization: []byte("Basic abc")}, "", "", ErrNoToken},
		"scheme alone":      {Sources{Authorization: []byte("Bearer")}, "", "", ErrNoToken},
		"query":             {Sources{Query: []byte("abc")}, "abc", "query", nil},
		"subprotocol":       {Sources{Protocols: []byte("roost.v1.json, bearer.abc")}, "abc", "subprotocol", nil},
		"no subprotocol":    {Sources{Protocols: []byte("bearer")}, "", "", ErrNoToken},
		"cookie":            {Sources{Cookie: []byte(`a=b; session="abc"; c=d`), CookieName: "session"}, "abc", "cookie", nil},
		"cookie not wanted": {Sources{Cookie: []byte("session=abc")}, "", "", ErrNoToken},
		"the same twice":    {Sources{Authorization: []byte("Bearer abc"), Query: []byte("abc")}, "abc", "header", nil},
		"two":               {Sources{Authorization: []byte("Bearer abc"), Query: []byte("abd")}, "", "", ErrAmbiguous},
		"two cookies":       {Sources{Cookie: []byte("s=a; s=b"), CookieName: "s"}, "", "", ErrAmbiguous},
	} {
		token, from, err := c.s.Token()
		if token != c.token || from != c.from || !errors.Is(err, c.err) {
			t.Errorf("%s: %q from %q, %v", name, token, from, err)
		}
	}
}

func TestPatterns_Match(t *testing.T) {
	for _, c := range []struct {
		pattern, room string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "ab", false}, {"*", "", true}, {"*", "anything", true},
		{"chat.*", "chat.1", true}, {"chat.*", "chat.", true}, {"chat.*", "chat", false}, {"*.1", "chat.1", true}, {"*.1", "chat.2", false},
		{"a*b*c", "abc", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"**", "x", true}, {"a**b", "ab", true}, {"*ab*ab", "abab", true}, {"*ab*ab", "ab", false}, {"", "", true}, {"", "a", false},
	} {
		if got := (Patterns{"no", c.pattern}).Match(c.room); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.room, got)
		}
	}
	if (Patterns)(nil).Match("a") {
		t.Error("no pattern matches something")
	}
	began := time.Now()
	(Patterns{strings.Repeat("*a", 99) + "b"}).Match(strings.Repeat("a", 100_000))
	if d := time.Since(began); d > time.Second {
		t.Errorf("a nasty pattern takes %v", d)
	}
}

func TestOrigins_Allow(t *testing.T) {
	for name, c := range map[string]struct {
		patterns     []string
		origin, host string
		want         bool
	}{
		"none":                 {nil, "", "a", true},
		"none, with patterns":  {[]string{"https://a"}, "", "a", true},
		"same host":            {nil, "https://Example.com", "example.COM", true},
		"same host, port":      {nil, "http://a:8080", "a:8080", true},
		"default port":         {nil, "https://a:443", "a", true},
		"default port, other":  {nil, "http://a", "a:80", true},
		"other port":           {nil, "http://a", "a:8080", false},
		"ipv6":                 {nil, "http://[::1]:80", "[::1]", true},
		"other host":           {nil, "https://b", "a", false},
		"host in the path":     {nil, "https://evil/@a", "a", false},
		"null":                 {nil, "null", "a", false},
		"null, listed":         {[]string{"null"}, "null", "a", true},
		"null, star in host":   {[]string{"https://*"}, "null", "a", false},
		"all":                  {[]string{"*"}, "null", "a", true},
		"listed":               {[]string{"https://a.example"}, "https://A.example", "b", true},
		"listed, other scheme": {[]string{"https://a.example"}, "http://a.example", "b", false},
		"subdomain":            {[]string{"https://*.example.com"}, "https://x.y.example.com", "b", true},
		"subdomain, bare":      {[]string{"https://*.example.com"}, "https://example.com", "b", false},
		"suffix trick":         {[]string{"https://*.example.com"}, "https://example.com.evil.org", "b", false},
		"path trick":           {[]string{"https://*.example.com"}, "https://evil.org/.example.com", "b", false},
		"user trick":           {[]string{"https://*.example.com"}, "https://evil.org@x.example.com", "b", false},
		"any port":             {[]string{"http://localhost:*"}, "http://localhost:3000", "b", true},
	} {
		o, err := NewOrigins(c.patterns)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := o.Allow([]byte(c.origin), []byte(c.host)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, p := range []string{"", "example.com", "https://", "https://a/path", "https://a b", "://a", "*://a"} {
		if _, err := NewOrigins([]string{p}); err == nil || !strings.Contains(err.Error(), "would be right") {
			t.Errorf("pattern %q: %v", p, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"/rooms/a":                          "/rooms/a",
		"/rooms/a?token=abc":                "/rooms/a?token=REDACTED",
		"/rooms/a?x=1&token=abc&ticket=d&y": "/rooms/a?x=1&token=REDACTED&ticket=REDACTED&y",
		"/a?Token=abc":                      "/a?Token=REDACTED",
		"/a?%74oken=abc":                    "/a?token=REDACTED",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func FuzzHMAC_Verify(f *testing.F) {
	h := hmac(f, nil)
	f.Add(sign(f, jwt.SigningMethodHS256, secret, nil))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := h.Verify(context.Background(), token, now)
		if err == nil && (id.User == "" || id.Expires == 0) {
			t.Errorf("%q is nobody's and is believed", token)
		}
	})
}

func FuzzSources(f *testing.F) {
	f.Add([]byte("Bearer a"), []byte("b"), []byte("bearer.c"), []byte("s=d"))
	f.Fuzz(func(t *testing.T, a, q, p, c []byte) {
		token, _, err := Sources{a, q, p, c, "s"}.Token()
		if (err == nil) != (token != "") {
			t.Errorf("token %q, %v", token, err)
		}
	})
}

func FuzzOrigins(f *testing.F) {
	o, _ := NewOrigins([]string{"https://*.example.com"})
	f.Add([]byte("https://a.example.com"), []byte("b"))
	f.Fuzz(func(t *testing.T, origin, host []byte) {
		if o.Allow(origin, host) && len(origin) > 0 && !strings.HasSuffix(strings.ToLower(string(origin)), ".example.com") {
			t.Errorf("%q is let in", origin)
		}
	})
}

func BenchmarkHMAC_Verify(b *testing.B) {
	h := hmac(b, nil)
	token := sign(b, jwt.SigningMethodHS256, secret, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Verify(context.Background(), token, now); err != nil {
			b.Fatal(err)
		}
	}
}
