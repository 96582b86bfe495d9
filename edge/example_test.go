package edge_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// start makes a server for an example, and gives what ends it.
func start(cfg edge.Config, handler edge.Handler) (push *edge.Server, stop func()) {
	cfg.Listen = []string{"127.0.0.1:0"} // any free port
	push, err := edge.New(cfg, handler)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- push.Run(ctx) }()
	for push.Ready() != nil { // it is as soon as Run has begun
		time.Sleep(time.Millisecond)
	}
	return push, func() {
		cancel()
		if err := <-done; err != nil {
			log.Fatal(err)
		}
	}
}

// dial connects as a client; read gives the next message.
func dial(push *edge.Server, path string) (c *websocket.Conn, read func() string) {
	ctx := context.Background()
	c, resp, err := websocket.Dial(ctx, "ws://"+push.Addrs()[0].String()+path, nil)
	if err != nil {
		log.Fatalf("%v (%v)", err, resp)
	}
	return c, func() string {
		_, b, err := c.Read(ctx)
		if err != nil {
			return fmt.Sprint("closed with ", int(websocket.CloseStatus(err)))
		}
		return string(b)
	}
}

// A server that serves until its context ends.
func ExampleNew() {
	push, err := edge.New(edge.Config{Listen: []string{"127.0.0.1:0"}}, nil)
	if err != nil {
		log.Fatal(err) // it names the field, and what would be right
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- push.Run(ctx) }()

	stop() // as a signal would
	fmt.Println(<-done)
	// Output: <nil>
}

// What is wrong with a Config is told field by field.
func ExampleConfig_Validate() {
	err := edge.Config{MaxMessage: 1, Heartbeat: time.Millisecond}.Validate()
	fmt.Println(err)
	var field *edge.FieldError
	fmt.Println(errors.As(err, &field), field.Field)
	// Output:
	// MaxMessage: 1 is out of range: 125 to 67108864
	// Heartbeat: 1ms is out of range: 1s to 1h0m0s
	// true MaxMessage
}

func ExampleServer_Publish() {
	push, stop := start(edge.Config{}, nil)
	defer stop()
	c, read := dial(push, "/rooms/order.7")
	defer func() { _ = c.CloseNow() }()

	// Dial has returned, so the client is a member: what is published now reaches it.
	at, err := push.Publish("order.7", edge.Message{Data: []byte(`{"state":"shipped"}`)})
	fmt.Println(at.Offset, err)
	fmt.Println(read())
	// Output:
	// 1 <nil>
	// {"state":"shipped"}
}

// A repeat under the same idempotency key is answered as the first, and not delivered.
func ExampleServer_Publish_once() {
	push, stop := start(edge.Config{}, nil)
	defer stop()
	for range 2 {
		at, err := push.Publish("order.7", edge.Message{Data: []byte("paid"), Once: "payment-4711"})
		fmt.Println(at.Offset, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
}

// What may answer, and what to do.
func ExampleServer_Publish_errors() {
	push, err := edge.New(edge.Config{Listen: []string{"127.0.0.1:0"}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = push.Publish("order.7", edge.Message{Data: []byte("too early")})
	switch {
	case errors.Is(err, edge.ErrOverloaded):
		fmt.Println("try again soon")
	case errors.Is(err, edge.ErrClosed):
		fmt.Println("the server does not run")
	}
	// Output: the server does not run
}

// Documents take JSON Patches; each version is made once.
func ExampleServer_PatchDocument() {
	push, stop := start(edge.Config{Rooms: []edge.RoomPolicy{{Match: "cart.*", Document: true}}}, nil)
	defer stop()

	version, err := push.SetDocument("cart.7", []byte(`{"items": ["tea"]}`))
	fmt.Println(version, err)
	version, err = push.PatchDocument("cart.7", version, []byte(`[{"op":"add","path":"/items/-","value":"milk"}]`))
	fmt.Println(version, err)

	// Another, who still has version 1, is told what there is now.
	_, err = push.PatchDocument("cart.7", 1, []byte(`[{"op":"remove","path":"/items/0"}]`))
	var conflict *edge.ConflictError
	if errors.As(err, &conflict) {
		fmt.Printf("%d %s\n", conflict.Document.Version, conflict.Document.Data)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 2 {"items":["tea","milk"]}
}

// A room whose document must be of a form, whoever changes it.
func ExampleRoomPolicy_schema() {
	schema, err := edge.CompileSchemaBytes("cart.json", []byte(`{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`))
	if err != nil {
		log.Fatal(err)
	}
	push, stop := start(edge.Config{Rooms: []edge.RoomPolicy{{Match: "cart.*", Document: true, Schema: schema}}}, nil)
	defer stop()
	_, err = push.SetDocument("cart.7", []byte(`{"n":"many"}`))
	var invalid *edge.InvalidError
	if errors.As(err, &invalid) {
		fmt.Println("refused at", invalid.Details[0].Path)
	}
	// Output: refused at /n
}

// What a room keeps for those who come back can be read, too.
func ExampleServer_History() {
	push, stop := start(edge.Config{}, nil)
	defer stop()
	for _, text := range []string{"one", "two", "three"} {
		if _, err := push.Publish("news", edge.Message{Data: []byte(text)}); err != nil {
			log.Fatal(err)
		}
	}
	page, err := push.History("news", 1, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range page.Messages {
		fmt.Println(m.Offset, string(m.Data))
	}
	fmt.Println("nothing is missing:", page.Whole)
	// Output:
	// 2 two
	// 3 three
	// nothing is missing: true
}

// A ticket lets somebody in once: the browser needs no token.
func ExampleServer_Ticket() {
	// With Auth nil all may do all; a ticket's holder may do what the ticket says.
	push, stop := start(edge.Config{}, nil)
	defer stop()
	name, _, err := push.Ticket(auth.Identity{User: "alice", Rooms: auth.Patterns{"chat.*"}}, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	c, read := dial(push, "/rooms/chat.1?ticket="+name)
	defer func() { _ = c.CloseNow() }()

	n, err := push.SendUser("alice", edge.Message{Data: []byte("hello")})
	fmt.Println(n, err)
	fmt.Println(read())
	// Output:
	// 1 <nil>
	// hello
}

func ExampleServer_DisconnectUser() {
	push, stop := start(edge.Config{}, nil)
	defer stop()
	name, _, err := push.Ticket(auth.Identity{User: "alice", Rooms: auth.Patterns{"*"}}, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	c, read := dial(push, "/rooms/chat.1?ticket="+name)
	defer func() { _ = c.CloseNow() }()

	n, err := push.DisconnectUser("alice", false)
	fmt.Println(n, err)
	fmt.Println(read())
	// Output:
	// 1 <nil>
	// closed with 4502
}

// A parrot says what it hears. Its methods run on the connection's loop: they return
// at once.
type parrot struct{}

func (parrot) Upgrade(r *edge.Request) error {
	if r.Path != "/parrot" {
		return &edge.Refusal{Status: 404, Code: "not_found", Message: "there is but a parrot"}
	}
	return nil
}
func (parrot) Open(c edge.Conn) { _ = c.Send(edge.Message{Data: []byte("hello")}) }
func (parrot) Message(c edge.Conn, m edge.Message) {
	_ = c.Send(m) // copied before Send returns; m.Data is valid no longer than Message runs
}
func (parrot) Closed(edge.Conn, edge.Reason) {}

func ExampleHandler() {
	push, stop := start(edge.Config{}, parrot{})
	defer stop()
	c, read := dial(push, "/parrot")
	defer func() { _ = c.CloseNow() }()
	fmt.Println(read())
	if err := c.Write(context.Background(), websocket.MessageText, []byte("pretty")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(read())
	// Output:
	// hello
	// pretty
}

// A diary is told what happens. Event runs on a loop: it hands the event on, and drops it
// where nobody keeps up.
type diary chan *edge.Event

func (d diary) Event(e *edge.Event) {
	select {
	case d <- e:
	default:
	}
}

func ExampleObserver() {
	told := make(diary, 100)
	push, stop := start(edge.Config{
		Observer: told, Events: []edge.What{edge.WhatConnect, edge.WhatJoin, edge.WhatOccupied},
	}, nil)
	defer stop()
	c, _ := dial(push, "/rooms/news")
	defer func() { _ = c.CloseNow() }()
	for range 3 {
		e := <-told
		fmt.Println(strings.TrimSpace(fmt.Sprint(e.What, " ", e.Room)))
	}
	// Output:
	// connect
	// join news
	// occupied news
}

// A doorman is asked before somebody joins a room. It may take its time until ctx ends.
type doorman struct{}

func (doorman) Decide(_ context.Context, q *edge.Question) (edge.Decision, error) {
	if q.Room == "vip" {
		return edge.Decision{Code: "forbidden", Message: "not tonight"}, nil
	}
	return edge.Decision{Allow: true}, nil
}

func ExampleDecider() {
	push, stop := start(edge.Config{Decider: doorman{}, Asks: []edge.What{edge.WhatJoin}}, nil)
	defer stop()
	_, resp, err := websocket.Dial(context.Background(), "ws://"+push.Addrs()[0].String()+"/rooms/vip", nil)
	fmt.Println(err != nil, resp.StatusCode)
	c, read := dial(push, "/rooms/bar")
	defer func() { _ = c.CloseNow() }()
	if _, err := push.Publish("bar", edge.Message{Data: []byte("cheers")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(read())
	// Output:
	// true 403
	// cheers
}
