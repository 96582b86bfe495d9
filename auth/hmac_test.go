package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	other  = []byte("another secret of thirty-two byte")
	now    = time.Unix(1_800_000_000, 0)
)

func newHMAC(t testing.TB, change func(*HMACConfig)) *HMAC {
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

// sign makes a good token but for what change says; nil takes a claim out.
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

// signRaw makes a token of a header and claims as they are written, rightly signed.
func signRaw(t testing.TB, header, claims string) string {
	t.Helper()
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	sig, err := jwt.SigningMethodHS256.Sign(text, secret)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + enc.EncodeToString(sig)
}

const headerHS256 = `{"alg":"HS256","typ":"JWT"}`

// exactly makes claims with these members beside sub and exp.
func exactly(members string) string {
	return fmt.Sprintf(`{"sub":"alice","exp":%d%s}`, now.Unix()+60, members)
}

// respell is a token whose signature differs in the bits that no byte is made of.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last|1:last|1+1]
}

func TestHMAC_Verify_GoodTokens(t *testing.T) {
	h := newHMAC(t, func(c *HMACConfig) {
		c.Secrets = [][]byte{other, secret}
		c.Algorithms = []string{"HS256", "HS384", "HS512"}
		c.Issuer, c.Audience = "shop", "push"
	})
	for _, key := range [][]byte{secret, other} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			id := Identity{User: "alice", Expires: now.Unix() + 60, Rooms: Patterns{"chat.*"}, Publish: Patterns{"chat.1"}, Info: []byte(`{ "name": "Alice" }`)}
			token, err := Mint(key, alg, id, "shop", "push")
			if err != nil {
				t.Fatal(err)
			}
			got, err := h.Verify(context.Background(), token, now)
			if err != nil || got.User != "alice" || got.Expires != id.Expires || len(got.Rooms) != 1 || got.Rooms[0] != "chat.*" ||
				len(got.Publish) != 1 || got.Publish[0] != "chat.1" || string(got.Info) != `{"name":"Alice"}` {
				t.Errorf("%s: %+v, %v", alg, got, err)
			}
		}
	}
	if !h.Inline() {
		t.Error("it is not inline")
	}
}

func TestHMAC_Verify_Spellings(t *testing.T) {
	h := newHMAC(t, func(c *HMACConfig) { c.Issuer, c.Audience = "shop", "push" })
	shop := `,"iss":"shop","aud":"push"`
	for name, c := range map[string]struct{ header, claims, want string }{
		"bare":             {headerHS256, exactly(shop), `alice 1800000060 [] [] ""`},
		"white space":      {"{ \"alg\" : \"HS256\" }\n", " { \"sub\" : \"alice\" , \"exp\" : 1800000060 , \"rooms\" : [ \"a\" , \"b\" ] , \"iss\":\"shop\",\"aud\":[ \"x\", \"push\" ] }\n", `alice 1800000060 ["a" "b"] [] ""`},
		"kid is ignored":   {`{"alg":"HS256","kid":"../../etc/passwd","jku":"https://evil.example"}`, exactly(shop), `alice 1800000060 [] [] ""`},
		"no typ":           {`{"alg":"HS256"}`, exactly(shop), `alice 1800000060 [] [] ""`},
		"null is absent":   {headerHS256, exactly(shop + `,"rooms":null,"publish":null,"info":null,"nbf":null`), `alice 1800000060 [] [] ""`},
		"empty arrays":     {headerHS256, exactly(shop + `,"rooms":[],"publish":[]`), `alice 1800000060 [] [] ""`},
		"info of any type": {headerHS256, exactly(shop + `,"info":[1, {"a": "] } , \" "}, true]`), `alice 1800000060 [] [] "[1,{\"a\":\"] } , \\\" \"},true]"`},
		"escapes":          {headerHS256, `{"\u0073ub":"\u00e4\/b","exp":1800000060,"rooms":["a\",\"b","c,d"]` + shop + `}`, `ä/b 1800000060 ["a\",\"b" "c,d"] [] ""`},
		"fraction":         {headerHS256, `{"sub":"alice","exp":1800000060.9,"nbf":1799999999.5` + shop + `}`, `alice 1800000060 [] [] ""`},
		"exponent":         {headerHS256, `{"sub":"alice","exp":18000001e2` + shop + `}`, `alice 1800000100 [] [] ""`},
		"other claims":     {headerHS256, exactly(shop + `,"SUB":"bob","Rooms":["*"],"EXP":1,"iat":"x","deep":{"sub":"eve","a":[[{}]]},"n":-1.5e3,"t":true`), `alice 1800000060 [] [] ""`},
	} {
		id, err := h.Verify(context.Background(), signRaw(t, c.header, c.claims), now)
		if got := fmt.Sprintf("%s %d %q %q %q", id.User, id.Expires, []string(id.Rooms), []string(id.Publish), id.Info); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; expected %s", name, got, err, c.want)
		}
	}
}

func TestHMAC_Verify_AtTheLimits(t *testing.T) {
	rooms := make([]string, MaxPatterns)
	for i := range rooms {
		rooms[i] = fmt.Sprint("r", i)
	}
	rooms[0] = strings.Repeat("p", MaxPattern)
	token := sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": strings.Repeat("é", MaxUser/2), "rooms": rooms, "info": strings.Repeat("i", MaxInfo-2)})
	id, err := newHMAC(t, nil).Verify(context.Background(), token, now)
	if err != nil || len(id.User) != MaxUser || len(id.Rooms) != MaxPatterns || len(id.Info) != MaxInfo {
		t.Errorf("%v: %+v", err, id)
	}
}

func TestHMAC_Verify_WrongTokens(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Split(strings.Repeat("r", MaxPatterns+1), "")
	hs := jwt.SigningMethodHS256
	good := sign(t, hs, secret, nil)
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	with := func(name string, value any) string { return sign(t, hs, secret, jwt.MapClaims{name: value}) }
	raw := func(members string) string { return signRaw(t, headerHS256, exactly(members)) }
	for name, c := range map[string]struct {
		token string
		err   error
		text  string // in the error
	}{
		"empty":              {"", ErrNoToken, "would be right"},
		"garbage":            {"garbage", ErrToken, "base64url"},
		"dots":               {"..", ErrToken, "base64url"},
		"not base64":         {"!!.!!.!!", ErrToken, "base64url"},
		"four parts":         {good + ".e30", ErrToken, "joined by dots"},
		"two parts":          {parts[0] + "." + parts[1], ErrToken, "joined by dots"},
		"padding":            {good + "=", ErrToken, "without padding"},
		"padding within":     {parts[0] + "=." + parts[1] + "." + parts[2], ErrToken, "without padding"},
		"line end":           {good[:9] + "\n" + good[9:], ErrToken, "base64url"},
		"space":              {" " + good, ErrToken, "base64url"},
		"spare bits":         {respell(good), ErrToken, "base64url"},
		"header is text":     {encode([]byte("hello")) + "." + parts[1] + "." + parts[2], ErrToken, "a header"},
		"header is a list":   {encode([]byte("[]")) + "." + parts[1] + "." + parts[2], ErrToken, "a header"},
		"claims are text":    {signRaw(t, headerHS256, "hello"), ErrToken, "claims"},
		"claims go on":       {signRaw(t, headerHS256, "{}{}"), ErrToken, "claims"},
		"claims are a list":  {signRaw(t, headerHS256, "[]"), ErrClaims, "JSON object"},
		"claims are null":    {signRaw(t, headerHS256, "null"), ErrClaims, "JSON object"},
		"claims not UTF-8":   {signRaw(t, headerHS256, exactly(",\"x\":\"\xff\"")), ErrClaims, "UTF-8"},
		"huge":               {strings.Repeat("x", 1<<20), ErrToken, "8192"},
		"too long by one":    {strings.Repeat("x", MaxToken+1), ErrToken, "8192"},
		"another secret":     {sign(t, hs, other, nil), ErrSignature, "signature"},
		"no signature":       {parts[0] + "." + parts[1] + ".", ErrSignature, "signature"},
		"half a signature":   {good[:len(good)-3], ErrSignature, "signature"},
		"other's claims":     {parts[0] + "." + strings.Split(with("sub", "bob"), ".")[1] + "." + parts[2], ErrSignature, "signature"},
		"none":               {encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", ErrAlgorithm, "HS256 would be right"},
		"None":               {encode([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", ErrAlgorithm, "HS256 would be right"},
		"none, signed":       {signRaw(t, `{"alg":"none"}`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"hs256":              {signRaw(t, `{"alg":"hs256"}`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"no alg":             {signRaw(t, `{"typ":"JWT"}`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"alg is a number":    {signRaw(t, `{"alg":256}`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"header is null":     {signRaw(t, `null`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"HS384":              {sign(t, jwt.SigningMethodHS384, secret, nil), ErrAlgorithm, "HS256 would be right"},
		"RS256":              {sign(t, jwt.SigningMethodRS256, key, nil), ErrAlgorithm, "HS256 would be right"},
		"RS256 as HMAC":      {signRaw(t, `{"alg":"RS256"}`, exactly("")), ErrAlgorithm, "HS256 would be right"},
		"crit":               {signRaw(t, `{"alg":"HS256","crit":["b64"],"b64":false}`, exactly("")), ErrToken, "crit"},
		"expired":            {with("exp", now.Unix()), ErrExpired, "has expired"},
		"exp 0":              {with("exp", 0), ErrExpired, "has expired"},
		"no exp":             {with("exp", nil), ErrClaims, "exp is missing"},
		"exp is text":        {with("exp", "1800000060"), ErrClaims, "exp is bad"},
		"exp is below 0":     {with("exp", -5), ErrClaims, "exp is bad"},
		"exp in ms":          {with("exp", now.UnixMilli()), ErrClaims, "not milliseconds"},
		"exp without end":    {raw(`,"x":1}`), ErrToken, "claims"},
		"exp is 1e400":       {signRaw(t, headerHS256, `{"sub":"a","exp":1e400}`), ErrClaims, "exp is bad"},
		"not yet":            {with("nbf", now.Unix()+1), ErrNotYet, "not valid yet"},
		"not yet by half":    {with("nbf", float64(now.Unix())+0.5), ErrNotYet, "not valid yet"},
		"nbf is true":        {with("nbf", true), ErrClaims, "nbf is bad"},
		"no sub":             {with("sub", nil), ErrClaims, "sub is missing"},
		"sub is null":        {signRaw(t, headerHS256, `{"sub":null,"exp":1800000060}`), ErrClaims, "sub is missing"},
		"sub in capitals":    {signRaw(t, headerHS256, `{"SUB":"alice","exp":1800000060}`), ErrClaims, "sub is missing"},
		"empty sub":          {with("sub", ""), ErrClaims, "1 to 200"},
		"long sub":           {with("sub", strings.Repeat("a", MaxUser+1)), ErrClaims, "1 to 200"},
		"control in sub":     {with("sub", "a\nb"), ErrClaims, "control"},
		"C1 in sub":          {with("sub", "a\u0085b"), ErrClaims, "control"},
		"sub is a number":    {with("sub", 7), ErrClaims, "sub is bad"},
		"sub twice":          {raw(`,"sub":"bob"`), ErrClaims, "once"},
		"sub twice, escaped": {raw(`,"\u0073ub":"bob"`), ErrClaims, "once"},
		"rooms is text":      {with("rooms", "chat"), ErrClaims, "rooms is bad"},
		"rooms is an object": {with("rooms", map[string]any{"a": 1}), ErrClaims, "rooms is bad"},
		"rooms has a number": {with("rooms", []any{"a", 1}), ErrClaims, "rooms is bad"},
		"rooms has a null":   {with("rooms", []any{nil}), ErrClaims, "rooms is bad"},
		"rooms has a list":   {with("rooms", []any{[]string{"a"}}), ErrClaims, "rooms is bad"},
		"too many rooms":     {with("rooms", many), ErrClaims, "at most 64"},
		"publish is false":   {with("publish", false), ErrClaims, "publish is bad"},
		"long pattern":       {with("publish", []string{strings.Repeat("p", MaxPattern+1)}), ErrClaims, "200 bytes"},
		"empty pattern":      {with("publish", []string{""}), ErrClaims, "1 to 200"},
		"long info":          {with("info", strings.Repeat("i", MaxInfo-1)), ErrClaims, "1024"},
	} {
		id, err := newHMAC(t, nil).Verify(context.Background(), c.token, now)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v; expected %v with %q", name, err, c.err, c.text)
			continue
		}
		if id.User != "" || id.Expires != 0 || id.Rooms != nil || id.Publish != nil || id.Info != nil {
			t.Errorf("%s: it comes with %+v", name, id)
		}
		for _, part := range strings.Split(c.token, ".") {
			if len(part) > 8 && strings.Contains(err.Error(), part[:8]) || strings.Contains(err.Error(), "alice") {
				t.Errorf("%s: the error holds the token: %v", name, err)
			}
		}
	}
}

func TestHMAC_Verify_IssuerAndAudience(t *testing.T) {
	h := newHMAC(t, func(c *HMACConfig) { c.Issuer, c.Audience = "shop", "push" })
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		text   string
	}{
		"both":             {jwt.MapClaims{"iss": "shop", "aud": "push"}, ""},
		"one of several":   {jwt.MapClaims{"iss": "shop", "aud": []string{"web", "push"}}, ""},
		"no iss":           {jwt.MapClaims{"aud": "push"}, `"shop" would be right`},
		"another iss":      {jwt.MapClaims{"iss": "Shop", "aud": "push"}, `"shop" would be right`},
		"iss of two":       {jwt.MapClaims{"iss": []string{"shop"}, "aud": "push"}, `"shop" would be right`},
		"no aud":           {jwt.MapClaims{"iss": "shop"}, `"push" would be right`},
		"another aud":      {jwt.MapClaims{"iss": "shop", "aud": []string{"web"}}, `"push" would be right`},
		"empty aud":        {jwt.MapClaims{"iss": "shop", "aud": []string{}}, `"push" would be right`},
		"aud is an object": {jwt.MapClaims{"iss": "shop", "aud": map[string]any{"push": "push"}}, `"push" would be right`},
	} {
		_, err := h.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, secret, c.claims), now)
		if c.text == "" && err != nil || c.text != "" && (!errors.Is(err, ErrClaims) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newHMAC(t, nil).Verify(context.Background(), sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"iss": 1, "aud": 2}), now); err != nil {
		t.Errorf("iss and aud that nobody asks for: %v", err)
	}
}

func TestHMAC_Verify_Leeway(t *testing.T) {
	h := newHMAC(t, func(c *HMACConfig) { c.Leeway = 5 * time.Second })
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		err    error
		ends   int64 // after now
	}{
		"alive":       {jwt.MapClaims{"exp": now.Unix() + 1}, nil, 1},
		"just over":   {jwt.MapClaims{"exp": now.Unix() - 4}, nil, 1},
		"over":        {jwt.MapClaims{"exp": now.Unix() - 5}, ErrExpired, 0},
		"just before": {jwt.MapClaims{"nbf": now.Unix() + 5}, nil, 60},
		"before":      {jwt.MapClaims{"nbf": now.Unix() + 6}, ErrNotYet, 0},
	} {
		id, err := h.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, secret, c.claims), now)
		if !errors.Is(err, c.err) || err == nil && id.Expires-now.Unix() != c.ends {
			t.Errorf("%s: %v, ends after %d s", name, err, id.Expires-now.Unix())
		}
	}
}

func TestHMAC_Verify_Concurrently(t *testing.T) {
	h := newHMAC(t, func(c *HMACConfig) { c.Secrets = [][]byte{other, secret} })
	var wg sync.WaitGroup
	for g := range 8 {
		user := fmt.Sprint("user", g)
		token := sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": user})
		wg.Go(func() {
			for range 200 {
				if id, err := h.Verify(context.Background(), token, now); err != nil || id.User != user {
					t.Errorf("%s: %+v, %v", user, id, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// What the caller does with its secrets afterwards does not matter.
func TestNewHMAC_CopiesSecrets(t *testing.T) {
	mine := append([]byte(nil), secret...)
	h := newHMAC(t, func(c *HMACConfig) { c.Secrets = [][]byte{mine} })
	clear(mine)
	if _, err := h.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, secret, nil), now); err != nil {
		t.Error(err)
	}
}

func TestNewHMAC_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   HMACConfig
		texts []string
	}{
		"no secret":     {HMACConfig{}, []string{"Secrets", "would be right"}},
		"empty secret":  {HMACConfig{Secrets: [][]byte{{}}, AllowShort: true}, []string{"Secrets", "empty"}},
		"short secret":  {HMACConfig{Secrets: [][]byte{secret, []byte("hunter22")}}, []string{"number 2 has 8 bytes", "at least 32"}},
		"none":          {HMACConfig{Secrets: [][]byte{secret}, Algorithms: []string{"HS256", "none"}}, []string{`"none"`, "HS256"}},
		"RS256":         {HMACConfig{Secrets: [][]byte{secret}, Algorithms: []string{"RS256"}}, []string{`"RS256"`}},
		"leeway":        {HMACConfig{Secrets: [][]byte{secret}, Leeway: -1}, []string{"Leeway"}},
		"leeway, huge":  {HMACConfig{Secrets: [][]byte{secret}, Leeway: 2 * time.Hour}, []string{"Leeway", "1h"}},
		"all of it bad": {HMACConfig{Secrets: [][]byte{[]byte("hunter22")}, Algorithms: []string{"x"}, Leeway: -1}, []string{"Secrets", "Algorithms", "Leeway"}},
	} {
		h, err := NewHMAC(c.cfg)
		if err == nil || h != nil {
			t.Errorf("%s is taken", name)
			continue
		}
		for _, text := range c.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q is not in %v", name, text, err)
			}
		}
		if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the error holds the secret: %v", name, err)
		}
	}
	short := []byte("short")
	h := newHMAC(t, func(c *HMACConfig) { c.Secrets, c.AllowShort = [][]byte{short}, true })
	if _, err := h.Verify(context.Background(), sign(t, jwt.SigningMethodHS256, short, nil), now); err != nil {
		t.Error(err)
	}
}

func FuzzHMAC_Verify(f *testing.F) {
	h := newHMAC(f, nil)
	for _, s := range []string{sign(f, jwt.SigningMethodHS256, secret, nil), "a.b.c", "", "..", "e30.e30."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := h.Verify(context.Background(), token, now); err == nil && (id.User == "" || id.Expires <= now.Unix()) {
			t.Errorf("%q is nobody's and is believed", token)
		}
	})
}
