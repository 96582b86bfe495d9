package api

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/roostws/roost/edge"
)

// Config says what is served, and to whom. The zero value is a complete one.
type Config struct {
	// What is served.
	MaxMessage int    // bytes of a message, 125 to 64 MiB, as the Edge has it; larger is 413. Default 65,536
	Debug      bool   // serve /debug: for one who looks for a leak or a hot spot
	Version    string // shown by /v1/stats, /page.json and roost_build_info

	// What else has metrics.
	Webhooks Webhooks     // nil: none
	Keys     Keys         // nil: none
	Certs    Certificates // nil: none

	// Drain begins to end the server: its clients are sent away evenly over a time, or
	// within its own where that is 0. False: it drains already. Nil: it is not served.
	Drain func(over time.Duration) bool

	// Who is let in.
	Secret string // what Authorization: Bearer must bring; empty: nobody is asked

	// The demo.
	Dev       bool   // tell the page where clients connect, and with which token
	DevToken  string // empty: clients need none
	ClientURL string // ws://HOST:PORT, required with Dev

	Logger *slog.Logger // Default: none
}

// The bounds that have no field.
const (
	maxBatch       = 16 << 20 // bytes of a batch's body
	maxBatchItems  = 1000
	minBodyMemory  = 64 << 20 // bytes of all bodies that are being read or published
	maxKeptBuffer  = 1 << 20  // a larger one is not kept for the next body
	maxScrapes     = 4        // requests for metrics at once
	maxTicketBody  = 64 << 10 // bytes of what a ticket is asked for with
	maxDrainBody   = 4 << 10  // bytes of what a drain is asked for with
	maxPage        = 1000     // items of a list in one answer
	defaultPage    = 100
	askTime        = 5 * time.Second // for the loops to tell of connections
	retryOverload  = 1               // seconds, with 503 while too much waits
	retryGoingAway = 5               // seconds, with 503 while the server is not ready
	retryFull      = 5               // seconds, with 503 while tickets or documents have no room
)

func (c Config) withDefaults() Config {
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<10)
	c.Version = cmp.Or(c.Version, "dev")
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate joins an edge.FieldError for each field that is wrong.
func (c Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &edge.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if c.MaxMessage < 125 || c.MaxMessage > 64<<20 {
		bad("MaxMessage", "%d is out of range: 125 to %d", c.MaxMessage, 64<<20)
	}
	if !visible(c.Secret) {
		bad("Secret", "it has a byte that cannot stand in a header: visible ASCII characters would be right")
	}
	if c.Dev {
		if _, err := parseClientURL(c.ClientURL); err != nil {
			bad("ClientURL", "%v", err)
		}
	}
	return errors.Join(errs...)
}

// visible says whether s has only characters that can stand in a bearer token.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func parseClientURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not where a client connects: ws://127.0.0.1:8080 would be right", s)
	}
	return u, nil
}
