package edge

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
)

func presenceServer(t testing.TB) *fixture {
	return serve(t, Config{Auth: hmac(t), Loops: 2, Rooms: []RoomPolicy{{Match: "p.*", Presence: true}}}, nil)
}

func anyone(user string) auth.Identity {
	return auth.Identity{User: user, Rooms: auth.Patterns{"*"}, Publish: auth.Patterns{"*"}, Info: fmt.Appendf(nil, `{"name":%q}`, user)}
}

// nextOf gives the next message of a type.
func (c *client) nextOf(kind string) obj {
	c.t.Helper()
	m := c.next()
	if m["type"] != kind {
		c.t.Fatalf("got %v, expected %s", m, kind)
	}
	return m
}

// usersOf gives the users of a list of members.
func usersOf(list any) (names []string) {
	for _, m := range list.([]any) {
		names = append(names, fmt.Sprint(m.(obj)["user"]))
	}
	return names
}

func TestNative_Presence_TellsOfUsers(t *testing.T) {
	t.Parallel()
	f := presenceServer(t)
	a := f.as(anyone("a"))
	if m := a.ask(`{"type":"join","id":1,"room":"p.x","presence":true}`); m["count"] != 1.0 {
		t.Errorf("joined %v", m)
	}
	m := a.nextOf("presence")
	if fmt.Sprint(usersOf(m["joined"]), m["left"], m["count"]) != "[a] [] 1" || m["room"] != "p.x" {
		t.Errorf("itself: %v", m)
	}
	tabs := []*client{f.as(anyone("b")), f.as(anyone("b")), f.as(anyone("b"))}
	for _, c := range tabs {
		c.join("p.x")
	}
	raw := f.dial("/rooms/p.x", "Authorization", "Bearer "+token(t, anyone("c")))
	seen := obj{}
	for len(seen) < 2 {
		m = a.nextOf("presence")
		for _, u := range usersOf(m["joined"]) {
			if seen[u] != nil {
				t.Errorf("%s joined twice", u)
			}
			seen[u] = true
		}
	}
	if m["count"] != 3.0 || seen["b"] == nil || seen["c"] == nil {
		t.Errorf("%v, %v", seen, m)
	}
	m = a.ask(`{"type":"presence","id":2,"room":"p.x"}`)
	if m["count"] != 3.0 || m["connections"] != 5.0 || len(m["members"].([]any)) != 5 || m["next"] != nil {
		t.Errorf("presence %v", m)
	}
	who := m["members"].([]any)[0].(obj)
	if who["conn"] == "" || who["info"] == nil {
		t.Errorf("a member %v", who)
	}

	// A user is there until the last tab has left.
	tabs[0].ask(`{"type":"leave","id":3,"room":"p.x"}`)
	_ = tabs[1].CloseNow()
	f.until("two have left", func() bool { _, n := f.presence.Count("p.x"); return n == 3 })
	tabs[2].ask(`{"type":"leave","id":3,"room":"p.x"}`)
	m = a.nextOf("presence")
	if fmt.Sprint(usersOf(m["left"]), m["joined"], m["count"]) != "[b] [] 2" {
		t.Errorf("the last tab: %v", m)
	}
	_ = raw.CloseNow() // without a word: it may come back
	began := time.Now()
	m = a.nextOf("presence")
	if fmt.Sprint(usersOf(m["left"]), m["count"]) != "[c] 1" || time.Since(began) < 4*time.Second {
		t.Errorf("after %v: %v", time.Since(began), m)
	}
}

// Joining again with presence is how a member begins to be told.
func TestNative_Presence_JoinAgain(t *testing.T) {
	f := presenceServer(t)
	a := f.as(anyone("a"))
	a.join("p.x")
	if m := a.ask(`{"type":"join","id":1,"room":"p.x","presence":true}`); m["count"] != 1.0 {
		t.Errorf("joined %v", m)
	}
	f.as(anyone("b")).join("p.x")
	for m := a.nextOf("presence"); !strings.Contains(fmt.Sprint(m["joined"]), "user:b"); m = a.nextOf("presence") {
	}
}

// Who comes back within the grace was never away.
func TestNative_Presence_Reconnect(t *testing.T) {
	t.Parallel()
	f := presenceServer(t)
	a, b := f.as(anyone("a")), f.as(anyone("b"))
	b.join("p.x")
	a.ask(`{"type":"join","id":1,"room":"p.x","presence":true}`)
	a.nextOf("presence")
	_ = b.CloseNow()
	f.until("it is gone", func() bool { _, n := f.presence.Count("p.x"); return n == 1 })
	f.as(anyone("b")).join("p.x")
	time.Sleep(7 * time.Second) // longer than the grace and a fold
	a.silent()
	if users, conns := f.presence.Count("p.x"); users != 2 || conns != 2 {
		t.Errorf("%d users with %d connections", users, conns)
	}
}

func TestNative_Presence_Pages(t *testing.T) {
	f := presenceServer(t)
	for i := range 25 {
		f.as(anyone(fmt.Sprintf("u%d", i))).join("p.x")
	}
	a := f.as(anyone("a"))
	for _, limit := range []int{1, 2, 5, 7, 24, 25, 26} { // some end where a loop's members do
		seen, after := map[string]bool{}, ""
		for more := true; more; more = after != "" {
			page, err := f.Presence(t.Context(), "p.x", after, limit)
			if err != nil || len(page.Members) > limit {
				t.Fatalf("by %d: %v, %v", limit, page, err)
			}
			for _, m := range page.Members {
				seen[m.User] = true
			}
			after = page.Next
		}
		if len(seen) != 25 {
			t.Errorf("by %d: %d users", limit, len(seen))
		}
	}
	seen := map[string]bool{}
	after, pages := "", 0
	for {
		m := a.ask(`{"type":"presence","id":1,"room":"p.x","limit":10,"after":%q}`, after)
		if m["type"] != "presence" {
			t.Fatal(m)
		}
		for _, u := range usersOf(m["members"]) {
			seen[u] = true
		}
		pages++
		if m["next"] == nil {
			break
		}
		after = m["next"].(string)
	}
	if len(seen) != 25 || pages != 3 {
		t.Errorf("%d users on %d pages", len(seen), pages)
	}
	a.say(`{"type":"presence","id":1,"room":"p.x","after":"nonsense"}`)
	a.hearsError(native.BadRequest, "after")
	a.say(`{"type":"presence","id":1,"room":"other"}`)
	a.hearsError(native.NotFound, "no presence")
	if m := a.ask(`{"type":"join","id":1,"room":"other","presence":true}`); m["type"] != "joined" || m["count"] != nil {
		t.Errorf("a room without presence: %v", m)
	}
	b := f.as(auth.Identity{User: "b"})
	b.say(`{"type":"presence","id":1,"room":"p.x"}`)
	b.hearsError(native.Forbidden, "")
	if _, err := f.Presence(t.Context(), "p.x", "9.0.1", 10); !errors.Is(err, ErrNotFound) {
		t.Errorf("a page of no loop: %v", err)
	}
}

// Without tokens each connection is somebody of its own.
func TestNative_Presence_Anonymous(t *testing.T) {
	t.Parallel()
	f := serve(t, Config{Rooms: []RoomPolicy{{Match: "*", Presence: true}}}, nil)
	a, b := f.native(), f.native()
	a.ask(`{"type":"join","id":1,"room":"r","presence":true}`)
	b.join("r") // behind a, who may else come after it was told of
	for got := 0; got < 2; {
		m := a.nextOf("presence")
		got += len(m["joined"].([]any))
	}
	_ = b.CloseNow()
	m := a.nextOf("presence") // there is no grace for who cannot come back
	if left := m["left"].([]any); len(left) != 1 || left[0].(obj)["conn"] != b.welcome["conn"] || m["count"] != 1.0 {
		t.Errorf("%v", m)
	}
}

// In a room where everybody watches, 200 come and, two seconds later, go: how many
// messages does that cost each member, and how long does a bystander's ping wait?
func BenchmarkPresence_HugeRoom(b *testing.B) {
	f := presenceServer(b)
	const members = 5000
	for i := range members {
		c := f.upgrade("/ws", "Authorization: Bearer "+token(b, anyone(fmt.Sprintf("u%d", i)))+"\r\n")
		c.send(masked(1, `{"type":"join","room":"p.x","presence":true}`))
		go func() { _, _ = io.Copy(io.Discard, c.r) }()
	}
	f.until("all are there", func() bool { _, n := f.presence.Count("p.x"); return n == members })
	quiet := func() (n uint64) { // when nothing has been delivered for longer than a fold
		for last := time.Now(); time.Since(last) < 1500*time.Millisecond; time.Sleep(50 * time.Millisecond) {
			if d := f.Stats().Delivered; d != n {
				n, last = d, time.Now()
			}
		}
		return n
	}
	bystander := f.as(anyone("z"))
	guests := make([]*client, 200)
	var longest time.Duration
	before := quiet()
	b.ResetTimer()
	for range b.N {
		for i := range guests {
			guests[i] = f.as(anyone(fmt.Sprintf("guest%d", i)))
			guests[i].join("p.x")
		}
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			began := time.Now()
			bystander.silent()
			longest = max(longest, time.Since(began))
		}
		for _, c := range guests {
			c.ask(`{"type":"leave","id":1,"room":"p.x"}`)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(quiet()-before)/float64(b.N)/members, "messages/member")
	b.ReportMetric(longest.Seconds()*1000, "ms/longest-ping")
}
