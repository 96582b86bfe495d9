package native

import (
	"encoding/json"
	"testing"
)

func TestMessage_Append(t *testing.T) {
	for want, m := range map[string]Message{
		`{"type":"message","room":"r","offset":46,"data":{"a": 1}}`:                                              {Room: "r", Offset: 46, Data: []byte(`{"a": 1}`)},
		`{"type":"message","room":"r","offset":1,"data":"plain \"text\"\n"}`:                                     {Room: "r", Offset: 1, Data: []byte("plain \"text\"\n")},
		`{"type":"message","room":"r","offset":1,"data":""}`:                                                     {Room: "r", Offset: 1},
		`{"type":"message","room":"r","offset":1,"data":123}`:                                                    {Room: "r", Offset: 1, Data: []byte("123")},
		`{"type":"message","room":"r","offset":1,"data":"123"}`:                                                  {Room: "r", Offset: 1, Data: []byte("123"), Form: FormString},
		`{"type":"message","room":"r","offset":1,"base64":"AAE="}`:                                               {Room: "r", Offset: 1, Data: []byte{0, 1}, Form: FormBinary},
		`{"type":"message","data":true}`:                                                                         {Data: []byte("true")},
		`{"type":"message","room":"r","offset":9,"data":1,"from":{"user":"a","conn":"c","info":{}},"key":"k\""}`: {Room: "r", Offset: 9, Data: []byte("1"), From: AppendMember(nil, []byte("a"), "c", []byte("{}")), Key: `k"`},
	} {
		got := string(m.Append(nil))
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestWelcome_Append(t *testing.T) {
	w := Welcome{Conn: "c", User: []byte("älice"), Expires: 1767225600, Heartbeat: 25000}
	if got, want := string(w.Append(nil)), `{"type":"welcome","conn":"c","user":"älice","expires":1767225600,"heartbeat":25000}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w = Welcome{Conn: "c", Heartbeat: 1000}
	if got, want := string(w.Append(nil)), `{"type":"welcome","conn":"c","heartbeat":1000}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBegin_AndMembers(t *testing.T) {
	b := Begin(nil, "joined", &Command{ID: 5, Asked: true})
	b = AppendRoom(b, "r")
	b = AppendUint(b, "offset", 3)
	b = AppendBool(b, "recovered", true)
	b = AppendList(b, "messages", [][]byte{[]byte("1"), []byte("{}")})
	b = AppendJSON(b, "document", []byte("null"))
	b = append(b, '}')
	if got, want := string(b), `{"type":"joined","id":5,"room":"r","offset":3,"recovered":true,"messages":[1,{}],"document":null}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMessage_Append_Allocations(t *testing.T) {
	m := Message{Room: "r", Offset: 46, Data: []byte(`{"a":[1,2,{"b":"c"}]}`), Key: "k"}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = m.Append(b[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
