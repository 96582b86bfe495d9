package edge

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Closed runs once for each Open and for nothing else, on every path and however a
// connection ends; and what runs for one connection never runs at once.
func TestHandler_Closed_PairedWithOpen(t *testing.T) {
	var mu sync.Mutex
	open, ended := map[ConnID]int{}, map[ConnID]int{}
	inside := map[ConnID]*atomic.Int32{}
	enter := func(c Conn) (leave func()) {
		mu.Lock()
		n := inside[c.ID()]
		if n == nil {
			n = new(atomic.Int32)
			inside[c.ID()] = n
		}
		if ended[c.ID()] > 0 {
			t.Error("a callback after Closed")
		}
		mu.Unlock()
		if n.Add(1) != 1 {
			t.Error("two callbacks of one connection at once")
		}
		runtime.Gosched()
		return func() { n.Add(-1) }
	}
	p := &program{}
	p.upgrade = func(r *Request) error {
		if r.Query("refuse") != "" {
			return errors.New("no")
		}
		if r.Query("full") != "" {
			return r.Join("full")
		}
		return nil
	}
	p.opened = func(c Conn) {
		defer enter(c)()
		mu.Lock()
		open[c.ID()]++
		n := len(open)
		mu.Unlock()
		if n%5 == 0 {
			panic("on purpose")
		}
	}
	p.message = func(c Conn, _ Message) { defer enter(c)() }
	p.closed = func(c Conn, _ Reason) {
		defer enter(c)()
		mu.Lock()
		ended[c.ID()]++
		mu.Unlock()
		if c.Send(Message{}) != ErrClosed || c.Join("r") != ErrClosed {
			t.Error("something can be done with a connection in Closed")
		}
	}
	f := serve(t, Config{Loops: 2, Echo: true, Rooms: []RoomPolicy{{Match: "full", MaxMembers: 1}}}, p)
	f.dial("/app?full=1")
	for range 5 {
		for _, path := range []string{"/app", "/ws", "/rooms/r", "/echo"} {
			c := f.dial(path)
			if path == "/app" {
				for range 20 {
					_ = c.Write(t.Context(), 1, []byte("x")) // it may be one whose Open panicked
				}
			}
			_ = c.CloseNow()
		}
		for path, status := range map[string]int{"/app?refuse=1": 403, "/app?full=1": 503} {
			if _, resp, err := f.try(path); err == nil || resp.StatusCode != status {
				t.Errorf("%s: %v, %v", path, resp, err)
			}
		}
	}
	f.dial("/rooms/r") // ended by the end of the server
	f.stop()
	f.until("all are gone", func() bool { return f.Stats().Connections == 0 })
	mu.Lock()
	defer mu.Unlock()
	if len(open) != 22 {
		t.Errorf("%d were opened", len(open))
	}
	for id, n := range open {
		if n != 1 || ended[id] != 1 {
			t.Errorf("%d opened and %d closed", n, ended[id])
		}
	}
	if len(ended) != len(open) {
		t.Errorf("%d opened, %d closed", len(open), len(ended))
	}
}

// The welcome comes first, then what Open sends, then what is published, though that
// never stops.
func TestHandler_Open_AfterTheWelcome(t *testing.T) {
	p := &program{joins: []string{"r"}}
	p.opened = func(c Conn) { _ = c.Send(Message{Data: []byte(`"opened"`)}) }
	f := serve(t, Config{Loops: 2}, p)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = f.Publish("r", Message{Data: []byte("1")})
				time.Sleep(50 * time.Microsecond)
			}
		}
	})
	for range 20 {
		c := f.native()
		c.hears(`{"type":"message","data":"opened"}`)
		last := 0.0
		for range 5 {
			m := c.next()
			if m["room"] != "r" || last > 0 && m["offset"] != last+1 {
				t.Fatalf("after %v came %v", last, m)
			}
			last = m["offset"].(float64)
		}
		_ = c.CloseNow()
	}
	close(stop)
	wg.Wait()
}

// What was published and sent before Close comes before the close frame.
func TestServer_Close_AfterWhatWasPublished(t *testing.T) {
	f := serve(t, Config{Loops: 2}, nil)
	for range 10 {
		c, resp, err := f.try("/rooms/r")
		if err != nil {
			t.Fatal(err)
		}
		id, _ := f.ParseConn(resp.Header.Get("Roost-Connection"))
		for i := range 50 {
			f.publish("r", fmt.Sprint(i))
		}
		if err := errors.Join(f.Send(id, Message{Data: []byte("sent")}), f.Close(id, 4000, "")); err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			text, err := read(t, c)
			if err != nil {
				break
			}
			got = append(got, text)
		}
		sent := slices.Index(got, "sent") // it may overtake what was published
		if len(got) != 51 || sent < 0 {
			t.Fatalf("got %q", got)
		}
		for i, text := range slices.Delete(got, sent, sent+1) {
			if text != fmt.Sprint(i) {
				t.Fatalf("at %d came %s", i, text)
			}
		}
		f.until("it is gone", func() bool { return f.directory.Members("r") == 0 })
	}
}

// Events of one connection come in order: connect, each leave after its join,
// disconnect; and as many rooms are vacated as were occupied.
func TestObserver_Event_OrderOfOneConnection(t *testing.T) {
	j := &judge{}
	f := serve(t, Config{Loops: 2, Observer: j, Events: allEvents}, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 5 {
				c := f.native()
				c.ask(`{"type":"join","id":1,"room":"a"}`)
				c.ask(`{"type":"join","id":2,"room":"b"}`)
				if i%2 == 0 {
					c.say(`{"type":"leave","room":"a"}`)
					c.say(`{"type":"publish","room":"a","data":1}`)
				}
				if i%3 == 0 {
					_ = c.Close(1000, "")
				} else {
					_ = c.CloseNow()
				}
				_ = f.dial("/rooms/a?rooms=b").CloseNow()
			}
		})
	}
	wg.Wait()
	f.until("all are gone", func() bool { return f.Stats().Connections == 0 && f.closed(ReasonClient)+f.closed(ReasonLost) == 80 })
	j.mu.Lock()
	defer j.mu.Unlock()
	byConn, of := map[string][]*Event{}, map[string]int{}
	for _, e := range j.events {
		if e.What == WhatOccupied || e.What == WhatVacated {
			of[e.Room+" "+e.What.String()]++
			continue
		}
		byConn[e.Conn] = append(byConn[e.Conn], e)
	}
	if len(byConn) != 80 {
		t.Errorf("events of %d connections", len(byConn))
	}
	for conn, list := range byConn {
		in := map[string]bool{}
		for i, e := range list {
			ok := true
			switch e.What {
			case WhatConnect:
				ok = i == 0
			case WhatDisconnect:
				ok = i == len(list)-1 && len(in) == 0
			case WhatJoin:
				ok = i > 0 && !in[e.Room]
				in[e.Room] = true
			case WhatLeave:
				ok = in[e.Room]
				delete(in, e.Room)
			}
			if !ok {
				t.Errorf("%s: %v %s is the event %d of %d", conn, e.What, e.Room, i, len(list))
			}
		}
	}
	for _, room := range []string{"a", "b"} {
		if n := of[room+" occupied"]; n == 0 || n != of[room+" vacated"] {
			t.Errorf("%s: %v", room, of)
		}
	}
}

// Messages and patches of a room come to native members in the order in which they were
// made.
func TestServer_PatchDocument_InOrderWithMessages(t *testing.T) {
	f := serve(t, Config{Loops: 2, Rooms: []RoomPolicy{{Match: "*", Document: true}}}, nil)
	members := []*client{f.native(), f.native(), f.native()}
	for _, c := range members {
		c.join("r")
	}
	for i := range uint64(50) {
		if v, err := f.PatchDocument("r", i, []byte(`[{"op":"add","path":"/n","value":1}]`)); v != i+1 || err != nil {
			t.Fatal(v, err)
		}
		f.publish("r", "1")
	}
	for _, c := range members {
		for i := range 50 {
			if m := c.next(); m["type"] != "patch" || m["version"] != float64(i+1) {
				t.Fatalf("the patch %d is %v", i+1, m)
			}
			if m := c.next(); m["type"] != "message" || m["offset"] != float64(i+1) {
				t.Fatalf("the message %d is %v", i+1, m)
			}
		}
	}
}

// The Observer is told before the client has its answer.
func TestObserver_Event_BeforeTheAnswer(t *testing.T) {
	j := &judge{}
	f := serve(t, Config{Loops: 2, Observer: j, Events: allEvents}, nil)
	told := func(want ...string) {
		t.Helper()
		if got := j.words(); !slices.Equal(got, want) {
			t.Fatalf("told %q, expected %q", got, want)
		}
	}
	for range 10 {
		raw := f.dial("/rooms/a")
		told("connect", "join  a", "occupied  a")
		c := f.native()
		told("connect")
		c.join("b")
		told("join  b", "occupied  b")
		c.ask(`{"type":"publish","id":1,"room":"b","data":1}`)
		told("publish  b")
		c.ask(`{"type":"leave","id":1,"room":"b"}`)
		told("leave  b", "vacated  b")
		_, _ = raw.CloseNow(), c.CloseNow()
		f.until("they are gone", func() bool {
			j.mu.Lock()
			defer j.mu.Unlock()
			return len(j.events) == 4 // leave, vacated and two disconnects
		})
		j.words()
	}
}

// Conn acts at once, and so before what the Server was asked for in the same callback.
func TestConn_Methods_ActAtOnce(t *testing.T) {
	p := &program{paths: map[string]bool{"/app": true}, joins: []string{"r"}}
	var f *fixture
	served := make(chan struct{})
	p.message = func(c Conn, m Message) {
		<-served
		_, err := f.Publish("r", Message{Data: []byte("published")})
		if err := errors.Join(err, f.Send(c.ID(), Message{Data: []byte("posted")}), c.Send(Message{Data: []byte("at once")})); err != nil {
			t.Error(err)
		}
		if string(m.Data) == "bye" {
			if err := errors.Join(c.Close(4000, ""), c.Send(m)); !errors.Is(err, ErrClosed) {
				t.Errorf("Send after Close: %v", err)
			}
		}
	}
	f = serve(t, Config{Loops: 1}, p)
	close(served)
	c := f.dial("/app")
	say(t, c, "x")
	want(t, c, "at once")
	for range 2 { // the others, whose order is not promised
		if text, err := read(t, c); err != nil || text == "at once" {
			t.Fatal(text, err)
		}
	}
	say(t, c, "bye")
	want(t, c, "at once")
	wantClose(t, c, 4000)
}
