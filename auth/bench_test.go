package auth

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// What golang-jwt makes of a token is most of it: 8 allocations are its signature's.
func TestHMAC_Verify_Allocs(t *testing.T) {
	h := newHMAC(t, nil)
	hs := jwt.SigningMethodHS256
	many := strings.Split(strings.Repeat("pattern.* ", MaxPatterns), " ")[:MaxPatterns]
	for name, c := range map[string]struct {
		token string
		most  float64
	}{
		"small":     {sign(t, hs, secret, nil), 14},
		"full":      {sign(t, hs, secret, jwt.MapClaims{"rooms": many, "publish": many, "info": 1}), 20},
		"forged":    {sign(t, hs, other, jwt.MapClaims{"rooms": many}), 10},
		"garbage":   {strings.Repeat("x", MaxToken), 0},
		"too long":  {strings.Repeat("x", MaxToken+1), 0},
		"no token":  {"", 0},
		"no header": {"..", 3},
	} {
		n := testing.AllocsPerRun(100, func() { _, _ = h.Verify(context.Background(), c.token, now) })
		if n > c.most {
			t.Errorf("%s: %v allocations; at most %v", name, n, c.most)
		}
	}
}

func BenchmarkHMAC_Verify(b *testing.B) {
	many := make([]string, MaxPatterns)
	for i := range many {
		many[i] = fmt.Sprint("team.", i, ".*")
	}
	hs := jwt.SigningMethodHS256
	for _, c := range []struct {
		name, token string
		ok          bool
	}{
		{"small", sign(b, hs, secret, nil), true},
		{"full", sign(b, hs, secret, jwt.MapClaims{"rooms": many, "publish": many, "info": map[string]any{"name": "Alice"}}), true},
		{"forged", sign(b, hs, other, jwt.MapClaims{"rooms": many, "publish": many}), false},
		{"garbage", strings.Repeat("x", MaxToken), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHMAC(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Verify(context.Background(), c.token, now); (err == nil) != c.ok {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a handshake's token costs by algorithm: one over it is handshakes a second that
// one processor verifies.
func BenchmarkKeys_Verify(b *testing.B) {
	for _, alg := range Algorithms() {
		b.Run(alg, func(b *testing.B) {
			cfg := KeysConfig{Algorithms: []string{alg}, Secrets: [][]byte{secret}}
			if !known[alg].secret {
				cfg.Secrets, cfg.PublicKeys = nil, [][]byte{publicPEM(b, keyFor(alg).(crypto.Signer))}
			}
			k, token := newKeys(b, cfg), signKid(b, alg, keyFor(alg), nil, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Verify(context.Background(), token, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
		})
	}
}

// Keys of secrets alone cost what HMAC does.
func TestKeys_Verify_Allocs(t *testing.T) {
	k, h := newKeys(t, KeysConfig{Secrets: [][]byte{secret}}), newHMAC(t, nil)
	token := sign(t, jwt.SigningMethodHS256, secret, nil)
	if a, b := testing.AllocsPerRun(100, func() { _, _ = k.Verify(context.Background(), token, now) }),
		testing.AllocsPerRun(100, func() { _, _ = h.Verify(context.Background(), token, now) }); a > b {
		t.Errorf("%v allocations; HMAC has %v", a, b)
	}
}
