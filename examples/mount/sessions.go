package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/roostws/roost/auth"
)

const (
	cookieName  = "todo_session"
	sessionTime = 12 * time.Hour
	maxSessions = 10000
)

// sessions are who has logged in: the service had them before there was roost. To
// roost they are an auth.Verifier, whose tokens are the cookie's values.
type sessions struct {
	mu     sync.Mutex
	byName map[string]session
}

type session struct {
	user string
	ends time.Time
}

func newSessions() *sessions { return &sessions{byName: make(map[string]session)} }

// Inline says that a look into a map is quick enough for an event loop. A look into
// a database is not: with false, Verify runs elsewhere and may take its time.
func (s *sessions) Inline() bool { return true }

// Verify tells roost who brings a cookie, and which rooms that user may join. The
// connection ends when the session does.
func (s *sessions) Verify(_ context.Context, token string, now time.Time) (auth.Identity, error) {
	is, ok := s.find(token, now)
	if !ok {
		return auth.Identity{}, auth.ErrExpired
	}
	return auth.Identity{User: is.user, Expires: is.ends.Unix(), Rooms: auth.Patterns{room(shared), room(is.user)}}, nil
}

func (s *sessions) find(name string, now time.Time) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, ok := s.byName[name]
	return is, ok && now.Before(is.ends)
}

// of is who sent a request to the service itself; empty: nobody has logged in.
func (s *sessions) of(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	is, ok := s.find(c.Value, time.Now())
	if !ok {
		return ""
	}
	return is.user
}

var validUser = regexp.MustCompile(`^[a-z]{1,20}$`)

// login begins a session. It says false where there are too many.
func (s *sessions) login(w http.ResponseWriter, user string) bool {
	name, now := rand.Text(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, is := range s.byName {
		if !now.Before(is.ends) {
			delete(s.byName, old)
		}
	}
	if len(s.byName) >= maxSessions {
		return false
	}
	s.byName[name] = session{user, now.Add(sessionTime)}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(sessionTime.Seconds())})
	return true
}

// logout ends all sessions of a user.
func (s *sessions) logout(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, is := range s.byName {
		if is.user == user {
			delete(s.byName, name)
		}
	}
}
