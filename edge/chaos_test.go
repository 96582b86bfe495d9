package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/auth"
)

// moody decides at random, and takes its time.
type moody struct{}

func (moody) Decide(ctx context.Context, q *Question) (Decision, error) {
	if rand.IntN(3) == 0 {
		select {
		case <-time.After(time.Duration(rand.IntN(3)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	switch rand.IntN(20) {
	case 0:
		return Decision{}, nil
	case 1:
		return Decision{}, context.DeadlineExceeded
	case 2:
		panic("moody")
	}
	return Decision{Allow: true}, nil
}

func (moody) Event(*Event) {
	if rand.IntN(50) == 0 {
		panic("moody")
	}
}

// Clients do whatever clients can do, and go as they like, while the server does all
// that it can do to them. At the end nothing is left over: the fixture looks.
func TestNative_Chaos(t *testing.T) {
	const clients = 30
	f := serve(t, Config{
		Auth: hmac(t), Loops: 2, Outbox: 4 << 10, MaxMessage: 2 << 10, MaxPerUser: 8, MaxJoined: 5,
		Decider: moody{}, Asks: allAsks, Observer: moody{}, Events: allEvents, Askers: 4,
		Rooms: []RoomPolicy{
			{Match: "doc", Document: true, Presence: true},
			{Match: "drop", Slow: SlowDrop}, {Match: "conflate", Slow: SlowConflate},
			{Match: "small", MaxMembers: 3, Presence: true},
			{Match: "schema", Schema: schema(t, `{"type":"object"}`)},
			{Match: "none", History: &History{}},
		},
	}, nil)
	rooms := []string{"doc", "drop", "conflate", "small", "schema", "none", "plain"}
	room := func() string { return rooms[rand.IntN(len(rooms))] }
	user := func() string { return fmt.Sprintf("u%d", rand.IntN(10)) }
	stop := make(chan struct{})
	var wg sync.WaitGroup
	forever := func(f func()) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	big := strings.Repeat("x", 1000)
	commands := []func() string{
		func() string {
			return fmt.Sprintf(`{"type":"join","id":1,"room":%q,"presence":%t}`, room(), rand.IntN(2) == 0)
		},
		func() string { return fmt.Sprintf(`{"type":"join","id":1,"rooms":[%q,%q,"x y"]}`, room(), room()) },
		func() string {
			return fmt.Sprintf(`{"type":"join","id":1,"room":%q,"since":{"epoch":"e","offset":%d}}`, room(), rand.IntN(9))
		},
		func() string { return fmt.Sprintf(`{"type":"leave","room":%q}`, room()) },
		func() string {
			return fmt.Sprintf(`{"type":"publish","id":2,"room":%q,"data":{"x":%q},"key":%q,"echo":true}`, room(), big, user())
		},
		func() string { return fmt.Sprintf(`{"type":"publish","room":%q,"data":"text"}`, room()) },
		func() string {
			return fmt.Sprintf(`{"type":"patch","id":3,"room":"doc","base":%d,"patch":[{"op":"add","path":"/a","value":1}]}`, rand.IntN(50))
		},
		func() string { return fmt.Sprintf(`{"type":"presence","id":4,"room":%q,"limit":2}`, room()) },
		func() string { return `{"type":"refresh","id":5,"token":"` + token(t, anyone("u1")) + `"}` },
		func() string { return `{"type":"ping"}` },
		func() string { return `{nonsense` },
	}
	for range clients {
		forever(func() {
			path := "/ws"
			if rand.IntN(4) == 0 {
				path = "/rooms/" + room() + "?rooms=" + room() + "&echo=1"
			}
			c, _, err := f.try(path, "Authorization", "Bearer "+token(t, anyone(user())))
			if err != nil {
				return
			}
			defer c.CloseNow()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if rand.IntN(4) > 0 { // the others never read
				go func() {
					for {
						if _, _, err := c.Read(ctx); err != nil {
							return
						}
					}
				}()
			}
			for range rand.IntN(60) {
				if c.Write(ctx, websocket.MessageText, []byte(commands[rand.IntN(len(commands))]())) != nil {
					return
				}
			}
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			if rand.IntN(2) == 0 {
				_ = c.Close(websocket.StatusNormalClosure, "")
			}
		})
	}
	forever(func() {
		_, _ = f.Publish(room(), Message{Data: []byte(big), Key: user()})
		_, _ = f.SendUser(user(), Message{Data: []byte("hello")})
		_, _ = f.SetDocument("doc", []byte(`{"b":1}`))
		time.Sleep(time.Millisecond)
	})
	forever(func() {
		_, _ = f.User(t.Context(), user())
		list, _, _ := f.Connections(t.Context(), "", 50)
		_, _ = f.Presence(t.Context(), "small", "", 3)
		_, _, _ = f.Server.Rooms("", "", 10)
		if len(list) > 0 {
			_ = f.Disconnect(list[rand.IntN(len(list))].ID, true)
		}
		if rand.IntN(10) == 0 {
			_, _ = f.DisconnectUser(user(), false)
		}
		time.Sleep(2 * time.Millisecond)
	})
	forever(func() {
		if name, _, err := f.Ticket(auth.Identity{User: user()}, time.Second); err == nil && rand.IntN(2) == 0 {
			if c, _, err := f.try("/ws?ticket=" + name); err == nil {
				_ = c.CloseNow()
			}
		}
		time.Sleep(5 * time.Millisecond)
	})
	time.Sleep(3 * time.Second)
	close(stop)
	wg.Wait()
	f.until("all have gone", func() bool { return f.Stats().Connections == 0 && f.Stats().Parked == 0 })
	for _, r := range rooms {
		if users, conns := f.presence.Count(r); conns != 0 {
			t.Errorf("%s has %d users with %d connections left over", r, users, conns)
		}
	}
	st := f.Stats()
	t.Logf("%d connections, %d messages, %d published, %d delivered, dropped %v, handshakes %v", st.Opened, st.Received, st.Published, st.Delivered, st.Dropped, st.Handshakes)
	if st.Panics != 0 {
		t.Errorf("%d panics on the loops", st.Panics)
	}
}
