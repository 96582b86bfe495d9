package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"pgregory.net/rapid"
)

// patched gives the document after the patch, or what is wrong.
func patched(t testing.TB, doc, patch string, limit int) string {
	t.Helper()
	got, err := Patch([]byte(doc), []byte(patch), limit)
	var e *InvalidError
	switch {
	case err == nil:
		if len(got) > limit || !json.Valid(got) {
			t.Fatalf("%s by %s is %s", doc, patch, got)
		}
		return string(got)
	case errors.As(err, &e):
		checkInvalid(t, e)
	case !errors.Is(err, ErrTooLarge):
		t.Fatalf("%T is no error of Patch", err)
	}
	return err.Error()
}

func TestPatch(t *testing.T) {
	for _, c := range []struct{ doc, patch, want string }{
		{` {"b":1, "a":[ ]}`, `[]`, `{"b":1,"a":[]}`},
		// RFC 6902, appendix A.
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{`{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{`{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, `/0/value: the test failed: the document has another value at "/baz"`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"child":{"grandchild":{}},"foo":"bar"}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"baz":"qux","foo":"bar"}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, `/0/path: there is nothing at "/baz"`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, `/0/value: the test failed: the document has another value at "/~01"`},
		{`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		// Whole documents.
		{`{"a":[1]}`, `[{"op":"copy","from":"/a","path":""},{"op":"add","path":"/0","value":0}]`, `[0,1]`},
		{`{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":""}]`, `{"b":1}`},
		{`{"a":1}`, `[{"op":"copy","from":"","path":"/a"}]`, `{"a":{"a":1}}`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":[]}]`, `[]`},
		{`{"a":1}`, `[{"op":"add","path":"","value":{}}]`, `{}`},
		{`{"a":1}`, `[{"op":"test","path":"","value":{"a":1}}]`, `{"a":1}`},
		{`{"a":1}`, `[{"op":"move","from":"","path":""}]`, `{"a":1}`},
		{`{"a":1}`, `[{"op":"remove","path":""}]`, `/0/path: the whole document cannot be taken away`},
		{`{"a":1}`, `[{"op":"add","path":"","value":null}]`, `/0/value: the document must be an object or an array`},
		{`{"a":1}`, `[{"op":"copy","from":"/a","path":""}]`, `/0/from: the document must be an object or an array`},
		// Names and indexes.
		{`{"":1}`, `[{"op":"replace","path":"/","value":2},{"op":"test","path":"/","value":2}]`, `{"":2}`},
		{`{"a":{"":{}}}`, `[{"op":"add","path":"/a//b","value":2}]`, `{"a":{"":{"b":2}}}`},
		{`{"a":1,"a":2}`, `[{"op":"remove","path":"/a"}]`, `{}`},
		{`[1,2]`, `[{"op":"replace","path":"/01","value":0}]`, `/0/path: there is nothing at "/01"`},
		{`[1,2]`, `[{"op":"replace","path":"/-1","value":0}]`, `/0/path: there is nothing at "/-1"`},
		{`[1,2]`, `[{"op":"remove","path":"/+1"}]`, `/0/path: there is nothing at "/+1"`},
		{`[1,2]`, `[{"op":"remove","path":"/-"}]`, `/0/path: there is nothing at "/-"`},
		{`[1,2]`, `[{"op":"remove","path":"/2"}]`, `/0/path: there is nothing at "/2"`},
		{`[1,2]`, `[{"op":"add","path":"/2","value":3}]`, `[1,2,3]`},
		{`[1,2]`, `[{"op":"add","path":"/2000000000","value":3}]`, `/0/path: an index must be 0 to 2 here, or -`},
		{`[1,2]`, `[{"op":"add","path":"/99999999999999999999","value":3}]`, `/0/path: an index must be 0 to 2 here, or -`},
		{`[1,2]`, `[{"op":"test","path":"/0/a","value":3}]`, `/0/path: there is nothing at "/0/a"`},
		{`{"a":"x"}`, `[{"op":"add","path":"/a/b","value":3}]`, `/0/path: there is nothing at "/a/b"`},
		{`[[1],2]`, `[{"op":"move","from":"/1","path":"/0/-"}]`, `[[1,2]]`},
		{`{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, `/0/path: a value cannot be moved into itself`},
		{`{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
		{`{"a":1}`, `[{"op":"move","from":"/b","path":"/b"}]`, `/0/from: there is nothing at "/b"`},
		{`{"a":[1]}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]`, `{"a":[1],"b":[1,2]}`},
		// Values keep their text, and are compared by what they are.
		{`{"a":12345678901234567890,"b":1.0,"c":1e400}`, `[{"op":"copy","from":"/a","path":"/d"}]`, `{"a":12345678901234567890,"b":1.0,"c":1e400,"d":12345678901234567890}`},
		{`{"a":[1,null,{"b":"<\u00e4\n\u2028\""}]}`, `[{"op":"test","path":"/a","value":[1.0,null,{"b":"<ä\n\u2028\""}]}]`, `{"a":[1,null,{"b":"<\u00e4\n\u2028\""}]}`},
		{`{"\u0061\/\u000a":{"\u0062":"\u0062"}}`, `[{"op":"add","path":"/a~1\n/c","value":"\u0064"}]`, `{"a/\n":{"b":"\u0062","c":"\u0064"}}`},
		{"{\"a\":\"\xff\"}", `[{"op":"test","path":"/a","value":"\ufffd"}]`, "{\"a\":\"\uFFFD\"}"},
		{`{"a":[true,false]}`, `[{"op":"test","path":"/a","value":[true,null]}]`, `/0/value: the test failed: the document has another value at "/a"`},
		{`{"a":[null]}`, `[{"op":"test","path":"/a","value":[1]}]`, `/0/value: the test failed: the document has another value at "/a"`},
		{`{"a":{"b":1}}`, `[{"op":"test","path":"/a","value":{"c":1}}]`, `/0/value: the test failed: the document has another value at "/a"`},
		{`{"a":1}`, `[{"op":"test","path":"/b","value":null}]`, `/0/path: there is nothing at "/b"`},
		{`{"a":12345678901234567890}`, `[{"op":"test","path":"/a","value":12345678901234567891}]`, `/0/value: the test failed: the document has another value at "/a"`},
		// All or none, and what is wrong.
		{`{"a":1}`, `[{"op":"remove","path":"/a"},{"op":"test","path":"/a","value":1}]`, `/1/path: there is nothing at "/a"`},
		{`{"a":1}`, `[{"op":"ad","path":"/a"}]`, `/0/op: must be add, remove, replace, move, copy or test`},
		{`{"a":1}`, `[{"path":"/a"}]`, `/0/op: must be add, remove, replace, move, copy or test`},
		{`{"a":1}`, `[{"op":"add","path":"a","value":1}]`, `/0/path: must be a JSON Pointer: each name after a /, and in it ~0 for ~ and ~1 for /`},
		{`{"a":1}`, `[{"op":"add","path":"/~2","value":1}]`, `/0/path: must be a JSON Pointer: each name after a /, and in it ~0 for ~ and ~1 for /`},
		{`{"a":1}`, `[{"op":"add","value":1}]`, `/0/path: must be a JSON Pointer`},
		{`{"a":1}`, `[{"op":"add","path":1,"value":1}]`, `/0/path: must be a JSON Pointer`},
		{`{"a":1}`, `[{"op":"copy","path":"/b"}]`, `/0/from: must be a JSON Pointer`},
		{`{"a":1}`, `[{"op":"copy","from":"/c","path":"/b"}]`, `/0/from: there is nothing at "/c"`},
		{`{"a":1}`, `[{"op":"test","path":""}]`, `/0/value: is missing`},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":1},null]`, `/1: must be an object`},
		{`{"a":1}`, `{"op":"remove","path":"/a"}`, `a patch must be an array of operations`},
		{`{"a":1}`, `null`, `a patch must be an array of operations`},
		{`{"a":1}`, `[`, `a patch must be JSON: unexpected EOF`},
		{`{"a":1}`, `[x]`, `a patch must be JSON: line 1, column 2: invalid character 'x' looking for beginning of value`},
		{`1`, `[]`, `the document must be an object or an array`},
		{`{`, `[]`, `the document must be JSON: unexpected EOF`},
		{`{}`, `[` + strings.Repeat(`{},`, maxOperations) + `{}]`, `a patch must have at most 1000 operations, but has 1001`},
		{`{}`, deep(101), `a patch must not be nested deeper than 100 levels`},
		{deep(101), `[]`, `the document must not be nested deeper than 100 levels`},
		{`[` + deep(99) + `]`, `[{"op":"move","from":"/0","path":"/-"}]`, `[` + deep(99) + `]`},
		{`[[],` + deep(99) + `]`, `[{"op":"move","from":"/1","path":"/0/-"}]`, `the document must not be nested deeper than 100 levels`},
	} {
		if got := patched(t, c.doc, c.patch, 1000); got != c.want {
			t.Errorf("%s by %s:\n%s\nexpected\n%s", c.doc, c.patch, got, c.want)
		}
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestPatch_ChangesNeither(t *testing.T) {
	doc, patch := []byte(`{"a":[1,2],"b":{}}`), []byte(`[{"op":"move","from":"/a","path":"/b/a"},{"op":"remove","path":"/b/a/0"}]`)
	docWas, patchWas := bytes.Clone(doc), bytes.Clone(patch)
	if _, err := Patch(doc, patch, 100); err != nil || !bytes.Equal(doc, docWas) || !bytes.Equal(patch, patchWas) {
		t.Errorf("%v; the document is %s now, the patch %s", err, doc, patch)
	}
}

// The limit is exact, in the end and in between.
func TestPatch_Limit(t *testing.T) {
	large := ErrTooLarge.Error()
	for _, c := range []struct{ doc, patch, want string }{
		{`{"a":"0123"}`, `[]`, `{"a":"0123"}`},
		{`{"a":"01234"}`, `[]`, large},
		{`{"a":"01234567"}`, `[{"op":"replace","path":"/a","value":"0123"}]`, `{"a":"0123"}`},
		{`{"a":"01"}`, `[{"op":"replace","path":"/a","value":"01234"},{"op":"remove","path":"/a"}]`, large},
		{`{"a":1}`, `[{"op":"add","path":"/b","value":""}]`, large},
		{`{"a":1}`, `[{"op":"add","path":"/b","value":2}]`, large}, // 13 bytes
		{`{"a":1}`, `[{"op":"add","path":"/","value":2}]`, `{"":2,"a":1}`},
		{`{"a":1}`, `[{"op":"add","path":"/\"","value":2}]`, large},
		{`{"a":1}`, `[{"op":"move","from":"/a","path":"/abcdef"}]`, `{"abcdef":1}`},
		{`{"a":1}`, `[{"op":"move","from":"/a","path":"/abcdefg"}]`, large},
		{`["12345678"]`, `[{"op":"add","path":"/0","value":0}]`, large},
		{`["123456"]`, `[{"op":"add","path":"/0","value":0}]`, `[0,"123456"]`},
		{`["a","b"]`, `[{"op":"copy","from":"/0","path":"/-"},{"op":"remove","path":"/0"}]`, large},
		{`["a","b"]`, `[{"op":"remove","path":"/0"},{"op":"copy","from":"/0","path":"/-"},{"op":"remove","path":"/0"}]`, `["b"]`},
		{`["a",1,[]]`, `[{"op":"move","from":"/0","path":"/1/0"},{"op":"replace","path":"","value":[1,2,3,4]}]`, `[1,2,3,4]`},
		{`["a"]`, `[{"op":"replace","path":"","value":[1,2,3,4,5,6]}]`, large},
	} {
		if got := patched(t, c.doc, c.patch, 12); got != c.want {
			t.Errorf("%s by %s: %s, expected %s", c.doc, c.patch, got, c.want)
		}
	}
}

// Copies of copies neither take the memory nor the time of what they would be.
func TestPatch_CopiesAreBounded(t *testing.T) {
	const limit = 1 << 20
	start := time.Now()
	double := strings.Repeat(`{"op":"copy","from":"","path":"/a"},`, maxOperations-1)
	nest := strings.Repeat(`{"op":"copy","from":"","path":"/a/a"},`, maxOperations-1)
	again := strings.Repeat(`{"op":"copy","from":"/b","path":"/a"},{"op":"remove","path":"/a"},`, maxOperations/2-1)
	for _, c := range []struct{ doc, patch string }{
		{`{"a":{}}`, double},
		{`{"a":{}}`, nest},
		{`{"b":"` + strings.Repeat("x", limit/2) + `"}`, again},
	} {
		if got := patched(t, c.doc, `[`+c.patch[:len(c.patch)-1]+`]`, limit); len(got) > 200 {
			t.Errorf("%.50s by %.50s is %.50s", c.doc, c.patch, got)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// A jsonValue is one as other libraries can be trusted with: without null.
func jsonValue() *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Custom(func(t *rapid.T) any { return rapid.IntRange(0, 3).Draw(t, "n") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.SampledFrom([]string{"", "x", "\"ä\n<"}).Draw(t, "s") }),
		rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "b") }))
	return rapid.Custom(func(t *rapid.T) any {
		v := leaf.Draw(t, "leaf")
		for range rapid.IntRange(0, 3).Draw(t, "levels") {
			if rapid.Bool().Draw(t, "array") {
				v = append(rapid.SliceOfN(leaf, 0, 2).Draw(t, "items"), v)
			} else {
				v = map[string]any{rapid.SampledFrom([]string{"a", "b", "c/d", "e~f"}).Draw(t, "name"): v, "0": leaf.Draw(t, "other")}
			}
		}
		return v
	})
}

// Where another implementation is right, it says the same.
func TestPatch_AgainstAnother(t *testing.T) {
	first := rapid.SampledFrom([]string{"/a", "/b", "/b", "/c"})
	steps := rapid.SampledFrom([]string{"/a", "/b", "/c~1d", "/e~0f", "/0", "/0", "/1", "/2", "/-"})
	way := rapid.Custom(func(t *rapid.T) string {
		return first.Draw(t, "first") + strings.Join(rapid.SliceOfN(steps, 0, 2).Draw(t, "way"), "")
	})
	applied := 0
	rapid.Check(t, func(t *rapid.T) {
		doc, _ := json.Marshal(map[string]any{"a": jsonValue().Draw(t, "a"), "b": jsonValue().Draw(t, "b")})
		var operations []map[string]any
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			o := map[string]any{"op": rapid.SampledFrom([]string{"add", "remove", "replace", "move", "copy", "test"}).Draw(t, "op"), "path": way.Draw(t, "path")}
			switch o["op"] {
			case "move", "copy":
				o["from"] = way.Draw(t, "from")
			case "add", "replace", "test":
				o["value"] = jsonValue().Draw(t, "value")
			}
			operations = append(operations, o)
		}
		patch, _ := json.Marshal(operations)
		other, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			t.Fatal(err)
		}
		options := jsonpatch.NewApplyOptions()
		options.SupportNegativeIndices = false
		want, wantErr := other.ApplyWithOptions(doc, options)
		got, err := Patch(doc, patch, 1<<20)
		if (err == nil) != (wantErr == nil) || err == nil && !jsonpatch.Equal(got, want) {
			t.Fatalf("%s by %s is\n%s, %v\nexpected\n%s, %v", doc, patch, got, err, want, wantErr)
		}
		if err == nil {
			applied++
			if p := (patcher{limit: 1 << 20}); p.apply(doc, patch) != nil || p.size != len(got) {
				t.Fatalf("%s has %d bytes, not %d", got, len(got), p.size)
			}
		}
	})
	t.Logf("%d patches could be applied", applied)
}

func FuzzPatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":[1,{"b":null}],"":"x"}`, `[{"op":"copy","from":"/a","path":"/"},{"op":"move","from":"/a/1","path":"/c"},{"op":"test","path":"/c/b","value":null}]`},
		{`[[],{}]`, `[{"op":"add","path":"/-","value":1e400},{"op":"replace","path":"","value":{"a":{}}},{"op":"copy","from":"","path":"/a/a"},{"op":"remove","path":"/a"}]`},
		{"{\"\xff\":\"\\ud800\\u0000\"}", `[{"op":"add","path":"/~0~1","value":"\u001f\""}]`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		got := patched(t, string(doc), string(patch), 300)
		if p := (patcher{limit: 300}); p.apply(doc, patch) == nil && got[0] != 't' { // "the document must not be nested deeper …"
			if p.size != len(got) {
				t.Errorf("%s has %d bytes, not %d", got, len(got), p.size)
			}
			if again := patched(t, got, `[]`, 300); again != got {
				t.Errorf("%s becomes %s", got, again)
			}
		}
	})
}

func BenchmarkPatch(b *testing.B) {
	var doc strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&doc, `,"item%d":{"name":"a name","done":false,"position":[%d,%d]}`, i, i, i)
	}
	data := []byte(`{` + doc.String()[1:] + `}`)
	patch := []byte(`[{"op":"test","path":"/item5/done","value":false},{"op":"replace","path":"/item5/done","value":true}]`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Patch(data, patch, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
