package main

import (
	"context"
	"fmt"
	"time"

	"github.com/roostws/roost/auth"
)

// keys say which tokens are believed, and how one is made.
type keys struct {
	secret     string
	algorithms []string
	issuer     string
	audience   string
	leeway     time.Duration
	allowShort bool
}

// verifier makes what verifies tokens.
func (k keys) verifier() (*auth.HMAC, error) {
	return auth.NewHMAC(auth.HMACConfig{
		Secrets:    [][]byte{[]byte(k.secret)},
		Algorithms: k.algorithms,
		Issuer:     k.issuer,
		Audience:   k.audience,
		Leeway:     k.leeway,
		AllowShort: k.allowShort,
	})
}

// mint makes a token and tries it on v: what serve would refuse is told at once.
// Serve itself does so at its start, for a token that nobody gets.
func (k keys) mint(v *auth.HMAC, id auth.Identity, now time.Time) (string, error) {
	token, err := auth.Mint([]byte(k.secret), k.algorithms[0], id, k.issuer, k.audience)
	if err == nil {
		_, err = v.Verify(context.Background(), token, now)
	}
	if err != nil {
		return "", fmt.Errorf("make a token that serve would take: %w", err)
	}
	return token, nil
}
