package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
)

// A client speaks the native protocol.
type client struct {
	*websocket.Conn
	t       testing.TB
	welcome obj
}

type obj = map[string]any

func (f *fixture) native(header ...string) *client {
	f.t.Helper()
	c := &client{Conn: f.dial("/ws", header...), t: f.t}
	c.welcome = c.next()
	if c.welcome["type"] != "welcome" {
		f.t.Fatalf("first came %v", c.welcome)
	}
	return c
}

func (f *fixture) as(id auth.Identity) *client {
	f.t.Helper()
	return f.native("Authorization", "Bearer "+token(f.t, id))
}

func (c *client) text() string {
	c.t.Helper()
	b, err := read(c.t, c.Conn)
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return b
}

func (c *client) next() (m obj) {
	c.t.Helper()
	text := c.text()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
	return m
}

func (c *client) say(format string, args ...any) {
	c.t.Helper()
	say(c.t, c.Conn, fmt.Sprintf(format, args...))
}

// ask sends a command and gives the answer, which must come next.
func (c *client) ask(format string, args ...any) obj {
	c.t.Helper()
	c.say(format, args...)
	return c.next()
}

// hears expects a message, word for word.
func (c *client) hears(text string) {
	c.t.Helper()
	if got := c.text(); got != text {
		c.t.Fatalf("got  %s\nwant %s", got, text)
	}
}

// hearsError expects an error.
func (c *client) hearsError(code native.Code, words string) obj {
	c.t.Helper()
	m := c.next()
	if m["type"] != "error" || m["code"] != string(code) || !strings.Contains(fmt.Sprint(m["message"]), words) {
		c.t.Fatalf("got %v, expected %s %q", m, code, words)
	}
	return m
}

// silent says that nothing has come: a ping is answered next.
func (c *client) silent() {
	c.t.Helper()
	c.say(`{"type":"ping"}`)
	c.hears(`{"type":"pong"}`)
}

func (c *client) join(room string) obj {
	c.t.Helper()
	m := c.ask(`{"type":"join","id":1,"room":%q}`, room)
	if m["type"] != "joined" {
		c.t.Fatalf("join %s: %v", room, m)
	}
	return m
}

func TestNative_Welcome(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), Heartbeat: 20 * time.Second}, nil)
	expires := time.Now().Add(time.Hour).Unix()
	bearer := "Authorization: Bearer " + token(t, auth.Identity{User: "alice", Expires: expires}) + "\r\n"
	for offered, chosen := range map[string]string{"other, roost.v1.json": "roost.v1.json", "other": "", "": ""} {
		c := f.raw()
		header := bearer
		if offered != "" {
			header += "Sec-WebSocket-Protocol: " + offered + "\r\n"
		}
		c.send(ask("/ws", header))
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Protocol") != chosen {
			t.Fatalf("offered %q: %v, %v", offered, resp, err)
		}
		_, b, err := c.frame()
		want := fmt.Sprintf(`{"type":"welcome","conn":%q,"user":"alice","expires":%d,"heartbeat":20000}`, resp.Header.Get("Roost-Connection"), expires)
		if err != nil || string(b) != want {
			t.Errorf("got  %s, %v\nwant %s", b, err, want)
		}
	}
}

func TestNative_JoinPublishLeave(t *testing.T) {
	f := serve(t, Config{}, nil)
	a, b := f.native(), f.native()
	raw := f.dial("/rooms/r")
	ja, jb := a.join("r"), b.join("r")
	if ja["epoch"] == "" || ja["offset"] != 0.0 || ja["recovered"] != false || ja["epoch"] != jb["epoch"] {
		t.Errorf("joined %v, %v", ja, jb)
	}
	m := a.ask(`{"type":"publish","id":2,"room":"r","data":{"x": [1, "y"]},"key":"k"}`)
	if m["type"] != "published" || m["id"] != 2.0 || m["offset"] != 1.0 || m["epoch"] != ja["epoch"] || m["room"] != "r" {
		t.Errorf("published %v", m)
	}
	b.hears(fmt.Sprintf(`{"type":"message","room":"r","offset":1,"data":{"x": [1, "y"]},"from":{"conn":%q},"key":"k"}`, a.welcome["conn"]))
	want(t, raw, `{"x": [1, "y"]}`)
	a.say(`{"type":"publish","room":"r","data":"text","echo":true}`)
	a.hears(fmt.Sprintf(`{"type":"message","room":"r","offset":2,"data":"text","from":{"conn":%q}}`, a.welcome["conn"]))
	want(t, raw, "text")
	a.say(`{"type":"publish","room":"r","base64":"AP8="}`)
	want(t, raw, "\x00\xff")
	b.next()
	b.hears(fmt.Sprintf(`{"type":"message","room":"r","offset":3,"base64":"AP8=","from":{"conn":%q}}`, a.welcome["conn"]))
	f.publish("r", `plain`)
	a.hears(`{"type":"message","room":"r","offset":4,"data":"plain"}`)
	b.hears(`{"type":"message","room":"r","offset":4,"data":"plain"}`)
	f.publish("r", `{"json":true}`)
	a.hears(`{"type":"message","room":"r","offset":5,"data":{"json":true}}`)
	b.next()
	if _, err := f.Publish("r", Message{Data: []byte("12"), String: true}); err != nil {
		t.Fatal(err)
	}
	a.hears(`{"type":"message","room":"r","offset":6,"data":"12"}`)
	b.next()
	if m := a.ask(`{"type":"leave","id":9,"room":"r"}`); m["type"] != "left" || m["id"] != 9.0 || m["room"] != "r" {
		t.Errorf("left %v", m)
	}
	f.publish("r", "not for a")
	b.next()
	a.silent()
}

func TestNative_Join_Several(t *testing.T) {
	f := serve(t, Config{MaxJoined: 3}, nil)
	c := f.native()
	c.say(`{"type":"join","id":7,"rooms":["a","b!","c"]}`)
	for _, room := range []string{"a", "", "c"} {
		if room == "" {
			if m := c.hearsError(native.BadRequest, "room name"); m["id"] != 7.0 || m["room"] != "b!" {
				t.Errorf("%v", m)
			}
			continue
		}
		if m := c.next(); m["type"] != "joined" || m["room"] != room || m["id"] != 7.0 {
			t.Errorf("joined %v, expected %s", m, room)
		}
	}
	c.join("d")
	c.say(`{"type":"join","id":8,"room":"e"}`)
	c.hearsError(native.Forbidden, "at most 3 rooms")
	c.join("d") // it is there already
	c.say(`{"type":"leave","id":9,"rooms":["a","c"]}`)
	c.next()
	c.next()
	c.join("e")
	for _, room := range []string{"a", "c", "d", "e"} {
		f.publish(room, room)
	}
	c.hears(`{"type":"message","room":"d","offset":1,"data":"d"}`)
	c.hears(`{"type":"message","room":"e","offset":1,"data":"e"}`)
}

func TestNative_Rights(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), Rooms: []RoomPolicy{{Match: "news.*", Services: true}}}, nil)
	c := f.as(auth.Identity{User: "a", Rooms: auth.Patterns{"chat.*", "news.*"}, Publish: auth.Patterns{"chat.a", "news.*"}, Info: []byte(`{"name":"A"}`)})
	other := f.as(auth.Identity{User: "b", Rooms: auth.Patterns{"*"}})
	c.join("chat.a")
	c.join("news.x")
	other.join("chat.a")
	c.say(`{"type":"join","id":1,"room":"secret"}`)
	c.hearsError(native.Forbidden, "joining")
	c.say(`{"type":"publish","id":1,"room":"chat.b","data":1}`)
	c.hearsError(native.Forbidden, "publishing")
	c.say(`{"type":"publish","room":"news.x","data":1}`)
	if m := c.hearsError(native.Forbidden, "publishing"); m["id"] != nil {
		t.Errorf("an id: %v", m)
	}
	c.say(`{"type":"publish","room":"chat.a","data":1}`)
	other.hears(fmt.Sprintf(`{"type":"message","room":"chat.a","offset":1,"data":1,"from":{"user":"a","conn":%q,"info":{"name":"A"}}}`, c.welcome["conn"]))
	other.say(`{"type":"publish","id":1,"room":"chat.a","data":1}`)
	other.hearsError(native.Forbidden, "publishing")
	raw := f.dial("/rooms/news.x", "Authorization", "Bearer "+token(t, auth.Identity{User: "a", Rooms: auth.Patterns{"*"}, Publish: auth.Patterns{"*"}}))
	say(t, raw, "no")
	wantClose(t, raw, 1008)
}

func TestNative_BadCommands(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.native()
	for range 3 {
		for range maxBad - 1 {
			c.say("{nonsense")
			if m := c.hearsError(native.BadRequest, "JSON"); m["id"] != nil {
				t.Errorf("%v", m)
			}
		}
		c.say(`{"type":"shout","id":5}`) // a command, if a bad one
		if m := c.hearsError(native.BadRequest, "shout"); m["id"] != 5.0 {
			t.Errorf("%v", m)
		}
	}
	for range maxBad {
		c.say("[]")
	}
	wantClose(t, c.Conn, 1008)
	f.until("it is counted", func() bool { return f.closed(ReasonMalformed) == 1 })
}

func TestNative_Binary_IsNoCommand(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.native()
	if err := c.Write(context.Background(), websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.hearsError(native.BadRequest, "JSON")
}

func TestNative_Recovery(t *testing.T) {
	f := serve(t, Config{Rooms: []RoomPolicy{{Match: "none", History: &History{}}, {Match: "three", History: &History{Size: 3, TTL: time.Minute}}}}, nil)
	c := f.native()
	epoch := c.join("r")["epoch"]
	for i := range 5 {
		f.publish("r", fmt.Sprint(i+1))
		f.publish("three", fmt.Sprint(i+1))
		f.publish("none", fmt.Sprint(i+1))
		c.next()
	}
	other := f.native()
	since := func(room string, epoch any, offset int) obj {
		t.Helper()
		m := other.ask(`{"type":"join","id":1,"room":%q,"since":{"epoch":%q,"offset":%d}}`, room, epoch, offset)
		other.ask(`{"type":"leave","id":1,"room":%q}`, room)
		return m
	}
	m := since("r", epoch, 2)
	if fmt.Sprint(m["recovered"], m["offset"], m["messages"]) != "true 5 [map[data:3 offset:3 room:r type:message] map[data:4 offset:4 room:r type:message] map[data:5 offset:5 room:r type:message]]" {
		t.Errorf("recovered %v", m)
	}
	if m := since("r", epoch, 5); m["recovered"] != true || len(m["messages"].([]any)) != 0 {
		t.Errorf("nothing was missed: %v", m)
	}
	for _, m := range []obj{since("r", "other", 2), since("r", epoch, 6), since("unknown", epoch, 0)} {
		if m["recovered"] != false || m["messages"] != nil {
			t.Errorf("recovered what cannot be: %v", m)
		}
	}
	three := f.native().join("three")["epoch"]
	if m := since("three", three, 1); m["recovered"] != false {
		t.Errorf("one is missing: %v", m)
	}
	if m := since("three", three, 2); m["recovered"] != true || len(m["messages"].([]any)) != 3 {
		t.Errorf("none is missing: %v", m)
	}
	none := f.native().join("none")["epoch"]
	if m := since("none", none, 4); m["recovered"] != false {
		t.Errorf("nothing is kept: %v", m)
	}
	if m := since("none", none, 5); m["recovered"] != true {
		t.Errorf("nothing was missed: %v", m)
	}
}

func TestNative_Refresh(t *testing.T) {
	t.Parallel()
	f := serve(t, Config{Auth: hmac(t)}, nil)
	now := time.Now()
	c := f.as(auth.Identity{User: "a", Expires: now.Add(3 * time.Second).Unix(), Rooms: auth.Patterns{"*"}})
	c.join("one")
	c.join("two")
	m := c.next()
	if m["type"] != "expiring" || int64(m["expires"].(float64)) != now.Add(3*time.Second).Unix() {
		t.Fatalf("got %v", m)
	}
	c.say(`{"type":"refresh","id":1,"token":%q}`, token(t, auth.Identity{User: "b", Expires: now.Add(time.Hour).Unix()}))
	c.hearsError(native.Unauthorized, "another user")
	c.say(`{"type":"refresh","id":1,"token":"x.y.z"}`)
	c.hearsError(native.Unauthorized, "")
	later := now.Add(time.Hour).Unix()
	m = c.ask(`{"type":"refresh","id":2,"token":%q}`, token(t, auth.Identity{User: "a", Expires: later, Rooms: auth.Patterns{"one"}, Publish: auth.Patterns{"one"}}))
	if m["type"] != "refreshed" || m["id"] != 2.0 || int64(m["expires"].(float64)) != later {
		t.Fatalf("got %v", m)
	}
	c.hears(`{"type":"left","room":"two"}`)
	f.publish("two", "no")
	if m := c.ask(`{"type":"publish","id":3,"room":"one","data":1}`); m["type"] != "published" {
		t.Errorf("the new rights: %v", m)
	}
	time.Sleep(time.Until(now.Add(4 * time.Second)))
	c.silent()

	short := f.as(auth.Identity{User: "a", Expires: time.Now().Add(2 * time.Second).Unix()})
	if m := short.next(); m["type"] != "expiring" {
		t.Fatalf("got %v", m)
	}
	wantClose(t, short.Conn, 4001)
}

func TestNative_Users(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), MaxPerUser: 2, Loops: 2}, nil)
	id := auth.Identity{User: "päul/1", Rooms: auth.Patterns{"*"}}
	one, two := f.as(id), f.as(id)
	raw := f.dial("/rooms/r", "Authorization", "Bearer "+token(t, auth.Identity{User: "b", Rooms: auth.Patterns{"*"}}))
	if _, resp, err := f.try("/ws", "Authorization", "Bearer "+token(t, id)); err == nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a third connection: %v, %v", resp, err)
	}
	if n, err := f.SendUser(id.User, Message{Data: []byte(`{"a":1}`)}); n != 2 || err != nil {
		t.Errorf("sent to %d, %v", n, err)
	}
	one.hears(`{"type":"message","data":{"a":1}}`)
	two.hears(`{"type":"message","data":{"a":1}}`)
	if n, err := f.SendUser("b", Message{Data: []byte("x")}); n != 1 || err != nil {
		t.Errorf("sent to %d, %v", n, err)
	}
	want(t, raw, "x")
	if n, err := f.SendUser("nobody", Message{Data: []byte("x")}); n != 0 || err != nil {
		t.Errorf("sent to %d, %v", n, err)
	}
	if _, err := f.SendUser("", Message{}); err != ErrUser {
		t.Error(err)
	}
	one.join("r")
	list, err := f.User(t.Context(), id.User)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	names := map[string]bool{f.ConnName(list[0].ID): true, f.ConnName(list[1].ID): true}
	if !names[one.welcome["conn"].(string)] || !names[two.welcome["conn"].(string)] {
		t.Errorf("connections %v", names)
	}
	if n, err := f.DisconnectUser(id.User, true); n != 2 || err != nil {
		t.Errorf("disconnected %d, %v", n, err)
	}
	wantClose(t, one.Conn, 4002)
	wantClose(t, two.Conn, 4002)
	if n, err := f.DisconnectUser("b", false); n != 1 || err != nil {
		t.Errorf("disconnected %d, %v", n, err)
	}
	wantClose(t, raw, 4502)
	f.until("they are gone", func() bool { return f.users.len() == 0 })
	f.as(id)
	closings, _, err := f.Closings(ClosingFilter{User: id.User, Reason: "disconnected"}, "", 10)
	if err != nil || len(closings) != 2 || closings[0].Code != 4002 || closings[0].By != "api" {
		t.Errorf("closings %+v, %v", closings, err)
	}
}

func TestNative_Send(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.native()
	id, _ := f.ParseConn(c.welcome["conn"].(string))
	if err := f.Send(id, Message{Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	c.hears(`{"type":"message","data":"hello"}`)
}
