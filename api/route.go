package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// A route is a path and what answers it.
type route struct {
	pattern string             // as http.ServeMux reads it, without a method
	label   string             // in the metric; default: the pattern
	verbs   []verb             // in the order of the alphabet
	open    bool               // asks for no secret
	ok      prometheus.Counter // of answers with 200
}

// A verb is a method that a route serves.
type verb struct {
	method string // GET with HEAD; empty: any
	serve  http.HandlerFunc
}

func on(pattern string, verbs ...verb) *route { return &route{pattern: pattern, verbs: verbs} }

func get(serve http.HandlerFunc) verb    { return verb{http.MethodGet, serve} }
func post(serve http.HandlerFunc) verb   { return verb{http.MethodPost, serve} }
func put(serve http.HandlerFunc) verb    { return verb{http.MethodPut, serve} }
func patch(serve http.HandlerFunc) verb  { return verb{http.MethodPatch, serve} }
func remove(serve http.HandlerFunc) verb { return verb{http.MethodDelete, serve} }

// public makes a route ask for no secret.
func public(r *route) *route {
	r.open = true
	return r
}

func (s *service) routes() []*route {
	all := []*route{
		on("/v1/rooms", get(s.rooms)),
		on("/v1/rooms/{room}", get(s.room)),
		on("/v1/rooms/{room}/publish", post(s.publish)),
		on("/v1/rooms/{room}/presence", get(s.presence)),
		on("/v1/rooms/{room}/history", get(s.history)),
		on("/v1/rooms/{room}/document", get(s.document), patch(s.patchDocument), put(s.setDocument)),
		on("/v1/publish", post(s.batch)),
		on("/v1/users/{user}", get(s.user)),
		on("/v1/users/{user}/send", post(s.sendUser)),
		on("/v1/users/{user}/disconnect", post(s.disconnectUser)),
		on("/v1/connections", get(s.connections)),
		on("/v1/connections/{id}", remove(s.disconnect), get(s.connection)),
		on("/v1/closings", get(s.closings)),
		on("/v1/tickets", post(s.ticket)),
		on("/v1/drain", post(s.drain)),
		on("/v1/stats", get(s.stats)),
		on("/v1/openapi.yaml", get(description)),
		on("/metrics", get(s.metrics.ServeHTTP)),
		public(on("/healthz", get(healthz))),
		public(on("/readyz", get(s.readyz))),
		on("/page.json", get(s.page.config)),
	}
	for path, serve := range s.page.files() {
		r := public(on(path, get(serve)))
		if path == "/" {
			r.pattern, r.label = "/{$}", "/"
		}
		all = append(all, r)
	}
	if s.cfg.Debug {
		all = append(all,
			on("/debug/freemem", post(s.heap.free)),
			on("/debug/pprof/", get(profile)),
			on("/debug/pprof/symbol", verb{"", symbol}),
		)
	}
	return all
}

func (s *service) handle(r *route) *route {
	if r.label == "" {
		r.label = r.pattern
	}
	if r.label != "other" {
		r.ok = s.counted.WithLabelValues(r.label, "200")
	}
	s.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, q *http.Request) {
		a := w.(*answer)
		a.route = r
		if !r.open && !s.knows(q) {
			w.Header()["Www-Authenticate"] = challenge(q)
			fail(w, &failure{status: http.StatusUnauthorized, message: wrongSecret(q)})
			return
		}
		for _, v := range r.verbs {
			if v.method == "" || v.method == q.Method || v.method == http.MethodGet && q.Method == http.MethodHead {
				v.serve(a, q)
				return
			}
		}
		allow := r.allow()
		w.Header().Set("Allow", allow)
		fail(w, &failure{status: http.StatusMethodNotAllowed, message: fmt.Sprintf("%s is not served here: %s would be right", shorten(q.Method), allow)})
	})
	return r
}

// allow is the header Allow: the methods that the route serves.
func (r *route) allow() string {
	var names []string
	for _, v := range r.verbs {
		names = append(names, v.method)
		if v.method == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	return strings.Join(names, ", ")
}

func notFound(w http.ResponseWriter, q *http.Request) {
	fail(w, &failure{status: http.StatusNotFound, message: fmt.Sprintf("nothing is served at %q: docs/http-api.md lists all paths", shorten(q.URL.Path))})
}

// shorten keeps what a client sent from filling an answer.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
