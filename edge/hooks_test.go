package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
)

// A judge decides and remembers.
type judge struct {
	mu     sync.Mutex
	asked  []*Question
	events []*Event
	decide func(q *Question) (Decision, error)
}

func (j *judge) Decide(ctx context.Context, q *Question) (Decision, error) {
	j.mu.Lock()
	j.asked = append(j.asked, q)
	decide := j.decide
	j.mu.Unlock()
	if decide == nil {
		return Decision{Allow: true}, nil
	}
	return decide(q)
}

func (j *judge) Event(e *Event) {
	j.mu.Lock()
	j.events = append(j.events, e)
	j.mu.Unlock()
}

// last is the question that was asked last.
func (j *judge) last() *Question {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked[len(j.asked)-1]
}

// words gives the events since the last call: what, user, room, reason.
func (j *judge) words() (list []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		list = append(list, strings.TrimRight(fmt.Sprint(e.What, " ", e.User, " ", e.Room, " ", e.Reason), " "))
	}
	j.events = nil
	return list
}

var allAsks = []What{WhatConnect, WhatJoin, WhatPublish}
var allEvents = []What{WhatConnect, WhatDisconnect, WhatJoin, WhatLeave, WhatPublish, WhatOccupied, WhatVacated}

func TestServer_Observer_HearsAllInOrder(t *testing.T) {
	j := &judge{}
	f := serve(t, Config{Auth: hmac(t), Loops: 1, Observer: j, Events: allEvents}, nil)
	a := f.as(anyone("a"))
	a.join("r")
	raw := f.dial("/rooms/r", "Authorization", "Bearer "+token(t, anyone("b")))
	a.ask(`{"type":"publish","id":1,"room":"r","data":{"x":1}}`)
	say(t, raw, "text")
	a.next()
	_ = raw.CloseNow()
	f.until("it is gone", func() bool { return f.directory.Members("r") == 1 })
	a.ask(`{"type":"leave","id":1,"room":"r"}`)
	_ = a.Close(1000, "")
	f.until("all have gone", func() bool { return f.Stats().Connections == 0 })
	f.until("all is told", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.events) == 12 })
	j.mu.Lock()
	p := j.events[5]
	if string(p.Data) != `{"x":1}` || !p.JSON || p.Binary || p.Offset != 1 || p.Epoch == "" || p.Conn != a.welcome["conn"] {
		t.Errorf("a publish %+v", p)
	}
	if c := j.events[0]; !c.Remote.Addr().IsLoopback() || c.Path != "/ws" || c.Time.IsZero() {
		t.Errorf("a connect %+v", c)
	}
	j.mu.Unlock()
	want := []string{"connect a", "join a r", "occupied  r", "connect b", "join b r", "publish a r", "publish b r", "leave b r", "disconnect b  lost",
		"leave a r", "vacated  r", "disconnect a  client"}
	if got := j.words(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestServer_Decider_Connect(t *testing.T) {
	j := &judge{decide: func(q *Question) (Decision, error) {
		switch {
		case q.Token == "sesame":
			return Decision{Allow: true, Identity: &auth.Identity{User: "a", Rooms: auth.Patterns{"a.*"}, Publish: auth.Patterns{"a.*"}, Info: []byte(`{"n":1}`), Expires: time.Now().Add(time.Hour).Unix()}}, nil
		case q.Token == "guest":
			return Decision{Allow: true}, nil
		case q.Token == "busy":
			return Decision{Code: "rate_limited", Message: "later"}, nil
		case q.Token == "broken":
			return Decision{}, errors.New("no answer")
		case q.Token == "panic":
			panic("at the disco")
		}
		return Decision{Code: "unauthorized", Message: "who are you"}, nil
	}}
	f := serve(t, Config{Decider: j, Asks: []What{WhatConnect}, AskIdentity: true}, nil)
	for tok, status := range map[string]int{"": 401, "busy": 429, "broken": 503, "panic": 503} {
		_, resp, err := f.try("/ws?token=" + tok)
		if err == nil || resp.StatusCode != status {
			t.Errorf("%q: %v, %v; expected %d", tok, resp, err, status)
		}
	}
	c := &client{Conn: f.dial("/ws?x=1&token=sesame&ticket=", "Origin", "http://"+f.addr, "User-Agent", "test/1"), t: t}
	if m := c.next(); m["user"] != "a" || m["expires"] == nil {
		t.Errorf("welcome %v", m)
	}
	c.join("a.x")
	c.say(`{"type":"join","id":1,"room":"b"}`)
	c.hearsError(native.Forbidden, "")
	q := j.last()
	if q.What != WhatConnect || q.Path != "/ws" || q.Query != "x=1" || q.Origin == "" || q.UserAgent != "test/1" || !q.Remote.IsValid() || q.Host == "" {
		t.Errorf("asked %+v", q)
	}
	if m := c.ask(`{"type":"refresh","id":1,"token":"sesame"}`); m["type"] != "refreshed" || m["expires"] == nil {
		t.Errorf("refresh %v", m)
	}
	c.say(`{"type":"refresh","id":1,"token":"guest"}`)
	c.hearsError(native.Unauthorized, "another user")
	c.say(`{"type":"refresh","id":1,"token":"nonsense"}`)
	c.hearsError(native.Unauthorized, "who are you")
	c.say(`{"type":"refresh","id":1,"token":"broken"}`)
	c.hearsError(native.Unavailable, "could not be asked")
	guest := &client{Conn: f.dial("/ws?token=guest"), t: t}
	guest.next()
	guest.say(`{"type":"join","id":1,"room":"a.x"}`)
	guest.hearsError(native.Forbidden, "")
	if _, resp, err := f.try("/rooms/b?token=sesame"); err == nil || resp.StatusCode != 403 {
		t.Errorf("a raw stream of another's room: %v, %v", resp, err)
	}
	say(t, f.dial("/rooms/a.x?token=sesame"), "hello")
	c.hears(fmt.Sprintf(`{"type":"message","room":"a.x","offset":1,"data":"hello","from":{"user":"a","conn":%q,"info":{"n":1}}}`, j.last().Conn))
	counts := fmt.Sprint(f.Stats().Asked)
	if counts != "[{allowed 6} {denied 3} {failed 3}]" {
		t.Errorf("asked %s", counts)
	}
}

// What the Decider makes of a token holds after a refresh, too.
func TestServer_Decider_Connect_NarrowsRefresh(t *testing.T) {
	j := &judge{decide: func(q *Question) (Decision, error) {
		if q.User == "banned" {
			return Decision{Code: "forbidden", Message: "go away"}, nil
		}
		return Decision{Allow: true, Identity: &auth.Identity{User: q.User, Rooms: auth.Patterns{"chat.1"}}}, nil
	}}
	f := serve(t, Config{Auth: hmac(t), Decider: j, Asks: []What{WhatConnect}}, nil)
	id := anyone("a")
	id.Expires = time.Now().Add(time.Hour).Unix()
	c := f.as(id)
	if c.welcome["expires"] != float64(id.Expires) {
		t.Errorf("the token's end: %v", c.welcome)
	}
	id.Expires += 60
	if m := c.ask(`{"type":"refresh","id":1,"token":%q}`, token(t, id)); m["type"] != "refreshed" || m["expires"] != float64(id.Expires) {
		t.Errorf("got %v", m)
	}
	c.join("chat.1")
	c.say(`{"type":"join","id":1,"room":"secret"}`)
	c.hearsError(native.Forbidden, "")
	if _, resp, err := f.try("/ws", "Authorization", "Bearer "+token(t, anyone("banned"))); err == nil || resp.StatusCode != 403 {
		t.Errorf("who is refused: %v, %v", resp, err)
	}
}

func TestServer_Decider_JoinAndPublish(t *testing.T) {
	gate, again := make(chan struct{}), make(chan struct{})
	j := &judge{decide: func(q *Question) (Decision, error) {
		switch {
		case q.Room == "slow":
			<-gate
		case q.Room == "slow-again":
			<-again
		case q.Room == "no":
			return Decision{Code: "not_found", Message: "there is no such room"}, nil
		case q.What == WhatPublish && string(q.Data) == `"bad"`, q.What == WhatPublish && string(q.Data) == "bad":
			return Decision{}, nil
		}
		return Decision{Allow: true}, nil
	}}
	f := serve(t, Config{Decider: j, Asks: allAsks, Loops: 1}, nil)
	a, b := f.native(), f.native()
	a.say(`{"type":"join","id":1,"room":"no"}`)
	a.hearsError(native.NotFound, "no such room")
	a.join("r")
	a.say(`{"type":"publish","id":1,"room":"r","data":"bad"}`)
	a.hearsError(native.Forbidden, "not allowed")
	if m := a.ask(`{"type":"publish","id":1,"room":"r","data":"good"}`); m["type"] != "published" {
		t.Errorf("got %v", m)
	}
	// While the one waits for its answer all else goes on; what it says meanwhile waits.
	a.say(`{"type":"join","id":2,"rooms":["slow","r2"]}`)
	for i := range 100 {
		a.say(`{"type":"publish","id":%d,"room":"r","data":"good"}`, 10+i)
	}
	f.until("it waits", func() bool { return f.Stats().Parked == 1 })
	b.join("r")
	b.ask(`{"type":"publish","id":1,"room":"r","data":"good"}`)
	if resp, err := http.Get("http://" + f.addr + "/healthz"); err != nil || resp.StatusCode != 200 {
		t.Errorf("others wait: %v", err)
	}
	if n, _ := f.Room("r"); n.Offset != 2 {
		t.Errorf("what was said behind a command that waits was done: %+v", n)
	}
	close(gate)
	a.next() // b's message
	for _, room := range []string{"slow", "r2"} {
		if m := a.next(); m["type"] != "joined" || m["room"] != room {
			t.Errorf("got %v", m)
		}
	}
	for i := range 100 {
		if m := a.next(); m["type"] != "published" || m["id"] != float64(10+i) {
			t.Fatalf("got %v", m)
		}
	}

	// A raw stream: the room is asked about before 101, and each message.
	if _, resp, err := f.try("/rooms/no"); err == nil || resp.StatusCode != 404 {
		t.Errorf("a room that is refused: %v, %v", resp, err)
	}
	raw := f.dial("/rooms/r3?echo=1")
	say(t, raw, "good")
	want(t, raw, "good")
	say(t, raw, "bad")
	wantClose(t, raw, 1008)

	// Who goes away while it waits is no trouble.
	c := f.native()
	c.say(`{"type":"join","id":1,"room":"slow-again"}`)
	f.until("it waits", func() bool { return f.Stats().Parked == 1 })
	_ = c.CloseNow()
	f.until("it is gone", func() bool { return f.Stats().Connections == 2 })
	close(again)
	f.until("nothing waits", func() bool { return f.Stats().Parked == 0 })
}

// More questions than may wait are refused, and the clients hear it.
func TestServer_Decider_TooManyQuestions(t *testing.T) {
	gate := make(chan struct{})
	j := &judge{decide: func(q *Question) (Decision, error) {
		if q.What == WhatJoin {
			<-gate
		}
		return Decision{Allow: true}, nil
	}}
	f := serve(t, Config{Decider: j, Asks: []What{WhatJoin}, Askers: 1, Loops: 1}, nil)
	var clients []*client
	for range 1 + tasksPerWorker {
		c := f.native()
		c.say(`{"type":"join","id":1,"room":"r"}`)
		clients = append(clients, c)
	}
	f.until("all wait", func() bool { return f.askers.waiting() == 1+tasksPerWorker })
	c := f.native()
	c.say(`{"type":"join","id":1,"room":"r"}`)
	c.hearsError(native.Unavailable, "too much")
	if _, resp, err := f.try("/rooms/r"); err == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a handshake: %v, %v", resp, err)
	}
	close(gate)
	for _, c := range clients {
		c.nextOf("joined")
	}
}
