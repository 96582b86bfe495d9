package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

var update = flag.Bool("update", false, "write into docs/webhooks.md what it should show")

// marked finds the fenced blocks that stand under a comment with their name.
var marked = regexp.MustCompile("(?s)<!-- ([^\n]+) -->\n```([a-z]+)\n(.*?)```\n")

// What docs/webhooks.md shows is what is sent, and the examples as they are.
func TestDoc_ShowsWhatIs(t *testing.T) {
	const page = "../docs/webhooks.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	want := marked.ReplaceAllFunc(text, func(block []byte) []byte {
		parts := marked.FindSubmatch(block)
		name, language := string(parts[1]), string(parts[2])
		shown := strings.TrimRight(show(t, name), "\n")
		if seen++; strings.TrimRight(string(parts[3]), "\n") != shown && !*update {
			t.Errorf("%s is not as shown: go test ./webhook -run Doc -update would be right", name)
		}
		return []byte("<!-- " + name + " -->\n```" + language + "\n" + shown + "\n```\n")
	})
	if seen != 8 {
		t.Errorf("%d blocks are marked", seen)
	}
	if *update && !bytes.Equal(text, want) {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// show is what a block of this name shows: a sample, a file, or a function of one.
func show(t *testing.T, name string) string {
	t.Helper()
	if sample, ok := strings.CutPrefix(name, "sample: "); ok {
		return samples()[sample]
	}
	file, function, _ := strings.Cut(name, ": ")
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	if function == "" {
		return string(text)
	}
	found := regexp.MustCompile(`(?ms)^// ` + function + ` .*?^}\n`).Find(text)
	if found == nil {
		t.Errorf("%s has no %s", file, function)
	}
	return string(found)
}

// samples are made as what is sent is.
func samples() map[string]string {
	const conn, prefix = "7bqvaloni36h9", "ok3vd7m2xq5a"
	now := time.Date(2026, 1, 1, 12, 0, 0, 123e6, time.UTC)
	from := netip.MustParseAddrPort("192.0.2.7:51234")
	events := []edge.Event{
		{What: edge.WhatConnect, Conn: conn, User: "alice", Remote: from, Path: "/ws"},
		{What: edge.WhatJoin, Conn: conn, User: "alice", Room: "chat.1"},
		{What: edge.WhatOccupied, Room: "chat.1"},
		{What: edge.WhatPublish, Conn: conn, User: "alice", Room: "chat.1", Data: []byte(`{"text":"hello"}`), JSON: true, Position: edge.Position{Offset: 46, Epoch: "5k7lfpt7.1"}},
		{What: edge.WhatPublish, Conn: conn, User: "alice", Room: "chat.1", Data: []byte("hello"), Position: edge.Position{Offset: 47, Epoch: "5k7lfpt7.1"}},
		{What: edge.WhatPublish, Conn: conn, User: "alice", Room: "chat.1", Data: []byte{0xff, 0xd8, 0xff}, Binary: true, Position: edge.Position{Offset: 48, Epoch: "5k7lfpt7.1"}},
		{What: edge.WhatLeave, Conn: conn, User: "alice", Room: "chat.1"},
		{What: edge.WhatVacated, Room: "chat.1"},
		{What: edge.WhatDisconnect, Conn: conn, User: "alice", Reason: "client"},
	}
	h := &Hooks{prefix: prefix}
	var batch []waiting
	for i := range events {
		events[i].Time = now.Add(time.Duration(i) * 7 * time.Millisecond)
		batch = append(batch, waiting{&events[i], uint64(i + 1)})
	}
	var connect bytes.Buffer
	_ = json.Indent(&connect, encode(questionMessage(h.id("q", 1), &edge.Question{
		What: edge.WhatConnect, Time: now, Conn: conn, Remote: from, Path: "/rooms/chat.1", Query: "rooms=chat.2", Rooms: []string{"chat.1", "chat.2"},
		Token: "let-alice-in", Origin: "https://example.com", Host: "push.example.com", Cookie: "session=…", UserAgent: "Mozilla/5.0 …", Forwarded: "198.51.100.9",
	})), "", "  ")
	return map[string]string{
		"events":  strings.ReplaceAll(string(h.body(batch)), "},{", "},\n {"),
		"connect": connect.String(),
		"join":    string(encode(questionMessage(h.id("q", 2), &edge.Question{What: edge.WhatJoin, Time: now, Conn: conn, User: "alice", Room: "chat.1"}))),
		"publish": string(encode(questionMessage(h.id("q", 3), &edge.Question{
			What: edge.WhatPublish, Time: now, Conn: conn, User: "alice", Room: "chat.1", Data: []byte(`{"text":"hello"}`), JSON: true}))),
	}
}
