package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/native"
)

func schema(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := CompileSchemaBytes("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNative_Document(t *testing.T) {
	f := serve(t, Config{Auth: hmac(t), Loops: 2, Rooms: []RoomPolicy{{Match: "doc.*", Document: true,
		Schema: schema(t, `{"type":"object","properties":{"title":{"type":"string","maxLength":5}}}`)}}}, nil)
	a, b := f.as(anyone("a")), f.as(anyone("b"))
	if m := a.join("doc.x"); fmt.Sprint(m["document"], m["version"]) != "map[] 0" {
		t.Errorf("joined %v", m)
	}
	b.join("doc.x")
	m := a.ask(`{"type":"patch","id":5,"room":"doc.x","base":0,"patch":[{"op":"add","path":"/title","value":"one"}, {"op":"add","path":"/n","value":12345678901234567890}]}`)
	if m["type"] != "patched" || m["version"] != 1.0 || m["id"] != 5.0 || m["room"] != "doc.x" {
		t.Errorf("patched %v", m)
	}
	b.hears(fmt.Sprintf(`{"type":"patch","room":"doc.x","version":1,"patch":[{"op":"add","path":"/title","value":"one"},{"op":"add","path":"/n","value":12345678901234567890}],"from":{"user":"a","conn":%q,"info":{"name":"a"}}}`, a.welcome["conn"]))

	b.say(`{"type":"patch","id":1,"room":"doc.x","base":0,"patch":[{"op":"remove","path":"/title"}]}`)
	m = b.hearsError(native.Conflict, "another version")
	if doc, _ := json.Marshal(m["document"]); m["version"] != 1.0 || !strings.Contains(string(doc), `"title":"one"`) || m["id"] != 1.0 {
		t.Errorf("conflict %v", m)
	}
	b.say(`{"type":"patch","id":1,"room":"doc.x","base":1,"patch":[{"op":"replace","path":"/title","value":"two"},{"op":"test","path":"/n","value":3}]}`)
	m = b.hearsError(native.Invalid, "")
	if m["details"].([]any)[0].(obj)["path"] != "/1/value" && m["details"].([]any)[0].(obj)["path"] != "/1" {
		t.Errorf("invalid %v", m)
	}
	b.say(`{"type":"patch","id":1,"room":"doc.x","base":1,"patch":[{"op":"replace","path":"/title","value":"far too long"}]}`)
	m = b.hearsError(native.Invalid, "title")
	if m["details"].([]any)[0].(obj)["path"] != "/title" {
		t.Errorf("invalid %v", m)
	}
	b.say(`{"type":"patch","id":1,"room":"chat","base":1,"patch":[]}`)
	b.hearsError(native.NotFound, "no document")
	if doc, err := f.Document("doc.x"); err != nil || doc.Version != 1 || !strings.Contains(string(doc.Data), "one") {
		t.Errorf("nothing of what failed is there: %s, %v", doc.Data, err)
	}

	version, err := f.SetDocument("doc.x", []byte(` {"title": "new"} `))
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	for _, c := range []*client{a, b} {
		c.hears(`{"type":"patch","room":"doc.x","version":2,"patch":[{"op":"replace","path":"","value":{"title":"new"}}]}`)
	}
	if version, err = f.PatchDocument("doc.x", 2, []byte(`[{"op":"add","path":"/more","value":[1]}]`)); err != nil || version != 3 {
		t.Errorf("version %d, %v", version, err)
	}
	var conflict *ConflictError
	if _, err = f.PatchDocument("doc.x", 2, []byte(`[]`)); !errors.As(err, &conflict) || conflict.Document.Version != 3 {
		t.Errorf("a stale patch: %v", err)
	}
	var invalid *InvalidError
	for _, text := range []string{`{"title":1}`, `3`, `{`, `{"a":1,"a":2}`, strings.Repeat("[", 200) + strings.Repeat("]", 200)} {
		if _, err := f.SetDocument("doc.x", []byte(text)); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := f.SetDocument("doc.x", []byte(`"`+strings.Repeat("x", 65536)+`"`)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := f.SetDocument("chat", []byte(`{}`)); !errors.Is(err, ErrNoDocument) {
		t.Errorf("no document: %v", err)
	}
	late := f.as(anyone("c"))
	if m := late.join("doc.x"); fmt.Sprint(m["document"], m["version"]) != "map[more:[1] title:new] 3" {
		t.Errorf("joined %v", m)
	}
	reader := f.as(auth.Identity{User: "r", Rooms: auth.Patterns{"*"}})
	reader.say(`{"type":"patch","id":1,"room":"doc.x","base":3,"patch":[]}`)
	reader.hearsError(native.Forbidden, "")
}

// A writer patches a document as fast as it can, and starts over from what a conflict
// shows. A reader joins again and again.
func TestNative_Document_EachVersionOnce(t *testing.T) {
	t.Parallel()
	f := serve(t, Config{Loops: 2, Rooms: []RoomPolicy{{Match: "*", Document: true}}}, nil)
	const writers, patches = 4, 50
	var wg sync.WaitGroup
	for range writers {
		c := f.native()
		wg.Go(func() {
			base := 0.0
			for done := 0; done < patches; {
				c.say(`{"type":"patch","id":1,"room":"d","base":%v,"patch":[{"op":"add","path":"/v%v","value":1}]}`, base, base)
				m := c.next()
				base = m["version"].(float64)
				if m["type"] == "patched" {
					done++
				} else if m["code"] != "conflict" {
					t.Errorf("got %v", m)
					return
				}
			}
		})
	}
	reader := f.native()
	for version := 0.0; version < writers*patches; {
		m := reader.join("d")
		if got := float64(len(m["document"].(obj))); got != m["version"] || m["version"].(float64) < version {
			t.Fatalf("version %v has %v fields; it was %v before", m["version"], got, version)
		}
		version = m["version"].(float64)
		for range 20 {
			if version == writers*patches {
				break
			}
			m := reader.nextOf("patch")
			if m["version"] != version+1 {
				t.Fatalf("after version %v came %v", version, m["version"])
			}
			version++
		}
		reader.say(`{"type":"leave","id":2,"room":"d"}`)
		for reader.next()["type"] != "left" {
		}
	}
	wg.Wait()
}

func TestNative_Schema(t *testing.T) {
	f := serve(t, Config{Rooms: []RoomPolicy{{Match: "s.*", Schema: schema(t, `{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}`)},
		{Match: "string", Schema: schema(t, `{"type":"string"}`)}}}, nil)
	c := f.native()
	c.join("s.x")
	c.say(`{"type":"publish","id":1,"room":"s.x","data":{"text":5}}`)
	m := c.hearsError(native.Invalid, "text")
	if d := m["details"].([]any)[0].(obj); d["path"] != "/text" || m["id"] != 1.0 || m["room"] != "s.x" {
		t.Errorf("invalid %v", m)
	}
	c.say(`{"type":"publish","id":1,"room":"s.x","data":{"text":"a","text":5}}`)
	c.hearsError(native.Invalid, "each name once")
	c.say(`{"type":"publish","id":1,"room":"s.x","base64":"AAAA"}`)
	if m := c.hearsError(native.Invalid, "binary"); len(m["details"].([]any)) != 1 {
		t.Errorf("without a detail: %v", m)
	}
	// Commands behind one that takes its time keep their order.
	c.say(`{"type":"publish","id":1,"room":"s.x","data":{"text":"a"},"echo":true}`)
	c.say(`{"type":"leave","id":2,"room":"s.x"}`)
	c.say(`{"type":"publish","id":3,"room":"s.x","data":{"text":"b"}}`)
	for _, want := range []string{"published 1", "left 2", "published 3"} {
		m := c.next()
		for m["type"] == "message" {
			m = c.next()
		}
		if got := fmt.Sprint(m["type"], " ", m["id"]); got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
	}
	if m := c.ask(`{"type":"publish","id":1,"room":"string","data":"12"}`); m["type"] != "published" {
		t.Errorf("got %v", m)
	}
	// Services are not held against it.
	if _, err := f.Publish("s.x", Message{Data: []byte("anything")}); err != nil {
		t.Error(err)
	}
	raw := f.dial("/rooms/s.x?echo=true")
	say(t, raw, `{"text":"fine"}`)
	want(t, raw, `{"text":"fine"}`)
	say(t, raw, `{"text":5}`)
	if ce := wantClose(t, raw, 1008); !strings.Contains(ce.Reason, "text") {
		t.Errorf("closed with %q", ce.Reason)
	}
}
