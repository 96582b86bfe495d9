package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/rooms"
)

const (
	keyRooms     = "rooms"
	sectionRooms = "Rooms"
	maxRooms     = 1000 // rules
)

// roomKeys are the keys of a rule in the section rooms.
var roomKeys = []setting{
	{
		name: "match", section: sectionRooms, places: inFile, unit: unitPattern,
		meaning: "The rooms that the rule is for: 1 to 200 bytes of what a room may be called, and * for any run of bytes.",
		when:    "Required. The first rule that matches a room is the room's: put the narrow ones first.",
	},
	{
		name: "publish", section: sectionRooms, places: inFile, unit: unitChoice, choices: []string{"claims", "services"}, standard: "claims",
		meaning: "Who may publish: with claims also the clients whose token or backend says so; with services nobody but services, by the API.",
		when:    "Set services for rooms that clients only read.",
	},
	{
		name: "slow", section: sectionRooms, places: inFile, unit: unitChoice, choices: []string{"close", "drop", "conflate"}, standard: "close",
		meaning: "What becomes of a member for whom more waits than --outbox: close ends it with 4003; drop keeps the newest messages from it until it has read the rest, and tells a native member by a gap which; conflate does so too, and then gives it the latest message of each key.",
		when:    "Set conflate where only the present counts and messages have a key, such as prices; drop where a lost message is no harm.",
	},
	{
		name: "history.size", section: sectionRooms, places: inFile, unit: unitCount, low: 0, high: 10_000, standard: "100",
		meaning: "Messages that are kept for members that come back; 0 keeps none.",
		when:    "Raise it for rooms with many messages a second; set 0 where an old message is worth nothing.",
	},
	{
		name: "history.ttl", section: sectionRooms, places: inFile, unit: unitSpan, low: second, high: 24 * 3600 * second, standard: "1m",
		meaning: "How long a message is kept.",
		when:    "Set it to the longest absence after which a client should miss nothing.",
	},
	{
		name: "presence", section: sectionRooms, places: inFile,
		meaning: "Who is in the room is kept, listed, and told to its members.",
		when:    "Turn it on where clients show it; coming and going costs a message to each member, at most one a second.",
	},
	{
		name: "document", section: sectionRooms, places: inFile, unit: unitChoice, choices: []string{"json"},
		meaning: "The room holds a JSON document, which patches change.",
		when:    "Set json for a state that clients share, rather than a stream of messages.",
	},
	{
		name: "schema", section: sectionRooms, places: inFile, unit: unitFile,
		meaning: "A JSON Schema (2020-12) of what clients publish; in a room with a document, of the document. A path begins at the file's folder.",
		when:    "Set it where clients publish to each other, so that no client has to read what another broke.",
	},
	{
		name: "max_members", section: sectionRooms, places: inFile, unit: unitCount, low: 1, high: 1 << 24,
		meaning: "Connections in the room at once; past it joining is refused.",
		when:    "Set it for rooms in which everybody writes: their work grows with the square of the members.",
	},
}

// A roomRule is one element of the section rooms.
type roomRule struct {
	// By its keys.
	match      text
	publish    text
	slow       text
	size       count
	ttl        span
	presence   toggle
	document   text
	schema     text  // a path, from the working directory
	maxMembers count // 0: any number

	// Where it stands.
	line   int
	places map[string]string // of its keys, as an error begins
}

// section is the rule as the file holds it.
func (r *roomRule) section() *section {
	return &section{name: keyRooms, settings: roomKeys, places: r.places, values: map[string]value{
		"match": &r.match, "publish": &r.publish, "slow": &r.slow, "history.size": &r.size, "history.ttl": &r.ttl,
		"presence": &r.presence, "document": &r.document, "schema": &r.schema, "max_members": &r.maxMembers,
	}}
}

// rooms reads the section rooms.
func (p *fileParser) rooms(node ast.Node, place string) []roomRule {
	list, ok := node.(*ast.SequenceNode)
	switch {
	case !ok:
		p.failAt(place, "%w", wrongType(node, `a list such as [{match: "chat.*"}]`))
		return nil
	case len(list.Values) == 0:
		p.failAt(place, "the list is empty: a rule, or no such key, would be right")
	case len(list.Values) > maxRooms:
		p.failAt(place, "%d rules are too many: at most %d would be right", len(list.Values), maxRooms)
		return nil
	}
	rules := make([]roomRule, 0, len(list.Values))
	for _, element := range list.Values {
		m, ok := element.(*ast.MappingNode)
		if !ok {
			p.fail(start(element), "%s: %w", keyRooms, wrongType(element, `a mapping such as {match: "chat.*"}`))
			continue
		}
		r := roomRule{line: start(m).Position.Line}
		s := r.section()
		s.read(p, m)
		r.places = s.places
		p.checkRule(&r, m, rules)
		rules = append(rules, r)
	}
	return rules
}

// checkRule checks what no single key's range can say.
func (p *fileParser) checkRule(r *roomRule, m *ast.MappingNode, earlier []roomRule) {
	switch place := r.places["match"]; {
	case place == "" && len(m.Values) > 0:
		p.fail(start(m), `%s.match is missing: match: "chat.*" would be right`, keyRooms)
	case r.match == "": // told already
	case !validPattern(string(r.match)):
		p.failAt(place, "%q can match no room: 1 to %d bytes of A-Z a-z 0-9 . _ - : @ = , ; + ~ and * would be right", string(r.match), rooms.MaxName)
	default:
		for i := range earlier {
			if e := &earlier[i]; covers(string(e.match), string(r.match)) {
				p.failAt(place, "the rule in line %d, %s, matches all of %s already: one above it, or none, would be right", e.line, e.match, r.match)
				break
			}
		}
	}
	if r.schema != "" && !filepath.IsAbs(string(r.schema)) {
		r.schema = text(filepath.Join(filepath.Dir(p.path), string(r.schema)))
	}
}

// slows are the words for slow, as the edge has them.
var slows = map[text]edge.Slow{"close": edge.SlowClose, "drop": edge.SlowDrop, "conflate": edge.SlowConflate}

// validPattern says whether a pattern can be of rooms: in place of a star any
// byte may stand.
func validPattern(pattern string) bool {
	return rooms.ValidName(strings.ReplaceAll(pattern, "*", "_"))
}

// covers says whether every room that pattern matches is matched by earlier too.
// A star is no byte of a room, so where earlier matches one it does so by a star of
// its own, which takes whatever stands there.
func covers(earlier, pattern string) bool {
	return auth.Patterns{earlier}.Match(pattern)
}

// policies reads the schemas that rules name, each once, and gives the rules as the
// edge takes them.
func policies(rules []roomRule) ([]edge.RoomPolicy, error) {
	type compiled struct {
		schema *edge.Schema
		err    error
	}
	var errs []error
	schemas := make(map[text]compiled)
	list := make([]edge.RoomPolicy, len(rules))
	for i := range rules {
		r := &rules[i]
		list[i] = edge.RoomPolicy{
			Match:      string(r.match),
			Slow:       slows[r.slow],
			Services:   r.publish == "services",
			Presence:   bool(r.presence),
			Document:   r.document != "",
			MaxMembers: int(r.maxMembers),
		}
		if r.places["history.size"] != "" || r.places["history.ttl"] != "" {
			list[i].History = &edge.History{Size: int(r.size), TTL: time.Duration(r.ttl)}
		}
		if r.schema == "" {
			continue
		}
		c, known := schemas[r.schema]
		if !known {
			c.schema, c.err = edge.CompileSchema(string(r.schema))
			schemas[r.schema] = c
			if c.err != nil { // once, where it stands first
				errs = append(errs, fmt.Errorf("%s: %w", r.places["schema"], c.err))
			}
		}
		list[i].Schema = c.schema
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return list, nil
}
