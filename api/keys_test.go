package api

import (
	"strings"
	"testing"

	"github.com/roostws/roost/auth"
)

// The series of keys are there where there are keys, and only there.
func TestMetrics_Keys(t *testing.T) {
	keys, err := auth.NewKeys(auth.KeysConfig{Secrets: [][]byte{[]byte(strings.Repeat("s", 32)), []byte(strings.Repeat("t", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, with := range []bool{true, false} {
		cfg := Config{}
		if with {
			cfg.Keys = keys
		}
		text := ask(t, "GET", serve(t, cfg, &recorder{}).URL+"/metrics", "").body
		for _, series := range []string{"roost_jwt_keys 2", "roost_jwks_age_seconds 0", "roost_jwks_refreshes_total 0", "roost_jwks_failures_total 0", "roost_jwt_unknown_keys_total 0"} {
			if strings.Contains(text, series) != with {
				t.Errorf("keys %v: %s", with, series)
			}
		}
	}
}
