package webhook

import (
	"net/http"
	"testing"
	"time"
)

// The value was computed by openssl: printf '1700000000.[]' | openssl dgst -sha256 -hmac s3cret
func TestSign_KnownValue(t *testing.T) {
	const want = "t=1700000000,v1=512e49db73a127cba8a4f4b6ef10cb123f09ca2f7a456f76681f1ee914c4a30c"
	if got := sign("s3cret", 1700000000, []byte("[]")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRetryAfter_SecondsAndDates(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"7":                    7 * time.Second,
		"299":                  299 * time.Second,
		"301":                  maxRetryAfter,
		"4294967295":           maxRetryAfter,
		"99999999999999999999": 0,
		"-1":                   0,
		"soon":                 0,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
		now.Add(24 * time.Hour).Format(http.TimeFormat):  maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
