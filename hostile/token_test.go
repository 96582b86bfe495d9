package hostile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Secrets of the servers under attack.
const (
	jwtSecret   = "a secret of at least thirty-two bytes"
	adminSecret = "another-secret-of-at-least-32-bytes"
)

type claims map[string]any

// token is a good token of a user, with other claims beside.
func token(sub string, more claims) string {
	all := claims{"sub": sub, "exp": time.Now().Add(time.Hour).Unix(), "rooms": []string{"*"}, "publish": []string{"*"}}
	for k, v := range more {
		all[k] = v
	}
	return signed(claims{"alg": "HS256", "typ": "JWT"}, all, jwtSecret)
}

// signed is a token with any header and claims, signed with HMAC-SHA256.
func signed(header, all any, secret string) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(all)
	return seal(string(h), string(c), secret)
}

func seal(header, body, secret string) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(body))
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(text))
	return text + "." + enc.EncodeToString(mac.Sum(nil))
}
