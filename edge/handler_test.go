package edge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/poller"
)

// A program is an embedding program that notes what it is told.
type program struct {
	paths   map[string]bool
	joins   []string
	upgrade func(r *Request) error
	message func(c Conn, m Message)
	opened  func(c Conn)
	closed  func(c Conn, why Reason)

	mu    sync.Mutex
	notes []string
}

func (p *program) note(format string, args ...any) {
	p.mu.Lock()
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
	p.mu.Unlock()
}

func (p *program) Upgrade(r *Request) error {
	p.note("upgrade %s %s", r.Path, r.User)
	if p.upgrade != nil {
		return p.upgrade(r)
	}
	if !r.Own() && !p.paths[r.Path] {
		return &Refusal{Status: 404, Code: "not_found", Message: "no such thing"}
	}
	for _, room := range p.joins {
		if err := r.Join(room); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) Open(c Conn) {
	p.note("open %s", c.User())
	if p.opened != nil {
		p.opened(c)
	}
}

func (p *program) Message(c Conn, m Message) {
	p.note("message %.20s", m.Data)
	if p.message != nil {
		p.message(c, m)
	}
}

func (p *program) Closed(c Conn, why Reason) {
	p.note("closed %s %s", c.User(), why)
	if p.closed != nil {
		p.closed(c, why)
	}
}

func (p *program) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notes)
}

func TestHandler_LifeOfAConnection(t *testing.T) {
	p := &program{paths: map[string]bool{"/app": true}, joins: []string{"lobby"}}
	p.message = func(c Conn, m Message) {
		switch string(m.Data) {
		case "join":
			if err := c.Join("extra"); err != nil {
				t.Error(err)
			}
			_ = c.Join("extra") // once is enough
		case "leave":
			c.Leave("lobby")
			c.Leave("never there")
		case "bad":
			if c.Join("no room") != ErrRoom || c.Close(1005, "") != ErrCloseCode {
				t.Error("nonsense is accepted")
			}
		case "bye":
			_ = c.Close(4000, "as you wish")
			return
		}
		if !c.Remote().IsValid() || c.Name() == "" || c.Buffered() != 0 {
			t.Error("a connection without address, name, or with a backlog")
		}
		_ = c.Send(Message{Data: append([]byte("got "), m.Data...)})
	}
	f := serve(t, Config{}, p)
	c := f.dial("/app?x=1")
	f.publish("lobby", "welcome")
	want(t, c, "welcome")
	for _, m := range []string{"join", "bad"} {
		say(t, c, m)
		want(t, c, "got "+m)
	}
	f.publish("extra", "more")
	want(t, c, "more")
	say(t, c, "leave")
	want(t, c, "got leave")
	f.publish("lobby", "not for us")
	f.publish("extra", "for us")
	want(t, c, "for us")
	say(t, c, "bye")
	if ce := wantClose(t, c, 4000); ce.Reason != "as you wish" {
		t.Errorf("reason %q", ce.Reason)
	}
	f.until("it is closed", func() bool { return f.closed(ReasonServer) == 1 })
	wanted := "upgrade /app ;open ;message join;message bad;message leave;message bye;closed  server"
	if got := strings.Join(p.said(), ";"); got != wanted {
		t.Errorf("the program was told %q, expected %q", got, wanted)
	}
}

func TestHandler_Upgrade_Refuses(t *testing.T) {
	p := &program{}
	p.upgrade = func(r *Request) error {
		switch r.Query("how") {
		case "refusal":
			return &Refusal{Status: 402, Code: "pay", Message: "pay first"}
		case "error":
			return fmt.Errorf("a secret that nobody may see")
		case "nonsense":
			return &Refusal{Status: 99}
		}
		return nil
	}
	f := serve(t, Config{}, p)
	for how, status := range map[string]int{"refusal": 402, "error": 403, "nonsense": 403} {
		_, resp, err := f.try("/rooms/r?how=" + how)
		if err == nil || resp.StatusCode != status {
			t.Errorf("%s: %v, %v", how, resp, err)
		}
	}
	f.dial("/rooms/r")
	f.dial("/anything")
}

func TestHandler_Panic_EndsOneConnection(t *testing.T) {
	p := &program{paths: map[string]bool{"/app": true}}
	p.message = func(_ Conn, m Message) {
		if string(m.Data) == "panic" {
			panic("on purpose")
		}
	}
	p.closed = func(Conn, Reason) { panic("here too") }
	f := serve(t, Config{Loops: 1}, p)
	good := f.dial("/rooms/r")
	bad := f.dial("/app")
	say(t, bad, "panic")
	wantClose(t, bad, 1011)
	f.until("it is closed", func() bool { return f.closed(ReasonError) == 1 })
	f.publish("r", "on it goes")
	want(t, good, "on it goes")
	if n := f.Stats().Panics; n != 2 {
		t.Errorf("%d panics counted, expected 2", n)
	}
}

// A panic in Open comes after the answer to the upgrade, and so does the close frame.
func TestHandler_Panic_InOpen(t *testing.T) {
	p := &program{}
	p.opened = func(c Conn) {
		_ = c.Send(Message{Data: []byte("hello")})
		panic("on purpose")
	}
	f := serve(t, Config{}, p)
	c := f.dial("/rooms/r")
	want(t, c, "hello")
	wantClose(t, c, 1011)
}

// A panic while deciding about a request answers 500.
func TestHandler_Panic_InUpgrade(t *testing.T) {
	p := &program{}
	p.upgrade = func(r *Request) error {
		if r.Path == "/panic" {
			panic("on purpose")
		}
		return nil
	}
	f := serve(t, Config{}, p)
	_, resp, err := f.try("/panic")
	if err == nil || resp == nil || resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %v, %v", resp, err)
	}
	c := f.dial("/fine")
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// A source sends much, and no faster than it is read.
type source struct {
	pieces int // still to be sent; of the loop
	most   int // that ever waited
	rounds int // of Drained
	piece  []byte
}

func (src *source) Upgrade(*Request) error    { return nil }
func (src *source) Open(Conn)                 {}
func (src *source) Closed(Conn, Reason)       {}
func (src *source) Message(c Conn, _ Message) { src.pump(c) }

func (src *source) Drained(c Conn) {
	src.rounds++
	src.pump(c)
}

func (src *source) pump(c Conn) {
	for src.pieces > 0 && c.Buffered() == 0 {
		if err := c.Send(Message{Data: src.piece, Binary: true}); err != nil {
			panic(err)
		}
		src.pieces--
	}
	src.most = max(src.most, c.Buffered())
}

func TestDrainer_SendsAsFastAsIsRead(t *testing.T) {
	const pieces, size = 4000, 16 << 10
	src := &source{pieces: pieces, piece: make([]byte, size)}
	f := serve(t, Config{Loops: 1}, src)
	c := f.dial("/source")
	if err := c.Write(t.Context(), websocket.MessageText, []byte("all of it")); err != nil {
		t.Fatal(err)
	}
	for i := range pieces {
		if i%500 == 0 {
			time.Sleep(5 * time.Millisecond) // it is slow at times
		}
		if got, err := read(t, c); err != nil || len(got) != size {
			t.Fatalf("piece %d: %d bytes, %v", i, len(got), err)
		}
	}
	done := make(chan struct{})
	if err := f.loops[0].Loop.Post(poller.Post{Arg: func() {
		defer close(done)
		if src.rounds == 0 || src.pieces != 0 {
			t.Errorf("it heard %d times that all has gone out; %d pieces are left", src.rounds, src.pieces)
		}
		if src.most == 0 || src.most > size+200 {
			t.Errorf("%d bytes waited: one piece at most would be right", src.most)
		}
	}}); err != nil {
		t.Fatal(err)
	}
	<-done
}

// What Server.Send leaves waiting is told, too; what leaves nothing is not.
func TestDrainer_AfterServerSend(t *testing.T) {
	src := &source{piece: make([]byte, 1)}
	f := serve(t, Config{Loops: 1, Outbox: 32 << 20, MaxMessage: 16 << 20}, src)
	c := f.dial("/source")
	list, _, err := f.Connections(t.Context(), "", 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	rounds := func() (n int) {
		done := make(chan struct{})
		if err := f.loops[0].Loop.Post(poller.Post{Arg: func() { defer close(done); n = src.rounds }}); err != nil {
			t.Fatal(err)
		}
		<-done
		return n
	}
	if err := f.Send(list[0].ID, Message{Data: []byte("little")}); err != nil {
		t.Fatal(err)
	}
	want(t, c, "little")
	if n := rounds(); n != 0 {
		t.Errorf("told %d times, and nothing waited", n)
	}
	big := strings.Repeat("b", 15<<20)
	if err := f.Send(list[0].ID, Message{Data: []byte(big)}); err != nil {
		t.Fatal(err)
	}
	want(t, c, big)
	f.until("it is told", func() bool { return rounds() == 1 })
}
