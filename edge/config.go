package edge

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
)

// Config says how a Server works. The zero value of a field means its default,
// so that Config{Auth: …} is a complete one.
type Config struct {
	// Where and what.
	Listen []string // host:port of each listener. Default 127.0.0.1:8080
	Loops  int      // event loops, 1 to 64. Default: one on one or two processors, else half of GOMAXPROCS
	Echo   bool     // serve /echo

	// Who may come in.
	Auth        auth.Verifier // how tokens are verified; nil: nobody is asked for one
	Origins     []string      // allowed Origins, with * for any run of bytes. Default: the same host
	TokenCookie string        // a cookie that may hold the token; empty: none

	// Bounds.
	MaxMessage     int   // bytes of a message, 125 to 64 MiB. Default 65,536
	MaxConnections int   // Default: the limit on open files less a reserve
	Outbox         int   // bytes that may wait for one connection behind the message under way, 1 KiB to 1 GiB; never less than one message. Default 64 KiB
	OutboxMemory   int64 // the same for all connections, at least 1 MiB. Default 256 MiB
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
	retryAfter     = 5        // seconds, with 503
	minMemory      = 1 << 20  // least of each memory bound
	postCost       = 128      // what a publication counts for besides its bytes
	drainRate      = 1000     // goodbyes a second, where the time allows
	drainTick      = 20 * time.Millisecond
)

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{"127.0.0.1:8080"}
	}
	c.Loops = cmp.Or(c.Loops, poller.DefaultLoops())
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<10)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections())
	c.Outbox = max(cmp.Or(c.Outbox, 64<<10), c.MaxMessage+16)
	c.OutboxMemory = cmp.Or(c.OutboxMemory, 256<<20)
	c.PublishMemory = cmp.Or(c.PublishMemory, 64<<20)
	c.ReadMemory = cmp.Or(c.ReadMemory, 256<<20)
	c.Verifiers = cmp.Or(c.Verifiers, defaultVerifiers())
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
	span("Heartbeat", c.Heartbeat, time.Hour)
	span("HeartbeatTimeout", c.HeartbeatTimeout, time.Hour)
	span("HandshakeTimeout", c.HandshakeTimeout, 10*time.Minute)
	if c.DrainTimeout < time.Second || c.DrainTimeout > time.Hour {
		bad("DrainTimeout", "%v is out of range: 1s to 1h", c.DrainTimeout)
	}
	if _, err := auth.NewOrigins(c.Origins); err != nil {
		bad("Origins", "%v", err)
	}
	return errors.Join(errs...)
}
