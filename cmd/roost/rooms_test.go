package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/rooms"
)

// What is wrong in the section rooms is told with its place and what would be right.
func TestParseFile_Rooms_Errors(t *testing.T) {
	long := strings.Repeat("a", 201)
	for _, c := range []struct{ file, want string }{
		// The list.
		{"rooms:\n", `f:1:1: rooms: nothing is not right here: a list such as [{match: "chat.*"}] would be`},
		{"rooms: chat.*\n", `f:1:8: rooms: a text is not right here: a list such as [{match: "chat.*"}] would be`},
		{"rooms: 1\n", `f:1:8: rooms: a number is not right here: a list such as [{match: "chat.*"}] would be`},
		{"rooms:\n  match: a\n", `f:2:3: rooms: a mapping is not right here: a list such as [{match: "chat.*"}] would be`},
		{"rooms: []\n", `f:1:8: rooms: the list is empty: a rule, or no such key, would be right`},
		{"rooms: &r [{match: a}]\n", `f:1:8: rooms: an anchor (&) is not right here: a list such as [{match: "chat.*"}] would be`},
		{"rooms:\n  - match: a\nrooms:\n  - match: b\n", `f:3:1: rooms stands in line 1 already: once would be right`},
		{"room:\n  - match: a\n", `f:1:1: unknown key "room": did you mean rooms?`},

		// A rule.
		{"rooms:\n  - chat.*\n", `f:2:5: rooms: a text is not right here: a mapping such as {match: "chat.*"} would be`},
		{"rooms:\n  - match: a\n  - [b]\n", `f:3:5: rooms: a list is not right here: a mapping such as {match: "chat.*"} would be`},
		{"rooms:\n  -\n  - match: a\n", `f:2:4: rooms: nothing is not right here: a mapping such as {match: "chat.*"} would be`},
		{"rooms:\n  - {}\n", `f:2:5: rooms: the mapping is empty: match, publish, slow, history, presence, document, schema or max_members would be right`},
		{"rooms:\n  - &a {match: a}\n", `f:2:5: rooms: an anchor (&) is not right here: a mapping such as {match: "chat.*"} would be`},
		{"rooms:\n  - presence: true\n", `f:2:5: rooms.match is missing: match: "chat.*" would be right`},

		// Its keys.
		{"rooms:\n  - match: a\n    macth: b\n", `f:3:5: unknown key "macth" in rooms: did you mean match?`},
		{"rooms:\n  - match: a\n    max-members: 5\n", `f:3:5: unknown key "max-members" in rooms: did you mean max_members?`},
		{"rooms:\n  - match: a\n    maxMembers: 5\n", `f:3:5: unknown key "maxMembers" in rooms: did you mean max_members?`},
		{"rooms:\n  - match: a\n    qos: 1\n", `f:3:5: unknown key "qos" in rooms: match, publish, slow, history, presence, document, schema or max_members would be right`},
		{"rooms:\n  - match: a\n    history.size: 1\n", `f:3:5: unknown key "history.size" in rooms: match, publish, slow, history, presence, document, schema or max_members would be right`},
		{"rooms:\n  - match: a\n    listen: 1\n", `f:3:5: unknown key "listen" in rooms: match, publish, slow, history, presence, document, schema or max_members would be right`},
		{"rooms:\n  - match: a\n    presence: true\n    match: b\n", `f:4:5: rooms.match stands in line 2 already: once would be right`},
		{"rooms:\n  - match: a\n    1: b\n", `f:3:5: a number stands where a key should: match, publish, slow, history, presence, document, schema or max_members would be right`},
		{"rooms:\n  - match: a\n    <<: {presence: true}\n", `f:3:5: a merge key (<<) stands where a key should: match, publish, slow, history, presence, document, schema or max_members would be right`},

		// match.
		{"rooms:\n  - match:\n", `f:2:5: rooms.match: nothing is not right here: a text would be`},
		{"rooms:\n  - match: 5\n", `f:2:12: rooms.match: a number is not right here: a text in quotes would be`},
		{"rooms:\n  - match: [a]\n", `f:2:12: rooms.match: a list is not right here: a text would be`},
		{"rooms:\n  - match: *\n", `f:2:12: not valid YAML: `},
		{"rooms:\n  - match: ''\n", `f:2:12: rooms.match: is empty: a text, or nothing at all, would be right`},
		{"rooms:\n  - match: chat/*\n", `f:2:12: rooms.match: "chat/*" can match no room: 1 to 200 bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right`},
		{"rooms:\n  - match: \"a\\nb\"\n", `f:2:12: rooms.match: "a\nb" can match no room: 1 to 200 bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right`},
		{"rooms:\n  - match: é\n", `f:2:12: rooms.match: "é" can match no room: 1 to 200 bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right`},
		{"rooms:\n  - match: " + long + "\n", `f:2:12: rooms.match: "` + long + `" can match no room: 1 to 200 bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right`},
		{"rooms:\n  - match: a.*\n  - match: b\n  - match: a.*\n", `f:4:12: rooms.match: the rule in line 2, a.*, matches all of a.* already: one above it, or none, would be right`},
		{"rooms:\n  - match: a.*\n  - match: a.b.*\n", `f:3:12: rooms.match: the rule in line 2, a.*, matches all of a.b.* already: one above it, or none, would be right`},
		{"rooms:\n  - match: \"*\"\n  - match: a\n", `f:3:12: rooms.match: the rule in line 2, *, matches all of a already: one above it, or none, would be right`},

		// publish, slow, document.
		{"rooms:\n  - match: a\n    publish: all\n", `f:3:14: rooms.publish: "all" is unknown: claims or services would be right`},
		{"rooms:\n  - match: a\n    publish: true\n", `f:3:14: rooms.publish: true or false is not right here: a text in quotes would be`},
		{"rooms:\n  - match: a\n    slow: wait\n", `f:3:11: rooms.slow: "wait" is unknown: close, drop or conflate would be right`},
		{"rooms:\n  - match: a\n    document: yaml\n", `f:3:15: rooms.document: "yaml" is unknown: json would be right`},
		{"rooms:\n  - match: a\n    document: true\n", `f:3:15: rooms.document: true or false is not right here: a text in quotes would be`},

		// history.
		{"rooms:\n  - match: a\n    history: 100\n", `f:3:14: rooms.history: a number is not right here: a mapping with size or ttl would be`},
		{"rooms:\n  - match: a\n    history:\n", `f:3:5: rooms.history: nothing is not right here: a mapping with size or ttl would be`},
		{"rooms:\n  - match: a\n    history: {}\n", `f:3:14: rooms.history: the mapping is empty: size or ttl would be right`},
		{"rooms:\n  - match: a\n    history: {sise: 1}\n", `f:3:15: unknown key "sise" in rooms.history: did you mean size?`},
		{"rooms:\n  - match: a\n    history: {size: 1, size: 2}\n", `f:3:24: rooms.history.size stands in line 3 already: once would be right`},
		{"rooms:\n  - match: a\n    history: {size: 10001}\n", `f:3:21: rooms.history.size: 10001 is out of range: 0 to 10000 would be right`},
		{"rooms:\n  - match: a\n    history: {size: -1}\n", `f:3:21: rooms.history.size: -1 is out of range: 0 to 10000 would be right`},
		{"rooms:\n  - match: a\n    history: {size: many}\n", `f:3:21: rooms.history.size: a text is not right here: a whole number such as 1000 would be`},
		{"rooms:\n  - match: a\n    history:\n      ttl: 60\n", `f:4:12: rooms.history.ttl: "60" has no unit: 60s or 60ms would be right`},
		{"rooms:\n  - match: a\n    history:\n      ttl: 500ms\n", `f:4:12: rooms.history.ttl: 500ms is out of range: 1s to 24h would be right`},
		{"rooms:\n  - match: a\n    history:\n      ttl: 25h\n", `f:4:12: rooms.history.ttl: 25h is out of range: 1s to 24h would be right`},
		{"rooms:\n  - match: a\n    history:\n      ttl: never\n", `f:4:12: rooms.history.ttl: "never" is not a duration: 500ms, 30s or 1h30m would be right`},

		// presence, schema, max_members.
		{"rooms:\n  - match: a\n    presence: yes\n", `f:3:15: rooms.presence: a text is not right here: true or false would be`},
		{"rooms:\n  - match: a\n    schema: {type: object}\n", `f:3:13: rooms.schema: a mapping is not right here: a text would be`},
		{"rooms:\n  - match: a\n    schema: \"\"\n", `f:3:13: rooms.schema: is empty: a text, or nothing at all, would be right`},
		{"rooms:\n  - match: a\n    max_members: 0\n", `f:3:18: rooms.max_members: 0 is out of range: 1 to 16777216 would be right`},
		{"rooms:\n  - match: a\n    max_members: 16777217\n", `f:3:18: rooms.max_members: 16777217 is out of range: 1 to 16777216 would be right`},
		{"rooms:\n  - match: a\n    max_members: 1.5\n", `f:3:18: rooms.max_members: a number is not right here: a whole number such as 1000 would be`},

		// All at once, with what is wrong elsewhere.
		{"echo: 1\nrooms:\n  - match: a b\n    slow: dorp\n  - presence: 1\nlisen: x\n", `f:1:7: echo: a number is not right here: true or false would be
f:4:11: rooms.slow: "dorp" is unknown: close, drop or conflate would be right
f:3:12: rooms.match: "a b" can match no room: 1 to 200 bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right
f:5:15: rooms.presence: a number is not right here: true or false would be
f:5:5: rooms.match is missing: match: "chat.*" would be right
f:6:1: unknown key "lisen": did you mean listen?`},
	} {
		_, err := parseFile("f", []byte(c.file), serveSettings)
		if err == nil || err.Error() != c.want && !(strings.HasSuffix(c.want, ": ") && strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%q:\n%v\nwant\n%s", c.file, err, c.want)
		}
	}
}

// A file of rules, right or wrong, is told of soon, and a wrong one not without end.
func TestParseFile_Rooms_Bounds(t *testing.T) {
	rules := func(n int, format string) string {
		var b strings.Builder
		b.WriteString("rooms:\n")
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	whole := "  - match: \"room%d.*\"\n    publish: services\n    slow: close\n    history: {size: 10, ttl: 5s}\n    presence: true\n    document: json\n    schema: s.json\n    max_members: 9\n"
	began := time.Now()
	content, err := parseFile("f", []byte(rules(maxRooms, whole)), serveSettings)
	if err != nil || len(content.rooms) != maxRooms || content.rooms[maxRooms-1].match != "room999.*" {
		t.Errorf("%d rules: %d, %v", maxRooms, len(content.rooms), err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("%d rules take %v", maxRooms, d)
	} else {
		t.Logf("%d rules take %v", maxRooms, d)
	}
	_, err = parseFile("f", []byte(rules(maxRooms+1, "  - match: \"room%d.*\"\n")), serveSettings)
	if want := "f:2:3: rooms: 1001 rules are too many: at most 1000 would be right"; err == nil || err.Error() != want {
		t.Errorf("one more: %v; want %s", err, want)
	}
	_, err = parseFile("f", []byte(rules(maxRooms, "  - match: \"room%d.*\"\n    slow: dorp\n")), serveSettings)
	if told := flat(err); len(told) != maxTold+1 || told[maxTold].Error() != "f: and more: it is told once these 100 are right" {
		t.Errorf("%d are told, the last is %v", len(told), told[len(told)-1])
	}
	_, err = parseFile("f", []byte(strings.Repeat("a: 1\n", maxKeys+1)), serveSettings)
	if want := "f:12001:2: too many keys: at most 12000 would be right"; err == nil || err.Error() != want {
		t.Errorf("too many keys: %v; want %s", err, want)
	}
}

// An earlier rule stands in the way of a later one where it matches all its rooms,
// and only there.
func TestCovers_Patterns(t *testing.T) {
	for _, c := range []struct {
		earlier, later string
		want           bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a.*", "a.b", true}, {"a.b", "a.*", false}, {"a.*", "a.*", true},
		{"a**", "a*", true}, {"a*", "a**", true}, {"*", "a*b*c", true}, {"a*c", "a*b*c", true}, {"a*b*c", "a*c", false},
		{"*b", "a*", false}, {"a*", "*a", false}, {"a*b", "a*bc", false}, {"*x*", "a*x*", true},
	} {
		if got := covers(c.earlier, c.later); got != c.want {
			t.Errorf("%s before %s: %v", c.earlier, c.later, got)
		}
	}
}

// What the rules say is what the edge gets; what they leave open is its default.
func TestPolicies_Edge(t *testing.T) {
	dir := t.TempDir()
	schema := filepath.Join(dir, "schemas", "op.json")
	if err := os.MkdirAll(filepath.Dir(schema), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := parseFile(filepath.Join(dir, "roost.yaml"), []byte(`
rooms:
  - match: "ticker.*"
    publish: services
    history: {size: 0}
  - match: doc.*
    presence: true
    document: json
    schema: schemas/op.json
    max_members: 500
  - match: op.*
    schema: ./schemas/../schemas/op.json
    history: {ttl: 5m}
  - match: abs.*
    schema: `+schema+`
    publish: claims
    slow: drop
    presence: false
  - {match: "*", history: {size: 1000, ttl: 1h}}
`), serveSettings)
	if err != nil {
		t.Fatal(err)
	}
	got, err := policies(content.rooms)
	if err != nil {
		t.Fatal(err)
	}
	compiled := got[1].Schema
	want := []edge.RoomPolicy{
		{Match: "ticker.*", Services: true, History: &edge.History{Size: 0, TTL: time.Minute}},
		{Match: "doc.*", Presence: true, Document: true, Schema: compiled, MaxMembers: 500},
		{Match: "op.*", Schema: compiled, History: &edge.History{Size: 100, TTL: 5 * time.Minute}},
		{Match: "abs.*", Slow: edge.SlowDrop, Schema: compiled},
		{Match: "*", History: &edge.History{Size: 1000, TTL: time.Hour}},
	}
	if !reflect.DeepEqual(got, want) || compiled == nil {
		t.Errorf("the policies are\n%+v\nwant\n%+v", got, want)
	}
	if list, err := policies(nil); err != nil || len(list) != 0 {
		t.Errorf("of no rules: %v, %v", list, err)
	}
}

// A schema that is not there stops the start, once, with its place and the reason.
func TestRun_Rooms_BrokenSchema(t *testing.T) {
	file := writeFile(t, "roost.yaml", "auth: none\nrooms:\n  - match: a\n    schema: no.json\n  - match: b\n    schema: no.json\n")
	status, stdout, stderr := invoke([]string{"serve", "--config", file}, nil)
	want := fmt.Sprintf("roost: %s:4:13: rooms.schema: schema %s: openat no.json: no such file or directory\nsee roost serve --help\n", file, filepath.Join(filepath.Dir(file), "no.json"))
	if status != statusUsage || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr\n%swant\n%s", status, stdout, stderr, want)
	}
}

// The edge's word on rooms is told with their place.
func TestSections_Settle_RoomsHaveAPlace(t *testing.T) {
	file := writeFile(t, "roost.yaml", "auth: none\nrooms:\n  - match: a\n")
	p := parseServe(t, []string{"--config", file}, nil)
	if err := p.settle(); err != nil {
		t.Fatal(err)
	}
	errs := flagErrors(p.origins, &edge.FieldError{Field: "Rooms", Problem: "are odd"})
	if want := file + ":3:3: rooms: are odd"; len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("it says %v; want %s", errs, want)
	}
}

// Each key of a section has a value of its kind, a description, and a default that
// is right; the ranges are those of the types that they fill.
func TestSection_Tables_MatchTheirValues(t *testing.T) {
	for _, s := range []*section{new(roomRule).section(), new(webhookSettings).section()} {
		if len(s.settings) != len(s.values) || len(s.settings) > 12 {
			t.Errorf("%s has %d keys and %d values", s.name, len(s.settings), len(s.values))
		}
		for i := range s.settings {
			set := &s.settings[i]
			v := s.values[set.name]
			if v == nil {
				t.Errorf("%s.%s has no value", s.name, set.name)
				continue
			}
			if !strings.HasSuffix(set.meaning, ".") || !strings.HasSuffix(set.when, ".") || set.places != inFile {
				t.Errorf("%s.%s is not described", s.name, set.name)
			}
			if n, ok := v.(number); ok && set.high == 0 || !ok && set.high != 0 {
				t.Errorf("%s.%s is a %T of %s", s.name, set.name, n, set.bounds())
			}
			if set.standard == "" {
				continue
			}
			if err := v.decode(set.standard); err != nil || v.String() != set.standard || set.check(v) != nil {
				t.Errorf("%s.%s: the default %q is %q, %v, %v", s.name, set.name, set.standard, v, err, set.check(v))
			}
		}
	}
	var r roomRule
	for name, v := range r.section().values {
		if standard := find(roomKeys, name).standard; standard != "" {
			_ = v.decode(standard)
		}
	}
	if h := (edge.History{Size: int(r.size), TTL: time.Duration(r.ttl)}); h != edge.DefaultHistory {
		t.Errorf("the default history is %+v, the edge's %+v", h, edge.DefaultHistory)
	}
	if !strings.Contains(find(roomKeys, "match").meaning, "1 to "+strconv.Itoa(rooms.MaxName)+" bytes") {
		t.Errorf("the length of a pattern is not told")
	}
}
