package edge

import (
	"testing"

	"github.com/roostws/roost/native"
)

// Other policies hold from then on; a room with members keeps what its members came
// under, and all adds up at the end.
func TestServer_ReloadRooms(t *testing.T) {
	f := serve(t, Config{Rooms: []RoomPolicy{{Match: "p", Presence: true}, {Match: "c", Slow: SlowConflate}}}, nil)
	a, b := f.native(), f.native()
	a.join("p")
	a.join("c")
	if err := f.ReloadRooms([]RoomPolicy{{Match: ""}}); err == nil {
		t.Error("a bad policy is taken")
	}
	if err := f.ReloadRooms([]RoomPolicy{{Match: "c", Presence: true, Services: true}, {Match: "d", Document: true}}); err != nil {
		t.Fatal(err)
	}
	b.say(`{"type":"publish","id":1,"room":"c","data":1}`)
	b.hearsError(native.Forbidden, "")
	b.join("p")
	b.join("c")
	if m := b.join("d"); m["document"] == nil {
		t.Errorf("joined %v", m)
	}
	for _, room := range []string{"p", "c"} {
		for _, c := range []*client{a, b} {
			c.ask(`{"type":"leave","id":1,"room":%q}`, room)
		}
		if users, conns := f.presence.Count(room); users != 0 || conns != 0 {
			t.Errorf("%s has %d users with %d connections left over", room, users, conns)
		}
	}
	b.join("c")
	if users, _ := f.presence.Count("c"); users != 1 {
		t.Errorf("%d users under the new policy", users)
	}
}
