package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/roostws/roost/edge"
)

const (
	shared   = "shared" // the list that is everybody's; each user has another, by the user's name
	maxLists = 1000
	maxItems = 100
	maxText  = 200
)

// An item is one thing to do.
type item struct {
	Text string `json:"text"`
	Done bool   `json:"done"`
}

// A list is what the service keeps; the room's document is its copy for clients.
type list struct {
	Items   []item `json:"items"`
	version uint64 // of the document; 0: there is none yet
}

// A service is the to-do list.
type service struct {
	who  *sessions
	push *edge.Server
	log  *slog.Logger

	mu    sync.Mutex // also held while a change is pushed: so clients hear of changes in their order
	lists map[string]*list
}

func newService(who *sessions, push *edge.Server, log *slog.Logger) *service {
	return &service{who: who, push: push, log: log, lists: make(map[string]*list)}
}

// room is where those are who have a list open.
func room(list string) string { return "list." + list }

//go:embed page.html
var page []byte

func (s *service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.forUser(s.logout))
	mux.HandleFunc("GET /me", s.forUser(s.me))
	mux.HandleFunc("GET /lists/{list}", s.forList(s.show))
	mux.HandleFunc("POST /lists/{list}/items", s.forList(s.add))
	mux.HandleFunc("POST /lists/{list}/items/{n}/done", s.forList(s.done))
	return mux
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	user := r.PostFormValue("name")
	switch {
	case !validUser.MatchString(user) || user == shared:
		http.Error(w, "a name of 1 to 20 small letters would be right", http.StatusBadRequest)
	case !s.who.login(w, user):
		http.Error(w, "too many sessions", http.StatusServiceUnavailable)
	default:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// logout ends the sessions first: who is disconnected cannot come back with one.
func (s *service) logout(w http.ResponseWriter, r *http.Request, user string) {
	s.who.logout(user)
	if _, err := s.push.DisconnectUser(user, false); err != nil {
		s.log.Error("a user who logged out stays connected", "user", user, "error", err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *service) me(w http.ResponseWriter, _ *http.Request, user string) {
	writeJSON(w, map[string]string{"user": user, "push": s.push.Addrs()[0].String()})
}

func (s *service) show(w http.ResponseWriter, _ *http.Request, name, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[name]
	if l == nil {
		l = &list{Items: []item{}}
	}
	writeJSON(w, l)
}

func (s *service) add(w http.ResponseWriter, r *http.Request, name, user string) {
	text := r.PostFormValue("text")
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[name]
	switch {
	case text == "" || len(text) > maxText:
		http.Error(w, fmt.Sprintf("a text of 1 to %d bytes would be right", maxText), http.StatusBadRequest)
		return
	case l == nil && len(s.lists) >= maxLists, l != nil && len(l.Items) >= maxItems:
		http.Error(w, "there is too much to do already", http.StatusConflict)
		return
	case l == nil:
		l = new(list)
		s.lists[name] = l
	}
	l.Items = append(l.Items, item{Text: text})
	s.changed(name, l, user, "added "+text, operation{"add", "/items/-", item{Text: text}})
	w.WriteHeader(http.StatusCreated)
}

func (s *service) done(w http.ResponseWriter, r *http.Request, name, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lists[name]
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || l == nil || n < 0 || n >= len(l.Items) {
		http.NotFound(w, r)
		return
	}
	l.Items[n].Done = true
	s.changed(name, l, user, "did "+l.Items[n].Text, operation{"replace", fmt.Sprintf("/items/%d/done", n), true})
	w.WriteHeader(http.StatusNoContent)
}

// An operation is one of a JSON Patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// changed tells those who have the list open. S.mu is held. Where roost cannot take it, the
// list is changed all the same: the next change brings the whole document.
func (s *service) changed(name string, l *list, user, what string, op operation) {
	var err error
	if l.version > 0 {
		patch, _ := json.Marshal([]operation{op})
		l.version, err = s.push.PatchDocument(room(name), l.version, patch)
	}
	if l.version == 0 {
		whole, _ := json.Marshal(l)
		l.version, err = s.push.SetDocument(room(name), whole)
	}
	// A line for people besides. Onlookers need not have it: the document says it all.
	line, _ := json.Marshal(map[string]string{"by": user, "did": what})
	_, err2 := s.push.Publish(room(name), edge.Message{Data: line})
	if err = errors.Join(err, err2); err != nil {
		s.log.Warn("a change was not pushed", "list", name, "error", err)
	}
}

// forUser lets those in who have logged in.
func (s *service) forUser(h func(w http.ResponseWriter, r *http.Request, user string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user := s.who.of(r)
		if user == "" {
			http.Error(w, "POST /login with a name first", http.StatusUnauthorized)
			return
		}
		h(w, r, user)
	}
}

// forList lets those in who may see a list.
func (s *service) forList(h func(w http.ResponseWriter, r *http.Request, list, user string)) http.HandlerFunc {
	return s.forUser(func(w http.ResponseWriter, r *http.Request, user string) {
		name := r.PathValue("list")
		if name != shared && name != user {
			http.NotFound(w, r)
			return
		}
		h(w, r, name, user)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
