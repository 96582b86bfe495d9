package api

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzEntryReader holds the reader against encoding/json: what one takes the
// other takes, with the same values.
func FuzzEntryReader(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ { "room" : "r" , "data" : { "a" : [ 1 , "]}\"" ] } } ] `, `[{"room":"\ud83d\ude00\\\/","data":-1.5e3}]`,
		`[{"room":"r","base64":"AA=="},{"room":"r","data":"x","exclude":"c","key":"k"}]`, `[{"data":null}]`, `[{"data":[]},{}]`, `[{"data":"\ud800"}]`,
		`[{"data":true}]`, `[1]`, `{}`, `[{"x":1}]`, `[{"data":1,"data":2}]`, `[[`, "[{\"data\":\"\xff\"}]", `[{"data":{"x":"\\"}}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var want []map[string]json.RawMessage
		plain := utf8.Valid(b) && json.Unmarshal(b, &want) == nil && bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("["))
		got, fail := new(entryReader).read(bytes.Clone(b), nil)
		if fail == nil && !plain {
			t.Fatalf("%q is taken", b)
		}
		if fail != nil {
			if fail.message == "" || len(fail.message) > 600 || !utf8.ValidString(fail.message) {
				t.Fatalf("message %q", fail.message)
			}
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d entries, want %d", b, len(got), len(want))
		}
		for i, e := range got {
			n := 0
			for name, raw := range want[i] {
				n++
				value := map[string][]byte{"room": e.room, "data": e.data, "base64": e.base64, "exclude": e.exclude, "key": e.key}[name]
				if e.fields&fieldOf([]byte(name)) == 0 {
					t.Fatalf("%q: entry %d lacks %q", b, i, name)
				}
				text := string(raw)
				if raw[0] == '"' {
					if err := json.Unmarshal(raw, &text); err != nil {
						t.Fatal(err)
					}
				}
				if string(value) != text {
					t.Fatalf("%q: entry %d has %q as %q, want %q", b, i, value, name, text)
				}
			}
			if all := e.fields; n != bits.OnesCount8(uint8(all)) {
				t.Fatalf("%q: entry %d has fields %b, want %d", b, i, all, n)
			}
		}
	})
}

func TestEntryReader_AllocatesNothing(t *testing.T) {
	in := []byte("[" + strings.Repeat(`{"room":"ticker.NORD","data":{"symbol":"NORD","price":12.5}},`, 99) + `{"room":"r","data":"a\nb"}]`)
	entries := make([]entry, 0, 100)
	b := make([]byte, len(in))
	var r entryReader
	if n := testing.AllocsPerRun(100, func() {
		copy(b, in)
		var f *failure
		if entries, f = r.read(b, entries[:0]); f != nil {
			t.Fatal(f.message)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(entries) != 100 || string(entries[99].data) != "a\nb" {
		t.Errorf("%d entries, the last %q", len(entries), entries[99].data)
	}
}
