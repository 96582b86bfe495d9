package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/roostws/roost/auth"
)

// These hold docs/embedding.md to the code: its tables by what there is, its promises by
// what becomes of them.

func embeddingPage(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section is the page from a heading to the next of its rank.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page has no section %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// rows gives what stands first in the rows of tables, in code.
func rows(text string) (list []string) {
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestDoc_Embedding_FieldsAndMethods(t *testing.T) {
	page := embeddingPage(t)
	var fields, methods []string
	for _, v := range []any{Config{}, RoomPolicy{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			fields = append(fields, typ.Field(i).Name)
		}
	}
	server := reflect.TypeFor[*Server]()
	for i := range server.NumMethod() {
		methods = append(methods, server.Method(i).Name)
	}
	for heading, want := range map[string][]string{"Config": fields, "Server": methods} {
		got := rows(section(t, page, heading))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page has\n%q\nthe code has\n%q", heading, got, want)
		}
	}
	waits := section(t, page, "What may be called from where")
	for _, m := range methods {
		if strings.Count(waits, "`"+m+"`") != 1 {
			t.Errorf("it is not said once whether %s waits", m)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Handler](), reflect.TypeFor[Observer](), reflect.TypeFor[Decider](), reflect.TypeFor[auth.Verifier]()} {
		for i := range typ.NumMethod() {
			if name := fmt.Sprintf("`%s.%s`", strings.TrimPrefix(typ.String(), "edge."), typ.Method(i).Name); !strings.Contains(section(t, page, "Which callback runs where"), name) {
				t.Errorf("it is not said where %s runs", name)
			}
		}
	}
}

// What the page says that an ended connection costs, it does.
func TestDoc_Embedding_Closing(t *testing.T) {
	size := fmt.Sprintf("| %d each, and the user's name |", unsafe.Sizeof(Closing{}))
	if !strings.Contains(embeddingPage(t), size) {
		t.Errorf("the page does not say %q", size)
	}
}

// Every error that a program may meet is on the page, and every call of the API.
func TestDoc_Embedding_ErrorsAndCalls(t *testing.T) {
	page := embeddingPage(t)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for _, id := range v.Names {
					if strings.HasPrefix(id.Name, "Err") && !strings.Contains(page, "`"+id.Name+"`") {
						t.Errorf("the page does not tell of %s", id.Name)
					}
				}
			}
			return true
		})
	}
	data, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	path := ""
	for line := range strings.Lines(string(data)) {
		if m := regexp.MustCompile(`^  (/\S+):$`).FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			path = m[1]
		} else if m := regexp.MustCompile(`^    (get|post|put|patch|delete):`).FindStringSubmatch(line); m != nil && path != "" {
			served = append(served, strings.ToUpper(m[1])+" "+path)
		}
	}
	if len(served) < 20 {
		t.Fatalf("the contract is read wrongly: %q", served)
	}
	table := section(t, page, "What the HTTP API does, in Go")
	for _, call := range served {
		if !strings.Contains(call, "/debug/") && !strings.HasSuffix(call, ".yaml") && !strings.HasSuffix(call, ".json") && !strings.Contains(table, "| "+call+" |") {
			t.Errorf("the page has no method for %s", call)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]+ /\S*) \|`).FindAllStringSubmatch(table, -1) {
		if !slices.Contains(served, m[1]) {
			t.Errorf("the page tells of %s, which the API has not", m[1])
		}
	}
}

// From within a callback a Server's methods do not wait, but for those that ask loops:
// these end with their ctx.
func TestServer_Methods_FromCallbacks(t *testing.T) {
	p := &program{paths: map[string]bool{"/app": true}, joins: []string{"r"}}
	var f *fixture
	served := make(chan struct{})
	p.message = func(c Conn, m Message) {
		<-served
		_, e1 := f.Publish("r", m)
		e2 := f.Send(c.ID(), m)
		_, e3 := f.SetDocument("r", []byte(`{"a":1}`))
		_, e4 := f.PatchDocument("r", 1, []byte(`[{"op":"remove","path":"/a"}]`))
		_, e5 := f.Document("r")
		_, e6 := f.History("r", 0, 10)
		_, e7 := f.Room("r")
		_, _, e8 := f.Rooms("", "", 10)
		_, _, e9 := f.Closings(ClosingFilter{}, "", 10)
		_, _, e10 := f.Ticket(auth.Identity{User: "a"}, time.Minute)
		_, e11 := f.SendUser("a", m)
		_, e12 := f.DisconnectUser("a", true)
		_ = f.Stats()
		if err := errors.Join(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, _, err := f.Connections(ctx, "", 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connections on a loop: %v", err)
		}
		if err := f.Disconnect(c.ID(), false); err != nil {
			t.Error(err)
		}
	}
	f = serve(t, Config{Loops: 1, Rooms: []RoomPolicy{{Match: "*", Document: true}}}, p)
	close(served)
	c := f.dial("/app")
	say(t, c, "x")
	for range 2 {
		want(t, c, "x")
	}
	wantClose(t, c, 4502)
}

// Nothing that a program gives away is looked at again, and what it gets is its own.
func TestServer_Data_IsCopied(t *testing.T) {
	infos := make(chan []byte, 2)
	p := &program{paths: map[string]bool{"/app": true}, joins: []string{"r"}}
	p.opened = func(c Conn) {
		b := c.Info()
		clear(b)
		infos <- c.Info()
		d := []byte("hello")
		_ = c.Send(Message{Data: d})
		clear(d)
	}
	policies, origins := []RoomPolicy{{Match: "r", Document: true}}, []string{"http://a.example"}
	f := serve(t, Config{Rooms: policies, Origins: origins}, p)
	policies[0], origins[0] = RoomPolicy{Match: "x"}, "http://b.example"
	name, _, err := f.Ticket(auth.Identity{User: "a", Info: []byte(`{"n":1}`)}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	c := f.dial("/app?ticket="+name, "Origin", "http://a.example")
	want(t, c, "hello")
	if b := <-infos; string(b) != `{"n":1}` {
		t.Errorf("Info is %q", b)
	}
	b := []byte("published")
	m := Message{Data: b}
	if _, err := f.Publish("r", m); err != nil {
		t.Fatal(err)
	}
	clear(b)
	want(t, c, "published")
	if page, err := f.History("r", 0, 1); err != nil || string(page.Messages[0].Data) != "published" {
		t.Errorf("the history has %v, %v", page.Messages, err)
	}
	b = []byte(`{"a":1}`)
	if _, err := f.SetDocument("r", b); err != nil {
		t.Fatal(err)
	}
	clear(b)
	if doc, err := f.Document("r"); err != nil || !bytes.Equal(doc.Data, []byte(`{"a":1}`)) {
		t.Errorf("the document is %q, %v", doc.Data, err)
	}
	b = []byte("sent")
	if n, err := f.SendUser("a", Message{Data: b}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	clear(b)
	want(t, c, "sent")
}

// Before Run nothing can be published; a server that is not to run gives its port back.
func TestServer_Run_BeforeAndAfter(t *testing.T) {
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Rooms: []RoomPolicy{{Match: "*", Document: true}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	silent := func(when string) {
		t.Helper()
		_, e1 := s.Publish("r", Message{})
		_, e2 := s.SetDocument("r", []byte("{}"))
		_, e3 := s.SendUser("a", Message{})
		_, e4 := s.DisconnectUser("a", true)
		for i, err := range []error{e1, e2, e3, e4} {
			if err != ErrClosed {
				t.Errorf("%s: %d gives %v", when, i, err)
			}
		}
		if doc, err := s.Document("r"); err != nil || string(doc.Data) != "{}" {
			t.Errorf("%s: %q, %v", when, doc.Data, err)
		}
		if _, err := s.History("r", 0, 1); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	silent("before Run")
	if err := s.Ready(); err != ErrClosed {
		t.Errorf("before Run it is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := s.Connections(ctx, "", 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Connections before Run: %v", err)
	}
	if err := errors.Join(s.Shutdown(t.Context()), s.Run(t.Context()), s.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	silent("after Run")
	l, err := net.Listen("tcp", s.Addrs()[0].String())
	if err != nil {
		t.Fatalf("the port is taken still: %v", err)
	}
	_ = l.Close()
}

// While the server drains, what is published is taken. Each Shutdown heeds its own ctx; the
// first to end cuts off who is left.
func TestServer_Shutdown_TwiceAtOnce(t *testing.T) {
	f := serve(t, Config{}, nil)
	f.upgrade("/rooms/r") // it never closes its side
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- f.Shutdown(t.Context()) }()
	go func() { second <- f.Shutdown(short) }()
	f.until("it drains", func() bool { return f.Ready() == ErrDraining })
	if _, err := f.Publish("r", Message{}); err != nil {
		t.Error(err)
	}
	if err := <-second; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the one whose time was up gives %v", err)
	}
	if err := <-first; err != nil {
		t.Errorf("the other one gives %v", err)
	}
}

// Decide has until AskTime is over, and Run does not return before it.
func TestDecider_Decide_HasItsTime(t *testing.T) {
	gate, asked := make(chan struct{}), make(chan struct{}, 1)
	d := deciderFunc(func(ctx context.Context, q *Question) (Decision, error) {
		if q.Query == "deaf" {
			asked <- struct{}{}
			<-gate
			return Decision{Allow: true}, nil
		}
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > 20*time.Millisecond {
			t.Errorf("it has until %v", end)
		}
		<-ctx.Done()
		return Decision{}, ctx.Err()
	})
	f := serve(t, Config{Decider: d, Asks: []What{WhatConnect}, AskTime: 20 * time.Millisecond}, nil)
	if _, resp, err := f.try("/ws"); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v", resp, err)
	}
	f.raw().send(ask("/ws?deaf"))
	<-asked
	f.stop()
	<-f.ended // no loop runs any more
	select {
	case err := <-f.done:
		t.Fatalf("Run returned before Decide: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(gate)
}

type deciderFunc func(ctx context.Context, q *Question) (Decision, error)

func (f deciderFunc) Decide(ctx context.Context, q *Question) (Decision, error) { return f(ctx, q) }

// What a program's own words are held against, and what not.
func TestHandler_Join_IsTheProgramsWord(t *testing.T) {
	p := &program{paths: map[string]bool{"/app": true}, joins: []string{"secret"}}
	joins := make(chan error, 2)
	p.message = func(c Conn, m Message) { joins <- c.Join(string(m.Data)) }
	denies := deciderFunc(func(context.Context, *Question) (Decision, error) { return Decision{}, nil })
	f := serve(t, Config{Auth: hmac(t), MaxJoined: 1, Decider: denies, Asks: []What{WhatJoin}, Rooms: []RoomPolicy{{Match: "one", MaxMembers: 1}}}, p)
	nothing := "Bearer " + token(t, auth.Identity{User: "a"})
	a, b := f.dial("/app", "Authorization", nothing), f.dial("/app", "Authorization", nothing)
	say(t, a, "one")
	if err := <-joins; err != nil {
		t.Error(err)
	}
	say(t, b, "one")
	if err := <-joins; err != ErrMembers {
		t.Errorf("the second member of a room for one: %v", err)
	}
	f.publish("secret", "psst")
	want(t, b, "psst")
}

// An inline Verifier that panics is answered 500, and the loop goes on.
func TestVerifier_Panic_Inline(t *testing.T) {
	f := serve(t, Config{Auth: verifierFunc(func(token string) (auth.Identity, error) {
		if token == "bad" {
			panic("on purpose")
		}
		return auth.Identity{User: token, Rooms: auth.Patterns{"*"}, Info: []byte(`1`)}, nil
	}), Loops: 1}, nil)
	if _, resp, err := f.try("/rooms/r?token=bad"); err == nil || resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %v, %v", resp, err)
	}
	f.dial("/rooms/r?token=good")
}

type verifierFunc func(token string) (auth.Identity, error)

func (f verifierFunc) Inline() bool { return true }
func (f verifierFunc) Verify(_ context.Context, token string, _ time.Time) (auth.Identity, error) {
	return f(token)
}
