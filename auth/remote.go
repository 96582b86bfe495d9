package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"time"
)

// How the key server is asked. A key that a token is the first to name is found at the
// latest after a request that just began and one that is the next: with a server that
// fails, fetchTime + maxPause, which is below ten seconds.
const (
	fetchTime  = 4 * time.Second // for a whole answer
	minPause   = time.Second     // between two requests at least, however many tokens ask
	maxPause   = 5 * time.Second // the same while the server fails
	maxBackoff = time.Minute     // between two requests while it fails and no token asks
	maxWait    = time.Second     // that a token waits for an answer
)

const maxSetHeader = 16 << 10 // bytes of the answer's header

// A remote is a key server and what it said last.
//
// It is not jwkset's own client, nor keyfunc's (jwkset v0.11.4, storage.go and http.go):
// there every token with an unknown key waits for a turn to make a request of its own,
// whose answer may be of any size, and one key that is wrong loses all.
type remote struct {
	// Static after construction.
	source source
	shown  string // the URL as a log has it
	client *http.Client
	log    *slog.Logger
	most   int32         // tokens that may wait at once
	asked  chan struct{} // of one element: a token wants an answer

	// Atomic.
	state   atomic.Pointer[answers]
	begun   atomic.Uint64 // requests
	waiting atomic.Int32

	// Counters. Atomic.
	refreshes, failures, unknown atomic.Uint64
}

// answers are what came of the requests so far. They do not change.
type answers struct {
	keys     []key         // of the last right answer
	at       time.Time     // when the last request ended
	refresh  time.Time     // when the last right answer came
	round    uint64        // the number of the last request
	failures int           // in a row
	next     chan struct{} // closed once these are not the last any more
}

// A source is what a remote is told. It was checked.
type source struct {
	url      string
	interval time.Duration
	allow    algorithms
	named    bool // the configuration names the algorithms: a key cannot bring its own
}

// newRemote makes the remote of a source. Before its first right answer it has the keys
// of before, which may be nil: a key server that does not answer locks nobody out.
func newRemote(s source, log *slog.Logger, before *remote) *remote {
	r := &remote{
		source: s, shown: withoutQuery(s.url), log: log, asked: make(chan struct{}, 1),
		// Half of the pool that verifies, as edge makes it by default, is left to those
		// whose keys are known.
		most: int32(max(1, runtime.GOMAXPROCS(0)/2)),
		client: &http.Client{
			Timeout: fetchTime,
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: fetchTime}).DialContext,
				TLSHandshakeTimeout:    fetchTime,
				MaxConnsPerHost:        1,
				MaxIdleConns:           1,
				IdleConnTimeout:        time.Minute,
				MaxResponseHeaderBytes: maxSetHeader,
				DisableCompression:     true,
			},
			// A redirect could lead from https to http, or into the own network.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	first := &answers{next: make(chan struct{})}
	if before != nil {
		was := before.state.Load()
		first.refresh = was.refresh
		for _, k := range was.keys {
			if s.named {
				k.fits &= s.allow
			}
			if k.fits != 0 {
				first.keys = append(first.keys, k)
			}
		}
		if before.source.url == s.url {
			first.at = was.at
		}
		r.refreshes.Store(before.refreshes.Load())
		r.failures.Store(before.failures.Load())
		r.unknown.Store(before.unknown.Load())
	}
	r.state.Store(first)
	return r
}

// withoutQuery is a URL for a log: its query may hold a secret.
func withoutQuery(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}

// signed says by nil that one of the keys made a signature. A token whose key is not
// known has the server asked, and waits for the answer as far as ctx and others allow:
// that no key is the right one is said only of an answer that was asked for since.
func (r *remote) signed(ctx context.Context, t *trial) error {
	want := r.begun.Load() + 1
	for first := true; ; first = false {
		a := r.state.Load()
		named, ok := t.by(a.keys)
		switch {
		case ok:
			return nil
		case named:
			if t.kid == "" { // it may be of a key that is new, and has no name either
				r.ask()
			}
			return ErrSignature
		case first:
			r.unknown.Add(1)
		}
		if a.round >= want && a.failures == 0 {
			return errUnknownKey
		}
		r.ask()
		if !r.wait(ctx, a) {
			return errUndecided
		}
	}
}

// ask has the server be asked once the pause allows.
func (r *remote) ask() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// wait waits until there are newer answers than a. It says false where there are none
// in time: at once where ctx has no deadline, since an event loop does not wait, where
// enough others wait, where the server fails, and within the pause.
func (r *remote) wait(ctx context.Context, a *answers) bool {
	if _, ok := ctx.Deadline(); !ok || a.failures > 0 || a.round > 0 && time.Since(a.at) < minPause {
		return a != r.state.Load()
	}
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > r.most {
		return false
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-a.next:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// run asks the server now and then until ctx ends or another remote has its place.
func (r *remote) run(ctx context.Context, replaced <-chan struct{}) {
	defer r.client.CloseIdleConnections()
	if !sleep(ctx, replaced, nil, minPause-time.Since(r.state.Load().at)) {
		return
	}
	for {
		a := r.turn(ctx)
		pause, rest := minPause, r.source.interval-rand.N(r.source.interval/10)
		if a.failures > 0 {
			pause = min(minPause<<min(a.failures-1, 10), maxPause)
			rest = min(minPause<<min(a.failures-1, 10), maxBackoff, r.source.interval)
		}
		if !sleep(ctx, replaced, nil, pause) || !sleep(ctx, replaced, r.asked, rest-pause) {
			return
		}
	}
}

// sleep sleeps for d, or until early has something. It says false where it is over.
func sleep(ctx context.Context, replaced, early <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-replaced:
		return false
	case <-early:
	case <-timer.C:
	}
	return true
}

// turn makes one request and puts what came of it in force.
func (r *remote) turn(ctx context.Context) *answers {
	round := r.begun.Add(1)
	select {
	case <-r.asked: // by who asked before: this is the answer
	default:
	}
	before := r.state.Load()
	a := &answers{keys: before.keys, refresh: before.refresh, round: round, failures: before.failures + 1, next: make(chan struct{})}
	keys, skipped, err := r.load(ctx)
	a.at = time.Now()
	switch {
	case err == nil:
		a.keys, a.refresh, a.failures = keys, a.at, 0
		r.refreshes.Add(1)
		r.tell(before, a, skipped)
	case ctx.Err() == nil:
		r.failures.Add(1)
		if a.failures&(a.failures-1) == 0 { // the first, second, fourth in a row, and so on
			r.log.Warn("cannot fetch the keys of tokens: those that are known stay in force", "url", r.shown, "error", err, "keys", len(a.keys), "failures", a.failures)
		}
	}
	r.state.Store(a)
	close(before.next)
	return a
}

// tell logs what is new.
func (r *remote) tell(before, a *answers, skipped error) {
	if before.refresh.IsZero() || before.failures > 0 || !sameKeys(before.keys, a.keys) {
		r.log.Info("fetched the keys of tokens", "url", r.shown, "keys", len(a.keys))
		if skipped != nil {
			r.log.Warn("not all keys can be used", "url", r.shown, "error", skipped)
		}
	}
}

// load gets the keys. Skipped says why some are left out.
func (r *remote) load(ctx context.Context) (keys []key, skipped, err error) {
	body, err := r.fetch(ctx)
	if err == nil {
		keys, skipped, err = parseSet(body, r.source.allow, !r.source.named)
	}
	if err == nil && len(keys) == 0 {
		err = errors.New("the answer holds no key")
		if skipped != nil {
			err = fmt.Errorf("the answer holds no key that can be used: %w", skipped)
		}
	}
	return keys, skipped, err
}

// fetch asks the server once. The error holds neither the URL nor the answer.
func (r *remote) fetch(ctx context.Context) (body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.source.url, nil)
	if err != nil {
		return nil, errors.New("the URL is none")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := r.client.Do(req)
	if err != nil {
		var whole *url.Error
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d: 200 would be right; redirects are not followed", res.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxSet+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer ends early: %w", err)
	case len(body) > maxSet:
		return nil, fmt.Errorf("the answer is too large: at most %d bytes would be right", maxSet)
	}
	return body, nil
}
