package webhook

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/roostws/roost/edge"
)

// Config says what a backend is told and asked, and where it is.
type Config struct {
	// The backend.
	URL    string                                // http or https, without a user
	Secret string                                // signs what is sent; empty: nothing is signed
	TLS    *tls.Config                           // for https: where its certificate is not one that the system trusts. Nil: the system's
	Proxy  func(*http.Request) (*url.URL, error) // where it can be reached through a proxy alone. Nil: none is used

	// What it is told and asked. One of the two is not empty.
	Events []edge.What
	Asks   []edge.What // connect, join, publish

	// Where it does not answer.
	Timeout  time.Duration // for one question, and for one batch of events, 10 ms to 1 min. Default 2 s
	Allow    bool          // what is asked is allowed where the backend gives no answer; else it is refused
	Queue    int           // events that may wait, 100 to 1,000,000: more where it may be away for longer. Default 10,000
	MaxBytes int64         // bytes of them, 64 KiB to 1 TiB. Default 16 MiB
	Batch    int           // events of one POST at most, 1 to 1,000: fewer where it takes long for each. Default 100

	Logger *slog.Logger // Default: none
}

// The bounds that have no field, since nobody needs them otherwise.
const (
	maxAnswer     = 64 << 10               // bytes of an answer that are read
	maxHeader     = 16 << 10               // bytes of an answer's header block
	maxBatchBytes = 1 << 20                // of the events of one POST, but one always goes
	maxAsks       = 1024                   // questions under way; the next wait for one of them
	idleAsks      = 256                    // connections that are kept for the next question
	batchWait     = 50 * time.Millisecond  // for more events, after the first of a batch
	firstRetry    = 100 * time.Millisecond // after the first failure, doubled with each
	lastRetry     = 30 * time.Second       // the longest of these
	maxRetryAfter = 5 * time.Minute        // the longest that a backend may ask for
	afterEnd      = 3 * time.Second        // beside Timeout, for what is left when Run is to end
	logEvery      = 10 * time.Second       // between two lines in the log of the same kind
	maxCode       = 64                     // bytes of a refusal's code
	maxText       = 500                    // bytes of its message

	// idleTime is shorter than the 5 s after which Node.js closes a connection
	// (v20, server.keepAliveTimeout), so that a request seldom meets its close.
	idleTime = 4 * time.Second
)

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(c.Timeout, 2*time.Second)
	c.Queue = cmp.Or(c.Queue, 10_000)
	c.MaxBytes = cmp.Or(c.MaxBytes, 16<<20)
	c.Batch = cmp.Or(c.Batch, 100)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate joins an edge.FieldError for each field that is wrong.
func (c Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &edge.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	number := func(field string, n, low, high int64) {
		if n < low || n > high {
			bad(field, "%d is out of range: %d to %d", n, low, high)
		}
	}
	// The URL itself is not shown: a secret may stand in it.
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		bad("URL", "it is missing: http://127.0.0.1:3000/roost would be right")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "":
		bad("URL", "it is not where a backend is: http://127.0.0.1:3000/roost would be right")
	case u.User != nil:
		bad("URL", "it has a user: the secret, which signs what is sent, would be right")
	}
	if len(c.Events) == 0 && len(c.Asks) == 0 {
		bad("Events", "there is nothing to tell and nothing to ask: one of Events and Asks is needed")
	}
	for _, w := range c.Events {
		if w > edge.WhatVacated {
			bad("Events", "%d is no event", w)
		}
	}
	for _, w := range c.Asks {
		switch {
		case w > edge.WhatVacated:
			bad("Asks", "%d is no event", w)
		case !asked(w):
			bad("Asks", "%v cannot be asked: connect, join and publish can", w)
		}
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute {
		bad("Timeout", "%v is out of range: 10ms to 1m", c.Timeout)
	}
	number("Queue", int64(c.Queue), 100, 1_000_000)
	number("MaxBytes", c.MaxBytes, 64<<10, 1<<40)
	number("Batch", int64(c.Batch), 1, 1000)
	return errors.Join(errs...)
}

// asks are what can be asked. Their place is that of their figures.
var asks = [...]edge.What{edge.WhatConnect, edge.WhatJoin, edge.WhatPublish}

func asked(w edge.What) bool {
	for _, a := range asks {
		if a == w {
			return true
		}
	}
	return false
}
