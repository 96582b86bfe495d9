package edge

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
)

func TestServer_Ticket(t *testing.T) {
	t.Parallel()
	f := serve(t, Config{Auth: hmac(t)}, nil)
	id := auth.Identity{User: "a", Rooms: auth.Patterns{"r"}}
	name, expires, err := f.Ticket(id, time.Minute)
	if err != nil || time.Until(expires) < 50*time.Second {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ok, refused := make(chan struct{}, 100), make(chan struct{}, 100)
	for range 100 {
		wg.Go(func() {
			c := f.raw()
			c.send(ask("/ws?ticket=" + name))
			switch status, _ := c.status(); status {
			case 101:
				ok <- struct{}{}
			case 401:
				refused <- struct{}{}
			}
		})
	}
	wg.Wait()
	if len(ok) != 1 || len(refused) != 99 {
		t.Errorf("%d were let in and %d refused", len(ok), len(refused))
	}
	name, _, _ = f.Ticket(id, time.Second)
	time.Sleep(1100 * time.Millisecond)
	if _, resp, err := f.try("/ws?ticket=" + name); err == nil || resp.StatusCode != 401 {
		t.Errorf("an old ticket: %v, %v", resp, err)
	}
	name, _, _ = f.Ticket(id, time.Minute)
	c := &client{Conn: f.dial("/ws?ticket=" + name), t: t}
	if m := c.next(); m["user"] != "a" || m["expires"] != nil {
		t.Errorf("welcome %v", m)
	}
	c.join("r")
	c.say(`{"type":"join","id":1,"room":"x"}`)
	c.hearsError(native.Forbidden, "")
	if _, _, err := f.Ticket(auth.Identity{}, time.Minute); !errors.Is(err, auth.ErrClaims) {
		t.Error(err)
	}
	if _, _, err := f.Ticket(id, 0); err == nil {
		t.Error("a ticket for no time")
	}
}

func TestServer_MaxMembers(t *testing.T) {
	f := serve(t, Config{Loops: 2, Rooms: []RoomPolicy{{Match: "small", MaxMembers: 3}}}, nil)
	a, b := f.native(), f.native()
	a.join("small")
	b.join("small")
	raw := f.dial("/rooms/small")
	c := f.native()
	c.say(`{"type":"join","id":1,"room":"small"}`)
	c.hearsError(native.Unavailable, "as many members")
	if _, resp, err := f.try("/rooms/other?rooms=small"); err == nil || resp.StatusCode != 503 {
		t.Errorf("a raw stream: %v, %v", resp, err)
	}
	if n := f.directory.Members("other"); n != 0 {
		t.Errorf("%d members of a room that nobody got into", n)
	}
	_ = raw.CloseNow()
	f.until("there is room", func() bool { return f.directory.Members("small") == 2 })
	c.join("small")
}

func TestServer_Lists(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), Loops: 2}, nil)
	for i := range 12 {
		c := f.as(anyone(fmt.Sprintf("u%d", i)))
		c.join(fmt.Sprintf("room.%d", i))
		c.join("all")
	}
	seen := map[string]int{}
	for after, more := "", true; more; more = after != "" {
		list, next, err := f.Rooms("room.", after, 5)
		if err != nil || len(list) > 5 {
			t.Fatal(list, err)
		}
		for _, r := range list {
			seen[r.Room] = r.Members
		}
		after = next
	}
	if len(seen) != 12 || seen["room.3"] != 1 {
		t.Errorf("rooms %v", seen)
	}
	if r, err := f.Room("all"); r.Members != 12 || r.Epoch == "" || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := f.Room("no room"); err != ErrRoom {
		t.Error(err)
	}
	conns := map[ConnID]ConnInfo{}
	for after, more := "", true; more; more = after != "" {
		list, next, err := f.Connections(t.Context(), after, 5)
		if err != nil || len(list) > 5 {
			t.Fatal(list, err)
		}
		for _, c := range list {
			conns[c.ID] = c
		}
		after = next
	}
	if len(conns) != 12 {
		t.Errorf("%d connections", len(conns))
	}
	for id, c := range conns {
		if c.Kind != "native" || len(c.Rooms) != 2 || c.Rooms[1] != "all" || !c.Remote.IsValid() || !strings.HasPrefix(c.User, "u") || len(c.Info) == 0 {
			t.Errorf("%+v", c)
		}
		one, err := f.Connection(t.Context(), id)
		if err != nil || one.User != c.User {
			t.Errorf("%+v, %v", one, err)
		}
		if err := f.Disconnect(id, false); err != nil {
			t.Error(err)
		}
	}
	f.until("they are gone", func() bool { return f.Stats().Connections == 0 })
	for id := range conns {
		if _, err := f.Connection(t.Context(), id); err != ErrNotFound {
			t.Errorf("one that is gone: %v", err)
		}
	}
	total := 0
	for after, more := "", true; more; more = after != "" {
		list, next, err := f.Closings(ClosingFilter{Reason: "disconnected"}, after, 5)
		if err != nil || len(list) > 5 {
			t.Fatal(list, err)
		}
		total += len(list)
		after = next
	}
	if total != 12 {
		t.Errorf("%d closings", total)
	}
	f.publish("h", "one")
	f.publish("h", `{"two":2}`)
	page, err := f.History("h", 0, 1)
	if err != nil || len(page.Messages) != 1 || string(page.Messages[0].Data) != "one" || page.Offset != 2 || !page.Whole {
		t.Errorf("%+v, %v", page, err)
	}
	if page, _ = f.History("h", 1, 10); len(page.Messages) != 1 || page.Messages[0].Offset != 2 {
		t.Errorf("%+v", page)
	}
}

func TestServer_Publish_Once(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.native()
	c.join("r")
	first, err := f.Publish("r", Message{Data: []byte("1"), Once: "k"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Publish("r", Message{Data: []byte("1"), Once: "k"})
	if err != nil || again != first {
		t.Errorf("a repeat: %v, %v", again, err)
	}
	f.publish("r", "2")
	c.hears(`{"type":"message","room":"r","offset":1,"data":1}`)
	c.hears(`{"type":"message","room":"r","offset":2,"data":2}`)
	if _, err := f.Publish("r", Message{Once: strings.Repeat("k", 201)}); err != ErrKey {
		t.Error(err)
	}
}
