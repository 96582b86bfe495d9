package edge

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/protocol"
)

func TestServer_Publish_ReachesEachMember(t *testing.T) {
	f := serve(t, Config{Loops: 2}, nil)
	a, b, other := f.dial("/rooms/news"), f.dial("/rooms/news?rooms=sport,weather"), f.dial("/rooms/sport")
	if at := f.publish("news", "one"); at.Offset != 1 || at.Epoch == "" {
		t.Errorf("the first message is at %+v", at)
	}
	if at := f.publish("news", "two"); at.Offset != 2 {
		t.Errorf("the second message is at %+v", at)
	}
	f.publish("sport", "goal")
	want(t, a, "one")
	want(t, a, "two")
	want(t, b, "one")
	want(t, b, "two")
	want(t, b, "goal")
	want(t, other, "goal")
	if at, err := f.Publish("nobody", Message{Data: []byte("x")}); err != nil || at.Offset != 1 {
		t.Errorf("a room where nobody is: %+v, %v", at, err)
	}
}

func TestServer_Publish_Refuses(t *testing.T) {
	f := serve(t, Config{MaxMessage: 1000}, nil)
	for _, c := range []struct {
		room string
		m    Message
		err  error
	}{
		{"", Message{}, ErrRoom},
		{"with space", Message{}, ErrRoom},
		{strings.Repeat("r", 201), Message{}, ErrRoom},
		{"r", Message{Data: make([]byte, 1001)}, ErrTooLarge},
		{"r", Message{Data: []byte("\xff")}, ErrText},
		{"r", Message{Data: []byte("\xff"), Binary: true}, nil},
		{strings.Repeat("r", 200), Message{Data: make([]byte, 1000)}, nil},
	} {
		if _, err := f.Publish(c.room, c.m); !errors.Is(err, c.err) {
			t.Errorf("room %.20q, %d bytes: %v, want %v", c.room, len(c.m.Data), err, c.err)
		}
	}
	f.end()
	if _, err := f.Publish("r", Message{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestServer_Publish_ExcludesOne(t *testing.T) {
	f := serve(t, Config{Loops: 2}, nil)
	a, resp, err := f.try("/rooms/r")
	if err != nil {
		t.Fatal(err)
	}
	b := f.dial("/rooms/r")
	id, ok := f.ParseConn(resp.Header.Get("Roost-Connection"))
	if !ok {
		t.Fatalf("no connection id in %v", resp.Header)
	}
	for i := range 5 {
		if _, err := f.Publish("r", Message{Data: []byte("not for a " + strconv.Itoa(i)), Exclude: id}); err != nil {
			t.Fatal(err)
		}
		f.publish("r", "for both "+strconv.Itoa(i))
	}
	for i := range 5 {
		want(t, a, "for both "+strconv.Itoa(i))
		want(t, b, "not for a "+strconv.Itoa(i))
		want(t, b, "for both "+strconv.Itoa(i))
	}
}

func TestServer_Room_MembersPublish(t *testing.T) {
	f := serve(t, Config{}, nil)
	a, b, own := f.dial("/rooms/r"), f.dial("/rooms/r"), f.dial("/rooms/r?echo=true")
	say(t, a, "from a")
	want(t, b, "from a")
	want(t, own, "from a")
	say(t, own, "from own")
	want(t, a, "from own")
	want(t, b, "from own")
	want(t, own, "from own")
}

func TestServer_Send_ReachesOne(t *testing.T) {
	f := serve(t, Config{}, nil)
	c, resp, err := f.try("/rooms/r")
	if err != nil {
		t.Fatal(err)
	}
	id, _ := f.ParseConn(resp.Header.Get("Roost-Connection"))
	if got := f.ConnName(id); got != resp.Header.Get("Roost-Connection") {
		t.Errorf("the name is %q and %q", got, resp.Header.Get("Roost-Connection"))
	}
	if err := f.Send(id, Message{Data: []byte("for you")}); err != nil {
		t.Fatal(err)
	}
	want(t, c, "for you")
	if err := f.Close(id, 1006, ""); !errors.Is(err, ErrCloseCode) {
		t.Errorf("closing with 1006: %v", err)
	}
	if err := f.Close(id, 4502, "go away"); err != nil {
		t.Fatal(err)
	}
	if ce := wantClose(t, c, 4502); ce.Reason != "go away" {
		t.Errorf("reason %q", ce.Reason)
	}
	f.until("it is closed", func() bool { return f.closed(ReasonServer) == 1 })
	if err := f.Send(id, Message{Data: []byte("nobody hears")}); err != nil {
		t.Errorf("a connection that is gone: %v", err)
	}
	f.until("the message counts as dropped", func() bool { return f.Stats().Dropped[dropClosed].N == 1 })
	if err := f.Send(0, Message{}); !errors.Is(err, ErrClosed) {
		t.Errorf("no connection: %v", err)
	}
}

func TestServer_ParseConn_RefusesWhatIsNoName(t *testing.T) {
	f := serve(t, Config{}, nil)
	for _, name := range []string{"", "x", strings.Repeat("0", 12), strings.Repeat("0", 14), strings.Repeat("w", 13), strings.Repeat("z", 13), "g000000000000", "0000 00000000"} {
		if id, ok := f.ParseConn(name); ok {
			t.Errorf("%q is connection %x", name, id)
		}
	}
	for _, id := range []ConnID{1, 1 << 63, 0xdeadbeefcafe, ^ConnID(0)} {
		if got, ok := f.ParseConn(f.ConnName(id)); !ok || got != id {
			t.Errorf("%x became %x", id, got)
		}
	}
}

// Members come and go while several publish: each sees the messages from its
// joining on, in one order, none missing, none twice.
func TestServer_Publish_InOrderWhileMembersComeAndGo(t *testing.T) {
	f := serve(t, Config{Loops: 2, PublishMemory: 256 << 20, Outbox: 16 << 20}, nil)
	stop := make(chan struct{})
	var publishers, members sync.WaitGroup
	var last atomic.Uint64
	var mu sync.Mutex // orders what the publishers write with the offsets
	for range 3 {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				next := last.Load() + 1
				at, err := f.Publish("r", Message{Data: fmt.Appendf(nil, "%d %s", next, strings.Repeat("x", int(next%300)))})
				if err == nil {
					last.Store(next)
					if at.Offset != next {
						t.Errorf("offset %d, expected %d", at.Offset, next)
					}
				}
				mu.Unlock()
				if next%50 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for range 24 {
		members.Go(func() {
			for life := range 40 {
				c := f.upgrade("/rooms/r")
				seen := last.Load() // published before 101 was seen, and perhaps one more: these may or may not come
				next := uint64(0)
				for range 20 + 37*(life%8) {
					op, b, err := c.frame()
					if err != nil || op != protocol.OpText {
						t.Errorf("frame %d: %v", op, err)
						return
					}
					k, _ := strconv.ParseUint(string(b[:bytes.IndexByte(b, ' ')]), 10, 64)
					if next == 0 && k > seen+2 && seen > 0 {
						t.Errorf("the first message is %d, but %d were published when 101 came", k, seen)
					}
					if next != 0 && k != next {
						t.Errorf("message %d came, expected %d", k, next)
						return
					}
					next = k + 1
				}
				_ = c.Close()
			}
		})
	}
	members.Wait()
	close(stop)
	publishers.Wait()
	if st := f.Stats(); st.Dropped[dropSlowConsumer].N != 0 {
		t.Errorf("%d were closed as slow", st.Dropped[dropSlowConsumer].N)
	}
}

// A reader that never reads ends with 4003 and a close frame, costs no more than
// its bound, and harms nobody.
func TestServer_SlowConsumer_EndsWithCloseFrame(t *testing.T) {
	f := serve(t, Config{}, nil)
	slow, good := f.upgrade("/rooms/r"), f.dial("/rooms/r")
	text := strings.Repeat("0123456789", 1000)
	worst, published := int64(0), 0
	for i := 0; f.closed(ReasonSlowConsumer) == 0 && f.Stats().Dropped[dropSlowConsumer].N == 0; i++ {
		f.publish("r", text)
		published++
		want(t, good, text)
		worst = max(worst, f.Stats().OutboxBytes)
		if i > 5000 {
			t.Fatal("the slow one is never closed")
		}
	}
	if worst > 3*64<<10 {
		t.Errorf("up to %d bytes waited", worst)
	}
	got := 0
	for {
		op, b, err := slow.frame()
		if err != nil {
			t.Fatal(err)
		}
		if op == protocol.OpClose {
			if string(b) != "\x0f\xa3slow consumer" {
				t.Errorf("closed with %q", b)
			}
			break
		}
		got++
	}
	if lost := f.Stats().Dropped[dropSlowConsumer].N; int(lost) != published-got {
		t.Errorf("%d messages were published, %d arrived, %d count as dropped", published, got, lost)
	}
	f.publish("r", "on it goes")
	want(t, good, "on it goes")
}

// A room's log is shared with those who are slow; others may not change it.
func TestServer_SlowConsumer_GetsWhatWasPublished(t *testing.T) {
	f := serve(t, Config{Outbox: 8 << 20, MaxMessage: 1 << 20}, nil)
	slow, good := f.upgrade("/rooms/r"), f.dial("/rooms/r")
	const n = 600
	size := func(i int) int { return 20 + i*37%20000 }
	for i := range n {
		f.publish("r", fmt.Sprintf("%d ", i)+strings.Repeat(string(rune('a'+i%26)), size(i)))
		if i%10 == 0 {
			f.until("it is delivered", func() bool { return f.Stats().PublishBytes == 0 })
		}
	}
	for i := range n {
		wanted := fmt.Sprintf("%d ", i) + strings.Repeat(string(rune('a'+i%26)), size(i))
		want(t, good, wanted)
		if op, b, err := slow.frame(); err != nil || op != protocol.OpText || string(b) != wanted {
			t.Fatalf("message %d: %v, %.30q, want %.30q", i, err, b, wanted)
		}
	}
}

func TestServer_Publish_OverloadIsSaid(t *testing.T) {
	p := &program{paths: map[string]bool{"/stall": true}}
	entered, block := make(chan struct{}), make(chan struct{})
	p.message = func(Conn, Message) { close(entered); <-block }
	f := serve(t, Config{Loops: 1, PublishMemory: 1 << 20}, p)
	f.dial("/rooms/r")
	say(t, f.dial("/stall"), "hold the loop up, as a busy machine would")
	<-entered
	var err error
	n := 0
	for ; err == nil && n < 10000; n++ {
		_, err = f.Publish("r", Message{Data: make([]byte, 1000), Binary: true})
	}
	close(block)
	if !errors.Is(err, ErrOverloaded) || n > 1100 || n < 800 {
		t.Errorf("after %d messages of 1,000 bytes: %v", n, err)
	}
	f.until("it is delivered", func() bool { return f.Stats().PublishBytes == 0 })
	f.publish("r", "again")
}
