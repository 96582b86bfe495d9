package main

import (
	"fmt"
	"strings"
)

// Config is what serve is told. What a field means, its range and its default
// stand in serveSettings under the field's name.
type Config struct {
	// Where and what.
	Config          text
	Listen          list
	Admin           text
	AdminSecret     secret
	AdminSecretFile text
	Loops           count // 0: as many as suit the machine
	Echo            toggle
	Deflate         toggle
	TrustedProxy    list
	ProxyProtocol   toggle
	Dev             toggle
	Debug           toggle
	Check           toggle

	// TLS.
	TLSCert       list `name:"tls-cert"`
	TLSKey        list `name:"tls-key"` // of each certificate, in their order
	TLSClientCA   text `name:"tls-client-ca"`
	TLSMinVersion text `name:"tls-min-version"`

	// Who may come in.
	Auth        text
	TokenCookie text
	Origin      list

	// Whose tokens are believed.
	JWTSecret     secret `name:"jwt-secret"` // the first, where there are several
	JWTSecretFile list   `name:"jwt-secret-file"`
	JWTPublicKey  list   `name:"jwt-public-key"`
	JWKSURL       text   `name:"jwks-url"`
	JWKSRefresh   span   `name:"jwks-refresh"`
	JWKSInsecure  toggle `name:"jwks-insecure"`
	JWTIssuer     text   `name:"jwt-issuer"`
	JWTAudience   text   `name:"jwt-audience"`
	JWTAlgorithms list   `name:"jwt-algorithms"` // empty: as the keys are
	JWTLeeway     span   `name:"jwt-leeway"`

	// Bounds.
	MaxMessage     size
	MaxConnections count // 0: as many as there may be open files
	MaxPerAddress  count // 0: any number
	MaxPerUser     count // 0: any number
	MaxJoined      count
	Outbox         size
	OutboxMemory   size // 0: as the memory is
	PublishMemory  size
	HistoryMemory  size
	DocumentMemory size

	// Rates; 0: any number.
	HandshakesPerSecond count
	MessagesPerSecond   count
	BytesPerSecond      size

	// Time.
	Heartbeat        span
	HeartbeatTimeout span
	HandshakeTimeout span
	DrainTimeout     span

	// Logs.
	LogFormat text
	LogLevel  text
}

// A rank says which source a value came from; the higher goes before the lower.
type rank uint8

const (
	fromDefault rank = iota
	fromFile
	fromEnv
	fromFlag
)

// An origin says where a value came from, for errors.
type origin struct {
	rank  rank
	place string // as an error begins: --listen, ROOST_LISTEN, roost.yaml:3:9: listen
}

// origins holds the origin of each setting, by name.
type origins map[string]origin

// problem makes the error for a setting, at the place where it was set.
func (o origins) problem(name, format string, args ...any) error {
	place := o[name].place
	if place == "" {
		place = "--" + name
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...))
}

// fieldFlag gives the flag's name of a Go field: MaxMessage is max-message.
func fieldFlag(field string) string {
	var b strings.Builder
	for i, r := range field {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
