package native

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func parse(t testing.TB, text string) (Command, error) {
	t.Helper()
	var p Parser
	var c Command
	err := p.Parse([]byte(text), &c)
	return c, err
}

func bytesOf(list ...string) (all [][]byte) {
	for _, s := range list {
		all = append(all, []byte(s))
	}
	return all
}

func TestParser_Parse_Commands(t *testing.T) {
	for text, want := range map[string]Command{
		`{"type":"join","id":1,"room":"r"}`:                                                 {Type: Join, ID: 1, Asked: true, Room: []byte("r")},
		`{"type":"join","rooms":["a","b\u0041"]}`:                                           {Type: Join, Rooms: bytesOf("a", "bA")},
		`{"room":"r","id":-9007199254740991,"type":"join","presence":true}`:                 {Type: Join, ID: -maxID, Asked: true, Room: []byte("r"), Watch: true},
		`{"type":"join","room":"r","since":{"epoch":"e","offset":41}}`:                      {Type: Join, Room: []byte("r"), Since: true, Epoch: []byte("e"), Offset: 41},
		`{"type":"join","room":"r","since":null}`:                                           {Type: Join, Room: []byte("r")},
		" \t{\"type\" : \"leave\" , \"room\":\"\\u0072\" }\r\n":                             {Type: Leave, Room: []byte("r")},
		`{"type":"publish","id":3,"room":"r","data":{"a": [1, "x"]},"key":"k","echo":true}`: {Type: Publish, ID: 3, Asked: true, Room: []byte("r"), Data: []byte(`{"a": [1, "x"]}`), Key: []byte("k"), Echo: true},
		`{"type":"publish","room":"r","data":null}`:                                         {Type: Publish, Room: []byte("r"), Data: []byte("null")},
		`{"type":"publish","room":"r","data":{"a":1,"a":2}}`:                                {Type: Publish, Room: []byte("r"), Data: []byte(`{"a":1,"a":2}`)},
		`{"type":"publish","room":"r","base64":""}`:                                         {Type: Publish, Room: []byte("r"), Binary: true, Base64: []byte{}},
		`{"type":"presence","id":4,"room":"r","limit":100,"after":"x"}`:                     {Type: Presence, ID: 4, Asked: true, Room: []byte("r"), Limit: 100, After: []byte("x")},
		`{"type":"patch","id":5,"room":"r","base":7,"patch":[{"op":"add"}]}`:                {Type: Patch, ID: 5, Asked: true, Room: []byte("r"), Base: 7, Patch: []byte(`[{"op":"add"}]`)},
		`{"type":"refresh","id":6,"token":"a.b.c"}`:                                         {Type: Refresh, ID: 6, Asked: true, Token: []byte("a.b.c")},
		`{"type":"ping"}`: {Type: Ping},
		`{"type":"ping","data":1,"limit":"x","of":{"no":"interest"}}`: {Type: Ping},
		`{"ty\u0070e":"ping"}`: {Type: Ping},
	} {
		got, err := parse(t, text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", text, got, err, want)
		}
	}
}

func TestParser_Parse_Malformed(t *testing.T) {
	for _, text := range []string{"", " ", "x", "[]", `"ping"`, "1", "null", "{", `{"type":"ping"`, `{"type":"ping"}}`, `{"type":"ping"} {}`,
		`{"type":"ping",}`, `{'type':'ping'}`, "{\"type\":\"p\xffing\"}", `{"type":"\ud800"}`, `{"type":"ping","id":01}`, `{"type":"ping"}` + "\x00"} {
		if _, err := parse(t, text); err != ErrMalformed {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParser_Parse_Refused(t *testing.T) {
	for text, words := range map[string]string{
		`{}`:                                    `"type" is missing`,
		`{"type":1}`:                            `"type" is a number`,
		`{"type":null}`:                         `"type" is null`,
		`{"type":"shout"}`:                      `unknown type "shout"`,
		`{"type":"Join","room":"r"}`:            `unknown type "Join"`,
		`{"type":"ping","type":"join"}`:         `"type" stands twice`,
		`{"type":"ping","id":"1"}`:              `"id" is bad`,
		`{"type":"ping","id":1.5}`:              `"id" is bad`,
		`{"type":"ping","id":9007199254740992}`: `"id" is bad`,
		`{"type":"join"}`:                       `"room" is missing`,
		`{"type":"join","room":5}`:              `"room" is a number`,
		`{"type":"join","room":"a","rooms":[]}`: `stand together`,
		`{"type":"join","rooms":[]}`:            `"rooms" is empty`,
		`{"type":"join","rooms":"a"}`:           `"rooms" is a string`,
		`{"type":"join","rooms":["a",{}]}`:      `"rooms" holds an object`,
		`{"type":"join","rooms":["a"],"since":{"epoch":"e","offset":1}}`: `"since" is for one room`,
		`{"type":"join","room":"a","since":3}`:                           `"since" is a number`,
		`{"type":"join","room":"a","since":{"epoch":"e"}}`:               `"since" is not whole`,
		`{"type":"join","room":"a","since":{"epoch":1,"offset":1}}`:      `"epoch" is a number`,
		`{"type":"join","room":"a","since":{"epoch":"e","offset":-1}}`:   `"offset" is bad`,
		`{"type":"join","room":"a","presence":"yes"}`:                    `"presence" is a string`,
		`{"type":"leave"}`:                                                                     `"room" is missing`,
		`{"type":"publish","room":"r"}`:                                                        `the message is missing`,
		`{"type":"publish","room":"r","data":1,"base64":"AA=="}`:                               `stand together`,
		`{"type":"publish","rooms":["r"],"data":1}`:                                            `"room" is missing`,
		`{"type":"publish","room":"r","data":1,"echo":1}`:                                      `"echo" is a number`,
		`{"type":"publish","room":"r","data":1,"key":[]}`:                                      `"key" is an array`,
		`{"type":"publish","room":"r","data":1,"key":"` + strings.Repeat("k", MaxKey+1) + `"}`: `"key" is too long`,
		`{"type":"presence","room":"r","limit":0}`:                                             `"limit" is bad`,
		`{"type":"presence","room":"r","limit":1001}`:                                          `"limit" is bad`,
		`{"type":"patch","room":"r","patch":[]}`:                                               `"base" is missing`,
		`{"type":"patch","room":"r","base":-1,"patch":[]}`:                                     `"base" is bad`,
		`{"type":"patch","room":"r","base":1}`:                                                 `"patch" is missing`,
		`{"type":"patch","room":"r","base":1,"patch":{}}`:                                      `"patch" is an object`,
		`{"type":"refresh"}`:                                                                   `"token" is missing`,
		`{"type":"join","rooms":["a"` + strings.Repeat(`,"a"`, MaxRooms) + `]}`:                `too many rooms`,
	} {
		_, err := parse(t, text)
		var f *Failure
		if !errors.As(err, &f) || f.Code != BadRequest || !strings.Contains(f.Message, words) {
			t.Errorf("%.100s: %v; want %s", text, err, words)
		}
	}
}

// What is wrong with a command is told with its ID.
func TestParser_Parse_KeepsIDOfTheRefused(t *testing.T) {
	if c, err := parse(t, `{"type":"shout","id":7}`); err == nil || !c.Asked || c.ID != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestParser_Parse_Allocations(t *testing.T) {
	var p Parser
	var c Command
	for _, text := range []string{
		`{"type":"publish","id":3,"room":"chat.general","data":{"text":"hello","n":[1,2,3]}}`,
		`{"type":"join","id":1,"room":"chat.general","since":{"epoch":"abc.1","offset":41}}`,
		`{"type":"join","id":1,"rooms":["a","b","c"]}`,
		`{"type":"ping"}`,
	} {
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() {
			if err := p.Parse(b, &c); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func FuzzParser_Parse(f *testing.F) {
	for _, s := range []string{`{"type":"join","id":1,"rooms":["a","\u00e9"],"since":{"epoch":"e","offset":1}}`, `{"type":"publish","room":"r","data":[1,{"a":"b"}],"key":"k"}`,
		`{"type":"patch","room":"r","base":1,"patch":[]}`, `{"type":"presence","room":"r","limit":5,"after":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		var p Parser
		var c Command
		err := p.Parse(b, &c)
		if string(b) != before {
			t.Fatal("the bytes were changed")
		}
		if err == nil && !json.Valid(b) {
			t.Fatalf("%q is no JSON", b)
		}
		if c.Data != nil && !json.Valid(c.Data) {
			t.Fatalf("data %q is no JSON", c.Data)
		}
		if !utf8.Valid(c.Room) || !utf8.Valid(c.Key) || !utf8.Valid(c.Token) {
			t.Fatal("a string is not UTF-8")
		}
	})
}

func BenchmarkParser_Parse(b *testing.B) {
	text := []byte(`{"type":"publish","id":3,"room":"chat.general","data":{"text":"hello there, how are you","n":[1,2,3],"user":{"name":"alice"}}}`)
	b.Run("roost", func(b *testing.B) {
		var p Parser
		var c Command
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Parse(text, &c)
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c struct {
				Type string
				ID   int64
				Room string
				Data json.RawMessage
			}
			_ = json.Unmarshal(text, &c)
		}
	})
}
