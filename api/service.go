package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A service answers the API's requests.
type service struct {
	// Static after construction.
	cfg     Config
	edge    Edge
	mux     *http.ServeMux
	secret  [sha256.Size]byte
	page    *page
	metrics http.Handler
	counted *prometheus.CounterVec // requests by route and status
	unknown *route                 // of paths that are nobody's

	// Own locks.
	bodies bodies
	heap   heap

	// Atomic.
	panics atomic.Uint64
}

// New makes the handler of the API. Everything in cfg that is wrong comes back
// as joined *edge.FieldError.
func New(cfg Config, e Edge) (http.Handler, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuration of the API: %w", err)
	}
	s := &service{cfg: cfg, edge: e, mux: http.NewServeMux(), secret: sha256.Sum256([]byte(cfg.Secret))}
	s.bodies.limit = max(minBodyMemory, 2*int64(cfg.MaxMessage))
	var err error
	if s.page, err = newPage(cfg); err != nil {
		return nil, err
	}
	registry := newRegistry(s)
	s.metrics = newMetrics(registry, cfg.Logger)
	s.counted = newRequestCounter(registry)
	s.unknown = s.handle(&route{label: "other", pattern: "/", verbs: []verb{{"", notFound}}})
	for _, r := range s.routes() {
		s.handle(r)
	}
	return s, nil
}

// ServeHTTP answers one request, and survives it.
func (s *service) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a := &answer{ResponseWriter: w, route: s.unknown}
	defer s.finish(a, q)
	h := w.Header()
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	if f := foreign(q); f != nil {
		fail(a, f)
		return
	}
	if !tidy(q.URL.EscapedPath()) {
		// The mux would redirect it to a path that means something else.
		notFound(a, q)
		return
	}
	s.mux.ServeHTTP(a, q)
}

// tidy says whether the mux takes a path as it is.
func tidy(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") &&
		!strings.Contains(path, "/./") && !strings.Contains(path, "/../") &&
		!strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/..")
}

// finish counts a request, and turns a panic into an answer. Deferred.
func (s *service) finish(a *answer, q *http.Request) {
	if cause := recover(); cause != nil {
		if cause == http.ErrAbortHandler {
			panic(cause)
		}
		s.panics.Add(1)
		s.cfg.Logger.Error("a request failed", "route", a.route.label, "method", q.Method, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if a.status != 0 {
			s.count(a)
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		fail(a, &failure{status: http.StatusInternalServerError, message: "the server failed at this request, and has logged why"})
	}
	s.count(a)
}

func (s *service) count(a *answer) {
	switch {
	case a.status == 0 || a.status == http.StatusOK:
		if a.route.ok != nil {
			a.route.ok.Inc()
			return
		}
		s.counted.WithLabelValues(a.route.label, "200").Inc()
	default:
		s.counted.WithLabelValues(a.route.label, fmt.Sprint(a.status)).Inc()
	}
}

func healthz(w http.ResponseWriter, _ *http.Request) { text(w, "ok\n") }

func (s *service) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.edge.Ready(); err != nil {
		fail(w, &failure{status: http.StatusServiceUnavailable, message: "not ready: " + err.Error(), retry: retryGoingAway})
		return
	}
	text(w, "ready\n")
}

// seconds is a duration as a number in JSON, exact to the microsecond.
func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }
