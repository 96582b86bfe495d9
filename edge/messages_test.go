package edge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

func TestServer_Echo_AllSizes(t *testing.T) {
	f := serve(t, Config{Echo: true, MaxMessage: 16 << 20}, nil)
	c := f.dial("/echo")
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20} {
		text := strings.Repeat("e", n)
		sent := make(chan error, 1)
		go func() { sent <- c.Write(context.Background(), websocket.MessageText, []byte(text)) }()
		want(t, c, text)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

// Many messages under way at once come back whole and in order, also to a
// client that is slow to read.
func TestServer_Echo_Pipelined(t *testing.T) {
	f := serve(t, Config{Echo: true}, nil)
	c := f.upgrade("/echo")
	const n = 20000
	go func() {
		var b []byte
		for i := range n {
			b = protocol.AppendMaskedFrame(b, protocol.OpText, fmt.Appendf(nil, "%d %s", i, strings.Repeat("p", i%1000)), [4]byte{9, 8, 7, 6})
			if len(b) > 100_000 || i == n-1 {
				_, _ = c.Write(b)
				b = b[:0]
			}
		}
	}()
	f.until("the server rests", func() bool {
		before := f.Stats().BytesReceived
		time.Sleep(20 * time.Millisecond)
		return before > 0 && f.Stats().BytesReceived == before
	})
	for i := range n {
		_, b, err := c.frame()
		if wanted := fmt.Sprintf("%d %s", i, strings.Repeat("p", i%1000)); err != nil || string(b) != wanted {
			t.Fatalf("message %d: %.40q, %v", i, b, err)
		}
	}
}

func TestServer_Protocol_Violations(t *testing.T) {
	f := serve(t, Config{Echo: true, MaxMessage: 1000}, nil)
	for name, c := range map[string]struct {
		send string
		code int
		why  Reason
	}{
		"not masked":      {string(protocol.AppendFrame(nil, protocol.OpText, []byte("x"))), 1002, ReasonProtocol},
		"reserved bit":    {"\xc1\x80\x00\x00\x00\x00", 1002, ReasonProtocol},
		"reserved opcode": {"\x83\x80\x00\x00\x00\x00", 1002, ReasonProtocol},
		"long ping":       {"\x89\xfe\x00\x7e\x00\x00\x00\x00", 1002, ReasonProtocol},
		"utf-8":           {masked(protocol.OpText, "\xff"), 1007, ReasonUTF8},
		"too large":       {masked(protocol.OpText, strings.Repeat("x", 1001)), 1009, ReasonTooLarge},
		"length 2^62":     {"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1009, ReasonTooLarge},
		"length 2^63":     {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1002, ReasonProtocol},
		"continuation":    {masked(protocol.OpContinuation, "x"), 1002, ReasonProtocol},
		"bad close code":  {masked(protocol.OpClose, "\x03\xed"), 1002, ReasonProtocol},
		"short close":     {masked(protocol.OpClose, "\x03"), 1002, ReasonProtocol},
		"close":           {masked(protocol.OpClose, "\x03\xe8bye"), 1000, ReasonClient},
		"empty close":     {masked(protocol.OpClose, ""), 1005, ReasonClient},
	} {
		t.Run(name, func(t *testing.T) {
			before := f.closed(c.why)
			conn := f.upgrade("/echo")
			conn.t = t
			conn.send(masked(protocol.OpText, "first"), c.send)
			if _, b, err := conn.frame(); err != nil || string(b) != "first" {
				t.Errorf("what came before the fault: %q, %v", b, err)
			}
			if code, _ := conn.closing(); code != c.code {
				t.Errorf("closed with %d, expected %d", code, c.code)
			}
			_ = conn.Close()
			f.until("it is counted", func() bool { return f.closed(c.why) == before+1 })
		})
	}
}

func TestServer_Ping_IsAnswered(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.upgrade("/rooms/r")
	for i := range 100_000 {
		c.send(masked(protocol.OpPing, "are you there"))
		if i%1000 == 999 {
			for range 1000 {
				if op, b, err := c.frame(); err != nil || op != protocol.OpPong || string(b) != "are you there" {
					t.Fatalf("%v %q %v", op, b, err)
				}
			}
		}
	}
}

// Many who begin a message and do not go on cost what they sent, and end in time.
func TestServer_Fragments_AreBounded(t *testing.T) {
	f := serve(t, Config{ReadMemory: 1 << 20, Echo: true}, nil)
	good := f.dial("/echo")
	part := "\x01\xfe\x7f\xff\x00\x00\x00\x00" + strings.Repeat("x", 0x7fff)
	for range 64 {
		f.upgrade("/echo").send(part)
	}
	f.until("the bound is reached", func() bool { return f.Stats().Closed[ReasonOverload].N > 0 || f.Stats().ReadBytes > 900_000 })
	if n := f.Stats().ReadBytes; n > 1<<20+64<<10 {
		t.Errorf("%d bytes are held", n)
	}
	say(t, good, "still")
	want(t, good, "still")
}

func TestServer_Heartbeat_PingsTheSilentAndEndsTheDead(t *testing.T) {
	f := serve(t, Config{Heartbeat: time.Second, HeartbeatTimeout: time.Second}, nil)
	alive, dead := f.dial("/rooms/r"), f.upgrade("/rooms/r")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pings := make(chan error, 1)
	go func() { _, _, err := alive.Read(ctx); pings <- err }() // answers pings
	if op, b, err := dead.frame(); err != nil || op != protocol.OpPing || len(b) != 0 {
		t.Fatalf("no ping: %v %q %v", op, b, err)
	}
	if code, why := dead.closing(); code != 4005 || why != "no pong" {
		t.Errorf("closed with %d %q", code, why)
	}
	select {
	case err := <-pings:
		t.Errorf("the one who answers is gone: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	if n := f.closed(ReasonNoPong); n != 0 {
		t.Logf("%d closed by then", n)
	}
	_ = dead.Close()
	f.until("it is counted", func() bool { return f.closed(ReasonNoPong) == 1 })
}

// A client that sends, but never a whole message, ends too; see messageTimeout.
func TestLoop_Late_GrowsWithWhatCame(t *testing.T) {
	l := &loop{}
	for _, c := range []struct {
		held int
		age  uint32
		late bool
	}{{0, messageTimeout, false}, {0, messageTimeout + 1, true}, {1 << 20, messageTimeout + 64, false}, {1 << 20, messageTimeout + 65, true}} {
		if got := l.late(&side{since: 100, held: c.held}, 100+c.age); got != c.late {
			t.Errorf("%d bytes after %d s: late %v", c.held, c.age, got)
		}
	}
}

func TestServer_Client_GoesWithoutAWord(t *testing.T) {
	f := serve(t, Config{}, nil)
	c := f.raw()
	c.send(ask("/rooms/r"))
	_, _ = c.status()
	_ = c.Close()
	f.until("it is counted", func() bool { return f.closed(ReasonLost) == 1 })
	d := f.dial("/rooms/r")
	_ = d.Close(websocket.StatusGoingAway, "leaving")
	f.until("it is counted", func() bool { return f.closed(ReasonClient) == 1 })
}

// Whoever says goodbye gets all that it was sent before, and then the answer.
func TestServer_Goodbye_TearsNoFrame(t *testing.T) {
	f := serve(t, Config{Echo: true, MaxMessage: 8 << 20}, nil)
	c := f.upgrade("/echo")
	large := strings.Repeat("x", 4<<20)
	go c.send(masked(protocol.OpText, large) + masked(protocol.OpClose, "\x03\xe8"))
	op, payload, err := c.frame()
	if err != nil || op != protocol.OpText || len(payload) != len(large) {
		t.Fatalf("%d bytes of op %d, %v", len(payload), op, err)
	}
	if code, _ := c.closing(); code != 1000 {
		t.Errorf("closed with %d", code)
	}
	f.until("it is counted", func() bool { return f.closed(ReasonClient) == 1 })
}

// A message that has begun outlives that its connection must wait for the next turn.
func TestServer_Messages_WaitForTheNextTurn(t *testing.T) {
	t.Parallel()
	f := serve(t, Config{Deflate: true, Loops: 1}, nil)
	for name, busy := range map[string]func(l *loop){
		"much was said":     func(l *loop) { l.spoken = turnReplies + 1 },
		"much was inflated": func(l *loop) { l.inflated = turnInflates + 1 },
	} {
		c := f.upgrade("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		if _, _, err := c.frame(); err != nil { // the welcome
			t.Fatal(err)
		}
		command := `{"type":"ping"}`
		first := []byte(masked(protocol.OpText, command[:7]))
		first[0] &^= 0x80 // more follows
		second := []byte(masked(0, command[7:]))
		c.send(string(first) + string(second[:3]))
		f.until("it has begun", func() bool { return f.Stats().ReadBytes > 0 })
		l := f.loops[0]
		list, _, err := f.Connections(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		id := list[len(list)-1].ID
		done := make(chan bool, 1)
		if err := l.Loop.Post(poller.Post{Arg: func() {
			s, ok := l.Lookup(id)
			busy(l)
			l.Corked(s, func() { l.frames(s, l.session(s), second[3:]) })
			done <- ok && len(l.delayed) == 1
		}}); err != nil {
			t.Fatal(err)
		}
		if !<-done {
			t.Errorf("%s: it does not wait", name)
		}
		if _, b, err := c.frame(); string(b) != `{"type":"pong"}` || err != nil {
			t.Errorf("%s: the answer is %q, %v", name, b, err)
		}
		_ = c.Close()
		f.until("it is gone", func() bool { return f.Stats().Connections == 0 })
	}
}
