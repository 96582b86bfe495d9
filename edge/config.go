package edge

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/proxyproto"
)

// Config says how a Server works. The zero value of a field means its default,
// so that Config{Auth: …} is a complete one.
type Config struct {
	// Where and what.
	Listen []string // host:port of each listener, behind tls:// where it speaks TLS. Default 127.0.0.1:8080
	Loops  int      // event loops, 1 to 64. Default: one on one or two processors, else half of GOMAXPROCS
	Echo   bool     // serve /echo
	// Deflate offers permessage-deflate (RFC 7692), each message by itself.
	Deflate bool

	// TLS is what handshakes at listeners of tls:// are made by: required where there is
	// one, and not to be changed afterwards. Its GetConfigForClient and GetCertificate are
	// asked off the loops. Versions before 1.2, cipher suites without AEAD and h2 are left out.
	TLS           *tls.Config
	TLSHandshakes int // under way at once, 1 to 65,536; others wait. Default 1,024

	// Who may come in.
	Auth        auth.Verifier // how tokens are verified; nil: nobody is asked for one
	Origins     []string      // allowed Origins, with * for any run of bytes. Default: the same host
	TokenCookie string        // a cookie that may hold the token; empty: none

	// Rooms.
	Rooms []RoomPolicy // the first match rules a room

	// Who is asked and told.
	Decider     Decider       // nil: nobody is asked
	Asks        []What        // what it is asked about: connect, join, publish
	AskTime     time.Duration // for its answer, 10 ms to 2 min. Default 2 s
	AskIdentity bool          // who a client is, the Decider alone says: it must be asked about connect, and Auth nil
	Askers      int           // questions at once, 1 to 10,000; 64 times as many may wait. Default 256
	Observer    Observer      // nil: nobody is told
	Events      []What        // what it is told of

	// Who stands between.
	TrustedProxies []string // addresses and networks (10.0.0.0/8) whose X-Forwarded-For or Forwarded is believed
	ProxyProtocol  bool     // they begin each connection with a PROXY header, and nobody else may connect

	// Rates.
	HandshakesPerSecond int   // of all clients, up to 10,000,000; past it 503. 0: any number
	MessagesPerSecond   int   // of a connection, control frames too, up to 1,000,000; past it 4004. 0: any number
	BytesPerSecond      int64 // of a connection's messages, 1 KiB to 1 GiB; past it 4004. 0: any number

	// Bounds.
	MaxPerAddress  int   // connections of a client's address at once (IPv6: of its /64), 1 to 16,777,216; 0: any number
	MaxPerUser     int   // connections of a user at once, 1 to 1,000,000; 0: any number
	MaxJoined      int   // rooms of a connection, 1 to 10,000. Default 100
	HistoryMemory  int64 // bytes of all rooms' histories, at least 64 KiB. Default 64 MiB
	DocumentMemory int64 // bytes of all rooms' documents, at least 64 KiB. Default 64 MiB
	MaxMessage     int   // bytes of a message, 125 to 64 MiB. Default 65,536
	MaxConnections int   // Default: the limit on open files less a reserve
	Outbox         int   // bytes that may wait for one connection behind the message under way, 1 KiB to 1 GiB; never less than one message. Default 64 KiB
	OutboxMemory   int64 // the same for all connections, at least 1 MiB. Default: see DefaultOutboxMemory
	PublishMemory  int64 // bytes that were published and have not gone out to every member, at least 1 MiB. Default 64 MiB
	ReadMemory     int64 // bytes of messages that have not arrived whole, at least 1 MiB. Default 256 MiB
	Verifiers      int   // tokens that are verified at once where that may take long, 1 to 1,024. Default GOMAXPROCS

	// Time.
	Heartbeat        time.Duration // silence before a ping, 1 s to 1 h. Default 25 s
	HeartbeatTimeout time.Duration // silence after it before the end, 1 s to 1 h. Default 10 s
	HandshakeTimeout time.Duration // from the accept to the whole request, 1 s to 10 min. Default 10 s
	DrainTimeout     time.Duration // for all goodbyes, 1 s to 1 h. Default 30 s

	Logger *slog.Logger // Default: none
}

// The bounds that have no field, since nobody needs them otherwise.
const (
	maxHead        = 8 << 10  // bytes of a request's header block; past it 431
	maxEarly       = 64 << 10 // bytes that a client may send while its token is verified
	maxPathRooms   = 64       // rooms that a raw stream may name
	messageTimeout = 60       // seconds from a message's first byte to its last
	retryAfter     = 5        // seconds, with 429 and 503
	minMemory      = 1 << 20  // least of each memory bound
	minKept        = 64 << 10 // least of what is kept for rooms
	envelope       = 3 << 10  // what a native message may have besides its data
	postCost       = 128      // what a publication counts for besides its bytes
	drainRate      = 1000     // goodbyes a second, where the time allows
	drainTick      = 20 * time.Millisecond
	drainNews      = 5 * time.Second // between lines of the log
)

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{"127.0.0.1:8080"}
	}
	c.Loops = cmp.Or(c.Loops, poller.DefaultLoops())
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<10)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections())
	c.Outbox = max(cmp.Or(c.Outbox, 64<<10), c.MaxMessage*4/3+envelope)
	c.OutboxMemory = cmp.Or(c.OutboxMemory, DefaultOutboxMemory())
	c.PublishMemory = cmp.Or(c.PublishMemory, 64<<20)
	c.ReadMemory = cmp.Or(c.ReadMemory, 256<<20)
	c.Verifiers = cmp.Or(c.Verifiers, defaultVerifiers())
	c.TLSHandshakes = cmp.Or(c.TLSHandshakes, 1024)
	c.AskTime = cmp.Or(c.AskTime, 2*time.Second)
	c.Askers = cmp.Or(c.Askers, 256)
	c.MaxJoined = cmp.Or(c.MaxJoined, 100)
	c.HistoryMemory = cmp.Or(c.HistoryMemory, 64<<20)
	c.DocumentMemory = cmp.Or(c.DocumentMemory, 64<<20)
	c.Heartbeat = cmp.Or(c.Heartbeat, 25*time.Second)
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, 10*time.Second)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 10*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 30*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// DefaultMaxConnections is the limit on open files less a reserve for all that
// is not a client's connection: listeners, the API, and connections that are
// told that the server is full. A Server holds no more, whatever is asked for:
// else the API would die with the clients' port.
func DefaultMaxConnections() int {
	n := poller.FileLimit()
	return max(n-reserve(n), 1)
}

// reserve is how many of n descriptors are kept back.
func reserve(n int) int { return max(min(512, n/4), min(32, n/2)) }

// overflow is how many connections past the limit may ask and be told so: half
// of the reserve.
func overflow() int { return reserve(poller.FileLimit()) / 2 }

// A FieldError says what is wrong with one field of a Config.
type FieldError struct {
	Field   string // as in the struct
	Problem string // what it is and what would be right
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Validate checks a Config; defaults are right. It joins a FieldError for each
// field that is wrong.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &FieldError{field, fmt.Sprintf(format, args...)})
	}
	number := func(field string, n, low, high int64) {
		if n < low || n > high {
			bad(field, "%d is out of range: %d to %d", n, low, high)
		}
	}
	span := func(field string, d, high time.Duration) {
		switch {
		case d < time.Second || d > high:
			bad(field, "%v is out of range: 1s to %v", d, high)
		case d%time.Second != 0:
			bad(field, "%v has a fraction: whole seconds would be right", d)
		}
	}
	number("Loops", int64(c.Loops), 1, 64)
	number("MaxMessage", int64(c.MaxMessage), 125, 64<<20)
	number("MaxConnections", int64(c.MaxConnections), 1, poller.MaxSlots)
	number("Outbox", int64(c.Outbox), 1<<10, 1<<30)
	number("OutboxMemory", c.OutboxMemory, minMemory, 1<<50)
	number("PublishMemory", c.PublishMemory, minMemory, 1<<50)
	number("ReadMemory", c.ReadMemory, minMemory, 1<<50)
	number("Verifiers", int64(c.Verifiers), 1, 1024)
	number("TLSHandshakes", int64(c.TLSHandshakes), 1, 1<<16)
	number("Askers", int64(c.Askers), 1, 10000)
	number("HandshakesPerSecond", int64(c.HandshakesPerSecond), 0, 10e6)
	number("MessagesPerSecond", int64(c.MessagesPerSecond), 0, 1e6)
	if c.BytesPerSecond != 0 {
		number("BytesPerSecond", c.BytesPerSecond, 1<<10, 1<<30)
	}
	number("MaxPerAddress", int64(c.MaxPerAddress), 0, 1<<24)
	number("MaxPerUser", int64(c.MaxPerUser), 0, 1e6)
	number("MaxJoined", int64(c.MaxJoined), 1, 10000)
	number("HistoryMemory", c.HistoryMemory, minKept, 1<<50)
	number("DocumentMemory", c.DocumentMemory, minKept, 1<<50)
	if c.TLS == nil && slices.ContainsFunc(c.Listen, poller.SpeaksTLS) {
		bad("TLS", "it is missing: Listen has an address of tls://")
	}
	c.checkHooks(bad)
	if err := checkPolicies(c.Rooms); err != nil {
		errs = append(errs, err)
	}
	span("Heartbeat", c.Heartbeat, time.Hour)
	span("HeartbeatTimeout", c.HeartbeatTimeout, time.Hour)
	span("HandshakeTimeout", c.HandshakeTimeout, 10*time.Minute)
	if c.DrainTimeout < time.Second || c.DrainTimeout > time.Hour {
		bad("DrainTimeout", "%v is out of range: 1s to 1h", c.DrainTimeout)
	}
	if _, err := proxyproto.NewTrusted(c.TrustedProxies); err != nil {
		bad("TrustedProxies", "%v", err)
	}
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		bad("ProxyProtocol", "it needs TrustedProxies: whose header would be believed?")
	}
	if _, err := auth.NewOrigins(c.Origins); err != nil {
		bad("Origins", "%v", err)
	}
	return errors.Join(errs...)
}

// checkHooks tells bad of what is wrong with who is asked and told.
func (c *Config) checkHooks(bad func(field, format string, args ...any)) {
	if c.AskTime < 10*time.Millisecond || c.AskTime > 2*time.Minute {
		bad("AskTime", "%v is out of range: 10ms to 2m", c.AskTime)
	}
	for _, w := range c.Asks {
		if w != WhatConnect && w != WhatJoin && w != WhatPublish {
			bad("Asks", "it is not asked about %v: connect, join or publish would be right", w)
		}
	}
	asked := setOf(c.Asks)
	switch {
	case asked != 0 && c.Decider == nil:
		bad("Decider", "it is missing: Asks says that it is asked")
	case c.AskIdentity && asked&(1<<WhatConnect) == 0:
		bad("AskIdentity", "it needs a Decider that is asked about connect")
	case c.AskIdentity && c.Auth != nil:
		bad("AskIdentity", "it stands together with Auth: one of the two would be right")
	}
	if len(c.Events) > 0 && c.Observer == nil {
		bad("Observer", "it is missing: Events says that it is told")
	}
}
