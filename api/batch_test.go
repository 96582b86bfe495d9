package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/roostws/roost/edge"
)

func TestBatch_EachEntryInOrder(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	r := ask(t, "POST", s.URL+"/v1/publish", ` [
		{"room":"a","data":"text \"quoted\" \u00e9 \ud83d\ude00\n"},
		{"data":{"x": [1, 2, {"y":"}]"}]},"room":"a"},
		{"data":{"x":1,"x":"\ud800"},"room":"a"},
		{"room":"b","data":null} , {"room":"b","data":12.5},{"room":"b","data":true},
		{"room":"b","data":""},
		{"room":"c","base64":"AP/+"},
		{"room":"d","data":"x","exclude":"conn7"},
		{"ro\u006fm":"\u0064","data":[ ]}
	] `)
	r.wantOK(t, `[{"room":"a","offset":1,"epoch":"e1"},{"room":"a","offset":2,"epoch":"e1"},{"room":"a","offset":3,"epoch":"e1"},`+
		`{"room":"b","offset":1,"epoch":"e1"},{"room":"b","offset":2,"epoch":"e1"},{"room":"b","offset":3,"epoch":"e1"},{"room":"b","offset":4,"epoch":"e1"},`+
		`{"room":"c","offset":1,"epoch":"e1"},{"room":"d","offset":1,"epoch":"e1"},{"room":"d","offset":2,"epoch":"e1"}]`+"\n")
	rec.want(t,
		message{room: "a", data: "text \"quoted\" é 😀\n", text: true},
		message{room: "a", data: `{"x": [1, 2, {"y":"}]"}]}`},
		message{room: "a", data: `{"x":1,"x":"\ud800"}`},
		message{room: "b", data: "null"}, message{room: "b", data: "12.5"}, message{room: "b", data: "true"}, message{room: "b", data: "", text: true},
		message{room: "c", data: "\x00\xff\xfe", binary: true},
		message{room: "d", data: "x", exclude: 7, text: true},
		message{room: "d", data: "[ ]"},
	)
}

func TestBatch_Empty(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	ask(t, "POST", s.URL+"/v1/publish", "[]").wantOK(t, "[]\n")
}

// What is wrong with one entry is its own answer; the others go out.
func TestBatch_EntryFails(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	r := ask(t, "POST", s.URL+"/v1/publish", `[
		{"room":"ok","data":1},
		{"room":"not ok","data":1},
		{"data":1},
		{"room":"r"},
		{"room":"r","data":1,"base64":""},
		{"room":"r","base64":"A"},
		{"room":"r","base64":"AP-_"},
		{"room":"r","data":1,"exclude":"nobody"},
		{"room":"r","data":"`+strings.Repeat("x", 64<<10+1)+`"},
		{"room":"ok","data":2}]`)
	if r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	var got []struct {
		Room, Error, Message string
		Offset               uint64
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"", "bad_request|room name", "bad_request|\"room\" is missing", "bad_request|message is missing",
		"bad_request|one of the two", "bad_request|base64", "bad_request|base64", "bad_request|nobody", "too_large|65536", ""}
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d: %s", len(got), len(want), r.body)
	}
	for i, w := range want {
		code, text, _ := strings.Cut(w, "|")
		if got[i].Error != code || !strings.Contains(got[i].Message, text) || (w == "") != (got[i].Offset > 0) {
			t.Errorf("entry %d: %+v, want %s", i, got[i], w)
		}
	}
	rec.want(t, message{room: "ok", data: "1"}, message{room: "ok", data: "2"})
}

func TestBatch_Malformed_PublishesNothing(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	good := `{"room":"r","data":1}`
	for _, c := range []struct {
		name, body    string
		status        int
		code, message string
	}{
		{"nothing", "", 400, "bad_request", "not JSON"},
		{"cut short", "[" + good, 400, "bad_request", "at byte"},
		{"more behind", "[" + good + "] x", 400, "bad_request", "at byte 24"},
		{"an object", good, 400, "bad_request", "is an object: an array"},
		{"a string", `"r"`, 400, "bad_request", "is a string"},
		{"a string and more", `"r" x`, 400, "bad_request", "not JSON"},
		{"no comma", "[" + good + good + "]", 400, "bad_request", "at byte 22"},
		{"the wrong bracket", `[{"room":"r"]`, 400, "bad_request", "not JSON"},
		{"a name without a value", `[{"room"}]`, 400, "bad_request", "not JSON"},
		{"a name that is a number", `[{1:2}]`, 400, "bad_request", "not JSON"},
		{"an entry is a number", "[" + good + ",1]", 400, "bad_request", "entry 1 is a number"},
		{"an entry is null", "[null]", 400, "bad_request", "entry 0 is null"},
		{"unknown field", "[" + good + `,{"room":"r","data":1,"keys":"k"}]`, 400, "bad_request", `entry 1 has an unknown field "keys"`},
		{"other capitals", `[{"Room":"r","data":1}]`, 400, "bad_request", `"Room"`},
		{"twice", `[{"room":"r","data":1,"data":2}]`, 400, "bad_request", `"data" twice`},
		{"room is a number", `[{"room":1,"data":1}]`, 400, "bad_request", `a number as "room"`},
		{"exclude is null", `[{"room":"r","data":1,"exclude":null}]`, 400, "bad_request", `null as "exclude"`},
		{"base64 is an array", `[{"room":"r","base64":[]}]`, 400, "bad_request", `an array as "base64"`},
		{"half a surrogate pair", `[{"room":"r","data":"\ud800"}]`, 400, "bad_request", "surrogate"},
		{"two first halves", `[{"room":"r","data":"\ud800\ud800"}]`, 400, "bad_request", "surrogate"},
		{"not UTF-8", "[{\"room\":\"r\",\"data\":\"\xff\"}]", 400, "bad_request", "not UTF-8"},
		{"1,001 entries", "[" + strings.Repeat(good+",", 1000) + good + "]", 413, "too_large", "at most 1000"},
		{"16 MiB and a byte", "[" + strings.Repeat(" ", 16<<20) + "]", 413, "too_large", "16777216"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask(t, "POST", s.URL+"/v1/publish", c.body).wantError(t, c.status, c.code, c.message)
			rec.want(t)
		})
	}
	ask(t, "POST", s.URL+"/v1/publish?exclude=conn7", "[]").wantError(t, 400, "bad_request", `"exclude"`)
}

func TestBatch_TakesAThousandEntries(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	for range 2 { // the second in pooled memory
		r := ask(t, "POST", s.URL+"/v1/publish", "["+strings.Repeat(`{"room":"r","data":1},`, 999)+`{"room":"r","data":1}]`)
		var got []edge.Position
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.StatusCode != 200 || len(got) != 1000 {
			t.Fatalf("%d, %d answers, %v", r.StatusCode, len(got), err)
		}
		if n := len(rec.take()); n != 1000 {
			t.Errorf("%d published", n)
		}
	}
}

// Once the server takes no more, the rest is not tried, so that what was published
// of a room has no hole.
func TestBatch_Overload(t *testing.T) {
	three := `[{"room":"r","data":1},{"room":"r","data":2},{"room":"r","data":3}]`
	rec := &recorder{err: edge.ErrOverloaded, after: 1}
	s := serve(t, Config{}, rec)
	r := ask(t, "POST", s.URL+"/v1/publish", three)
	if r.StatusCode != 200 || strings.Count(r.body, `"error":"unavailable"`) != 2 || !strings.HasPrefix(r.body, `[{"room":"r","offset":1`) {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	rec.want(t, message{room: "r", data: "1"})

	for err, retry := range map[error]string{edge.ErrOverloaded: "1", edge.ErrClosed: "5"} {
		r = ask(t, "POST", serve(t, Config{}, &recorder{err: err}).URL+"/v1/publish", three)
		r.wantError(t, 503, "unavailable", "")
		if got := r.Header.Get("Retry-After"); got != retry {
			t.Errorf("%v: Retry-After %q", err, got)
		}
	}
}

// An entry's binary message must not show up in the next one's.
func TestBatch_BinaryEntriesAreTheirOwn(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	var items []string
	var want []message
	for i := range 50 {
		data := strings.Repeat(string(rune('a'+i%26)), i*7)
		items = append(items, fmt.Sprintf(`{"room":"r","base64":%q}`, base64.StdEncoding.EncodeToString([]byte(data))))
		want = append(want, message{room: "r", data: data, binary: true})
	}
	if r := ask(t, "POST", s.URL+"/v1/publish", "["+strings.Join(items, ",")+"]"); r.StatusCode != 200 {
		t.Fatal(r.body)
	}
	rec.want(t, want...)
}

func TestBatch_Key(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	r := ask(t, "POST", s.URL+"/v1/publish", `[{"room":"r","data":1,"key":"NORD"},{"room":"r","data":2,"key":""},{"room":"r","data":3,"key":"`+strings.Repeat("k", 201)+`"},{"room":"r","base64":"AA==","key":"é"}]`)
	if n := strings.Count(r.body, `"message":"key is not`); r.StatusCode != 200 || n != 2 {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	rec.want(t, message{room: "r", data: "1", key: "NORD"}, message{room: "r", data: "\x00", binary: true, key: "é"})
	ask(t, "POST", s.URL+"/v1/publish", `[{"room":"r","data":1,"key":7}]`).wantError(t, 400, "bad_request", `a number as "key"`)
}

// Each entry of a batch has an idempotency key of its own, by its place.
func TestBatch_IdempotencyKey(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	two := `[{"room":"r","data":1},{"room":"q","data":2}]`
	ask(t, "POST", s.URL+"/v1/publish", two, "Idempotency-Key: order-17")
	rec.want(t, message{room: "r", data: "1", once: "order-17#0"}, message{room: "q", data: "2", once: "order-17#1"})

	long := strings.Repeat("k", 200)
	var seen []string
	for _, key := range []string{long, long[1:], long} {
		ask(t, "POST", s.URL+"/v1/publish", two, "Idempotency-Key: "+key)
		for _, m := range rec.take() {
			if len(m.once) > 200 {
				t.Errorf("the key of an entry has %d bytes", len(m.once))
			}
			seen = append(seen, m.once)
		}
	}
	if seen[0] == seen[1] || seen[0] == seen[2] || seen[0] != seen[4] || seen[1] != seen[5] {
		t.Errorf("keys %q", seen)
	}
	ask(t, "POST", s.URL+"/v1/publish", two, "Idempotency-Key: "+long+"k").wantError(t, 400, "bad_request", "1 to 200 visible")
	rec.want(t)
}
