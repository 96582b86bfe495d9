package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/roostws/roost/protocol"
)

// says sends commands to /ws without waiting for answers, and tells the answers by
// their type, errors by their code: several of a kind by their number.
func says(commands ...string) func(*server) string { return hears(0, commands...) }

// hears is says that also waits for so many messages of rooms.
func hears(messages int, commands ...string) func(*server) string {
	var all strings.Builder
	for _, c := range commands {
		all.WriteString(frame(text, c))
	}
	return sends(all.String(), messages)
}

// last is the command whose answer is the last.
const last = `{"type":"ping","id":-99}`

// sends is hears for frames.
func sends(frames string, messages int) func(*server) string {
	return func(s *server) string {
		p := s.upgraded("/ws")
		defer p.close()
		go p.send(frames + frame(text, last))
		var w words
		for answered := false; !answered || messages > 0; {
			op, payload, err := p.frame()
			switch {
			case err != nil:
				w.add(end(err))
				return w.String()
			case op == protocol.OpClose:
				w.add(closeWord(payload))
				return w.String()
			case string(payload) == `{"type":"pong","id":-99}`:
				answered = true
				continue
			}
			said := word(payload)
			if said == "message" {
				messages--
			}
			w.add(said)
		}
		p.bye = true
		p.send(goodbye)
		if rest := p.rest(); rest != fine {
			w.add(rest)
		}
		return w.String()
	}
}

// word tells a message of the server.
func word(payload []byte) string {
	var m struct {
		Type, Code string
		Recovered  bool
	}
	if large := []byte(`"recovered":true`); len(payload) > 1<<20 && bytes.Contains(payload[:1000], large) {
		return "recovered" // to read all of it would be slow
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return fmt.Sprintf("what is not JSON: %.100q", payload)
	}
	switch {
	case m.Type == "welcome":
		return ""
	case m.Type == "error" && len(payload) > 1000:
		return fmt.Sprint("an error of ", len(payload), " bytes")
	case m.Type == "error":
		return m.Code
	case m.Recovered:
		return "recovered"
	}
	return m.Type
}

// Words are told with the number of those that are the same.
type words struct {
	list  []string
	count []int
}

func (w *words) add(word string) {
	switch n := len(w.list); {
	case word == "":
	case n > 0 && w.list[n-1] == word:
		w.count[n-1]++
	default:
		w.list, w.count = append(w.list, word), append(w.count, 1)
	}
}

func (w *words) String() string {
	var out []string
	for i, word := range w.list {
		if w.count[i] > 1 {
			word = fmt.Sprint(w.count[i], " ", word)
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

func times(n int, commands ...string) []string { return slices.Repeat(commands, n) }

// numbered makes n commands of a form with the number in it.
func numbered(n int, form string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(form, i))
	}
	return all
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

var commands = []attack{
	{name: "ten messages that are no JSON", run: says(times(10, "x")...), want: "9 bad_request, close 1008"},
	{name: "nine, a command, and nine", run: says(append(append(times(9, "x"), `{"type":"ping"}`), times(9, "{")...)...), want: "9 bad_request, pong, 9 bad_request"},
	{name: "ten binary messages", run: sends(strings.Repeat(frame(bin, last), 10), 0), want: "9 bad_request, close 1008"},
	{name: "a command of nothing", run: says(""), want: "bad_request"},
	{name: "two commands in one message", run: says(`{"type":"ping"}{"type":"ping"}`), want: "bad_request"},
	{name: "a mark of the byte order", run: says("\xef\xbb\xbf" + `{"type":"ping"}`), want: "bad_request"},
	{name: "a zero behind a command", run: says(`{"type":"ping"}` + "\x00"), want: "bad_request"},
	{name: "single quotes, comments, NaN", run: says(`{'type':'ping'}`, `{"type":"ping"/**/}`, `{"type":"ping","x":NaN}`), want: "3 bad_request"},
	{name: "no text at all", run: says("{\"type\":\"ping\xff\"}"), want: noText},
	{name: "arrays 32,000 deep", run: says(nested(32_000)), want: "bad_request"},
	{name: "objects 13,000 deep", run: says(strings.Repeat(`{"":`, 13_000) + "1" + strings.Repeat("}", 13_000)), want: "bad_request"},
	{name: "a field nobody knows, 32,000 deep", run: says(`{"type":"ping","x":` + nested(32_000) + `}`), want: "bad_request"},
	{name: "data 9,000 deep", run: says(`{"type":"publish","id":1,"room":"deep","data":` + nested(9_000) + `}`), want: "published"},
	{name: "ten thousand unknown fields", run: says(`{"type":"ping"` + strings.Join(numbered(5_000, `,"x%d":1`), "") + `}`), want: "pong"},
	{name: "a field twice", run: says(`{"type":"ping","type":"leave"}`, `{"type":"join","room":"a","room":"b"}`), want: "2 bad_request"},
	{name: "a field twice, once with escapes", run: says(`{"type":"join","room":"a","r\u006fom":"b"}`), want: "bad_request"},
	{name: "names of JavaScript", run: says(`{"type":"ping","__proto__":{"id":1},"constructor":{"prototype":{}}}`), want: "pong"},
	{name: "a type of 60,000 bytes", run: says(`{"type":"` + stars(60_000) + `","id":1}`), want: "bad_request"},
	{name: "types that are none", run: says(`{}`, `{"type":1}`, `{"type":null}`, `{"type":["ping"]}`, `{"type":""}`, `{"type":"PING"}`, `{"type":"welcome"}`), want: "7 bad_request"},
	{name: "ids that are none", run: says(`{"type":"ping","id":"1"}`, `{"type":"ping","id":1.5}`, `{"type":"ping","id":1e2}`, `{"type":"ping","id":[1]}`, `{"type":"ping","id":-0.0}`, `{"type":"ping","id":true}`), want: "6 bad_request"},
	{name: "ids over 2^53", run: says(`{"type":"ping","id":9007199254740992}`, `{"type":"ping","id":-9007199254740992}`, `{"type":"ping","id":18446744073709551617}`, `{"type":"ping","id":`+strings.Repeat("9", 60_000)+`}`), want: "4 bad_request"},
	{name: "the largest ids", run: says(`{"type":"ping","id":9007199254740991}`, `{"type":"ping","id":-9007199254740991}`), want: "2 pong"},
	{name: "one id for all", run: says(`{"type":"ping","id":1}`, `{"type":"join","id":1,"room":"a"}`, `{"type":"leave","id":1,"room":"a"}`), want: "pong, joined, left"},
	{name: "rooms that cannot be", run: says(`{"type":"join","room":""}`, `{"type":"join","room":"a b"}`, `{"type":"join","room":"*"}`, `{"type":"join","room":"a/b"}`, `{"type":"join","room":"\u0000"}`, `{"type":"join","room":"é"}`, `{"type":"join","room":"`+strings.Repeat("r", 201)+`"}`), want: "7 bad_request"},
	{name: "half a pair of surrogates", run: says(`{"type":"publish","room":"a","data":"\ud800"}`), want: "bad_request"},
	{name: "a room's name in escapes", run: says(`{"type":"join","id":1,"room":"\u0072oom"}`), want: "joined"},
	{name: "a room for a list, a list for a room", run: says(`{"type":"join","rooms":"a"}`, `{"type":"join","room":["a"]}`, `{"type":"join","rooms":[["a"]]}`, `{"type":"join","rooms":[]}`), want: "4 bad_request"},
	{name: "101 rooms at once", run: says(`{"type":"join","id":1,"rooms":["a"` + strings.Repeat(`,"a"`, 100) + `]}`), want: "bad_request"},
	{name: "one room 100 times at once", run: says(`{"type":"join","id":1,"rooms":["a"` + strings.Repeat(`,"a"`, 99) + `]}`), want: "100 joined"},
	{name: "10,000 joins", run: says(numbered(10_000, `{"type":"join","id":1,"room":"pipe.%d"}`)...), want: "100 joined, 9900 forbidden"},
	{name: "5,000 joins and leaves of one room", run: says(times(5_000, `{"type":"join","room":"a"}`, `{"type":"leave","room":"a"}`)...), want: ""},
	{name: "10,000 leaves of rooms that one is not in", run: says(numbered(10_000, `{"type":"leave","id":1,"room":"no.%d"}`)...), want: "10000 left"},
	{name: "10,000 pings", run: says(times(10_000, `{"type":"ping"}`)...), want: "10000 pong"},
	{name: "20,000 rooms published to once", run: says(numbered(20_000, `{"type":"publish","id":1,"room":"once.%d","data":1}`)...), want: "20000 published"},
	{name: "a room for services alone", run: says(`{"type":"publish","id":1,"room":"services.1","data":1}`), want: "forbidden"},
	{name: "a refresh where there are no tokens, 1,000 times", run: says(times(1000, `{"type":"refresh","id":1,"token":"x"}`)...), want: "1000 bad_request"},
}

var publishing = []attack{
	{name: "base64 that is none", run: says(`{"type":"publish","room":"a","base64":"="}`, `{"type":"publish","room":"a","base64":"AA"}`, `{"type":"publish","room":"a","base64":"A A="}`, `{"type":"publish","room":"a","base64":"AA-_"}`), want: "4 bad_request"},
	{name: "a number of 60,000 digits", run: hears(1, `{"type":"join","room":"n"}`, `{"type":"publish","room":"n","data":`+strings.Repeat("9", 60_000)+`,"echo":true}`), want: "message"},
	{name: "a number past all numbers", run: says(`{"type":"publish","id":1,"room":"n","data":1e999999999}`), want: "published"},
	{name: "that number where a schema looks", run: says(`{"type":"publish","id":1,"room":"bid.1","data":{"price":1e999999999}}`), want: "invalid"},
	{name: "60,000 escapes", run: says(`{"type":"publish","id":1,"room":"n","data":"` + strings.Repeat(`\u0000`, 10_000) + `"}`), want: "published"},
	{name: "100 deep where a schema looks", run: says(`{"type":"publish","id":1,"room":"bid.1","data":` + nested(101) + `}`), want: "invalid"},
	{name: "a key of 201 bytes", run: says(`{"type":"publish","id":1,"room":"a","data":1,"key":"` + stars(201) + `"}`), want: "bad_request"},
	{name: "keys that are none", run: says(`{"type":"publish","id":1,"room":"a","data":1,"key":1}`, `{"type":"publish","id":1,"room":"a","data":1,"key":null}`), want: "2 bad_request"},
	{name: "20,000 keys", run: says(numbered(20_000, `{"type":"publish","id":1,"room":"ticker.k","data":1,"key":"%d"}`)...), want: "20000 published"},
	{name: "a message larger than may be", run: says(`{"type":"publish","id":1,"room":"a","data":"` + stars(65_536) + `"}`), want: tooLarge},
	{name: "1,000 messages of 60,000 bytes", run: says(times(1000, `{"type":"publish","id":1,"room":"big","data":"`+stars(60_000)+`"}`)...), want: "1000 published", peak: 64},
	{name: "a member of its own room that shouts", run: hears(30, append([]string{`{"type":"join","room":"own"}`}, times(30, `{"type":"publish","room":"own","data":"`+stars(60_000)+`","echo":true}`)...)...), want: "30 message"},
}

var recovering = []attack{
	{name: "offsets that are none", run: since(`-1`, `1.5`, `"1"`, `18446744073709551616`, `null`), want: "5 bad_request"},
	{name: "offsets that never were", run: since(`1`, `9007199254740993`, `18446744073709551615`), want: "3 joined"},
	{name: "epochs that are none", run: says(`{"type":"join","id":1,"room":"a","since":{"epoch":1,"offset":1}}`, `{"type":"join","id":1,"room":"a","since":{"offset":1}}`, `{"type":"join","id":1,"room":"a","since":[]}`), want: "3 bad_request"},
	{name: "an epoch of 60,000 bytes", run: says(`{"type":"join","id":1,"room":"a","since":{"epoch":"` + stars(60_000) + `","offset":1}}`), want: "joined"},
	{name: "a since for several rooms", run: says(`{"type":"join","id":1,"rooms":["a","b"],"since":{"epoch":"e","offset":0}}`), want: "bad_request"},
	{name: "2 MB recovered 300 times", run: recovers(1, 300, true), want: "300 recovered", peak: 96},
	{name: "the same by 20 who never read", run: recovers(20, 200, false), want: "", peak: 160},
}

// since joins a room with offsets of an epoch that is none.
func since(offsets ...string) func(*server) string {
	var all []string
	for _, o := range offsets {
		all = append(all, `{"type":"join","id":1,"room":"s","since":{"epoch":"e","offset":`+o+`}}`)
	}
	return says(all...)
}

// recovers has clients ask for a long history over and over.
func recovers(clients, n int, read bool) func(*server) string {
	return func(s *server) string {
		var epoch struct{ Epoch string }
		for range 100 {
			_, body := s.call("POST", "/v1/rooms/long/publish", stars(20_000))
			if err := json.Unmarshal([]byte(body), &epoch); err != nil {
				return body
			}
		}
		_, body := s.call("GET", "/v1/rooms/long", "")
		var at struct{ Offset int }
		_ = json.Unmarshal([]byte(body), &at)
		join := fmt.Sprintf(`{"type":"join","id":1,"room":"long","since":{"epoch":%q,"offset":%d}}`, epoch.Epoch, at.Offset-100)
		var all []string
		for range n {
			all = append(all, join, `{"type":"leave","room":"long"}`)
		}
		if read {
			return says(all...)(s)
		}
		var frames strings.Builder
		for _, c := range all {
			frames.WriteString(frame(text, c))
		}
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				p := s.upgraded("/ws")
				defer p.reset()
				p.send(frames.String())
			})
		}
		wg.Wait()
		return ""
	}
}

var presences = []attack{
	{name: "limits that are none", run: says(`{"type":"presence","room":"team.1","limit":0}`, `{"type":"presence","room":"team.1","limit":1001}`, `{"type":"presence","room":"team.1","limit":-1}`, `{"type":"presence","room":"team.1","limit":"9"}`, `{"type":"presence","room":"team.1","limit":1e3}`), want: "5 bad_request"},
	{name: "pages that are none", run: says(`{"type":"presence","room":"team.1","after":"x"}`, `{"type":"presence","room":"team.1","after":"99999999999999999999.1.1"}`, `{"type":"presence","room":"team.1","after":"-1.-1.-1"}`, `{"type":"presence","room":"team.1","after":"`+stars(60_000)+`"}`), want: "4 bad_request"},
	{name: "of a room that keeps none", run: says(`{"type":"presence","id":1,"room":"a"}`), want: "not_found"},
	{name: "10,000 times", run: says(times(10_000, `{"type":"presence","id":1,"room":"team.1","limit":1000}`)...), want: "10000 presence"},
	{name: "200 who come and go 100 times", run: comingAndGoing, want: "200 came and went", peak: 64},
}

// comingAndGoing has clients join and leave a room that tells all of them.
func comingAndGoing(s *server) string {
	var wg sync.WaitGroup
	var mu sync.Mutex
	ok := 0
	var other string
	for range 200 {
		wg.Go(func() {
			var all []string
			for range 100 {
				all = append(all, `{"type":"join","room":"team.flood","presence":true}`, `{"type":"leave","room":"team.flood"}`)
			}
			came := says(all...)(s)
			mu.Lock()
			defer mu.Unlock()
			// Presence is told at most once a second: mostly to nobody here.
			if came == "" || strings.HasSuffix(came, "presence") {
				ok++
			} else {
				other = came
			}
		})
	}
	wg.Wait()
	if other != "" {
		return other
	}
	return fmt.Sprint(ok, " came and went")
}

// patch is a command that changes a document of its own.
func patch(room, operations string) string {
	return `{"type":"patch","id":1,"room":"doc.` + room + `","base":0,"patch":` + operations + `}`
}

var patches = []attack{
	{name: "what is no patch", run: says(patch("1", `{}`), patch("1", `1`), patch("1", `"x"`), patch("1", `null`)), want: "4 bad_request"},
	{name: "operations that are none", run: says(patch("2", `[1]`), patch("2", `[{}]`), patch("2", `[{"op":"x","path":"/a"}]`), patch("2", `[{"op":"add","path":"/a"}]`), patch("2", `[{"op":"add","path":"a","value":1}]`), patch("2", `[{"op":"add","path":"/~2","value":1}]`), patch("2", `[{"op":"copy","path":"/a"}]`)), want: "7 invalid"},
	{name: "1,001 operations", run: says(patch("3", `[`+strings.Repeat(`{"op":"add","path":"/a","value":1},`, 1000)+`{"op":"add","path":"/a","value":1}]`)), want: "invalid"},
	{name: "copies that double 40 times", run: says(patch("4", `[{"op":"add","path":"/a","value":["x"]}`+strings.Repeat(`,{"op":"copy","from":"/a","path":"/a/-"}`, 40)+`]`)), want: "too_large"},
	{name: "1,000 copies of 40,000 bytes", run: says(patch("5", `[{"op":"add","path":"/a","value":"`+stars(20_000)+`"},{"op":"add","path":"/b","value":[]}`+strings.Repeat(`,{"op":"copy","from":"/a","path":"/b/-"}`, 900)+`]`)), want: "too_large"},
	{name: "copies that are taken away again", run: says(patch("6", `[{"op":"add","path":"/a","value":"`+stars(20_000)+`"}`+strings.Repeat(`,{"op":"copy","from":"/a","path":"/b"},{"op":"remove","path":"/b"}`, 400)+`]`)), want: "too_large"},
	{name: "a move into itself", run: says(patch("7", `[{"op":"add","path":"/a","value":{}},{"op":"move","from":"/a","path":"/a/b"}]`)), want: "invalid"},
	{name: "a move of all into itself", run: says(patch("8", `[{"op":"move","from":"","path":"/a"}]`)), want: "invalid"},
	{name: "the document removed", run: says(patch("9", `[{"op":"remove","path":""}]`)), want: "invalid"},
	{name: "the document made a number", run: says(patch("10", `[{"op":"replace","path":"","value":1}]`)), want: "invalid"},
	{name: "indexes that are none", run: says(patch("11", `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/1000000000","value":1}]`), patch("11", `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/-1","value":1}]`), patch("11", `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/00","value":1}]`), patch("11", `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/18446744073709551616","value":1}]`)), want: "4 invalid"},
	{name: "a value 101 deep", run: says(patch("12", `[{"op":"add","path":"/a","value":`+nested(101)+`}]`)), want: "invalid"},
	{name: "a depth that copies double", run: says(patch("13", `[{"op":"add","path":"/a","value":{}}`+strings.Repeat(`,{"op":"copy","from":"/a","path":"/a/a"}`, 200)+`]`)), want: "invalid"},
	{name: "a path of 60,000 steps", run: says(patch("14", `[{"op":"add","path":"`+strings.Repeat("/a", 30_000)+`","value":1}]`)), want: "invalid"},
	{name: "900 insertions at the front of 12,000", run: says(patch("15", `[{"op":"add","path":"/a","value":[`+strings.Repeat("0,", 12_000)+`0]}`+strings.Repeat(`,{"op":"add","path":"/a/0","value":0}`, 900)+`]`)), want: "patched"},
	{name: "names of JavaScript", run: says(patch("16", `[{"op":"add","path":"/__proto__","value":{"a":1}},{"op":"add","path":"/constructor","value":1}]`)), want: "patched"},
	{name: "bases that are none", run: says(strings.Replace(patch("17", `[]`), `"base":0`, `"base":-1`, 1), strings.Replace(patch("17", `[]`), `"base":0`, `"base":1.5`, 1), strings.Replace(patch("17", `[]`), `"base":0`, `"base":18446744073709551616`, 1)), want: "3 bad_request"},
	{name: "a base that never was", run: says(strings.Replace(patch("18", `[]`), `"base":0`, `"base":18446744073709551615`, 1)), want: "conflict"},
	{name: "a room without a document", run: says(`{"type":"patch","id":1,"room":"a","base":0,"patch":[]}`), want: "not_found"},
	{name: "2,000 documents of 8,000 bytes", run: says(numbered(2_000, `{"type":"patch","id":1,"room":"doc.many.%d","base":0,"patch":[{"op":"add","path":"/a","value":"`+stars(8_000)+`"}]}`)...), want: "518 patched, 1482 unavailable", peak: 64},
}

func TestHostile_Native(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--history-memory", "4MiB", "--document-memory", "4MiB")
	s.suffer(t, commands)
	s.suffer(t, publishing)
	s.suffer(t, recovering)
	s.suffer(t, presences)
	s.suffer(t, patches)
}
