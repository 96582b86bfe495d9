package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

func schema(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := CompileSchemaBytes("test.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refusal gives what is wrong; "" where nothing is.
func refusal(t testing.TB, s *Schema, data string) string {
	t.Helper()
	err := s.Validate([]byte(data))
	if err == nil {
		return ""
	}
	var e *InvalidError
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *InvalidError", err)
	}
	checkInvalid(t, e)
	return e.Message
}

// checkInvalid checks what holds for all of them.
func checkInvalid(t testing.TB, e *InvalidError) {
	t.Helper()
	if len(e.Details) == 0 || len(e.Details) > maxDetails || !strings.HasSuffix(e.Message, e.Details[0].Message) {
		t.Fatalf("%q has %d details", e.Message, len(e.Details))
	}
	for _, d := range e.Details {
		if len(d.Message) > maxWords || len(d.Path) > maxWords || d.Message == "" || d.Path != "" && d.Path[0] != '/' {
			t.Fatalf("a detail is %+v", d)
		}
		if !utf8.ValidString(d.Message) || !utf8.ValidString(d.Path) {
			t.Fatalf("a detail is no UTF-8: %+q", d)
		}
	}
}

func TestSchema_Validate(t *testing.T) {
	for _, c := range []struct{ schema, data, want string }{
		{`{}`, `[{"any":1e300}]`, ``},
		{`true`, `1`, ``},
		{`false`, `1`, `is not allowed here`},
		{`{"type":"object"}`, `[]`, `must be object, but is array`},
		{`{"properties":{"text":{"maxLength":10}}}`, `{"text":"abcdefghijkl"}`, `/text: length must be <= 10, but got 12`},
		{`{"properties":{"text":{"minLength":2}}}`, `{"text":"ä"}`, `/text: length must be >= 2, but got 1`},
		{`{"required":["b","a"]}`, `{}`, `must have "a", "b"`},
		{`{"properties":{"a":{}},"additionalProperties":false}`, `{"c":1,"b":1,"a":1}`, `must not have "b", "c"`},
		{`{"items":{"minimum":0}}`, `[1,2,-0.50]`, `/2: must be >= 0, but is -0.5`},
		{`{"items":{"maximum":12345678901234567889}}`, `[12345678901234567890]`, `/0: must be <= 12345678901234567889, but is 12345678901234567890`},
		{`{"items":{"exclusiveMaximum":1}}`, `[1e0]`, `/0: must be < 1, but is 1`},
		{`{"items":{"exclusiveMinimum":1}}`, `[1]`, `/0: must be > 1, but is 1`},
		{`{"multipleOf":0.1}`, `0.3`, ``},
		{`{"multipleOf":0.1}`, `0.35`, `must be a multiple of 0.1, but is 0.35`},
		{`{"const":{"a":[1,null]}}`, `1`, `must be {"a":[1,null]}`},
		{`{"enum":["a",1,null]}`, `"b"`, `must be "a", 1 or null`},
		{`{"properties":{"a/b~c":{"pattern":"^x"}}}`, `{"a/b~c":"y"}`, `/a~1b~0c: must match the pattern ^x`},
		{`{"not":{"type":"string"}}`, `"a"`, `is what the schema excludes (not)`},
		{`{"minItems":1}`, `[]`, `number of items must be >= 1, but got 0`},
		{`{"maxItems":1}`, `[1,2]`, `number of items must be <= 1, but got 2`},
		{`{"minProperties":1}`, `{}`, `number of properties must be >= 1, but got 0`},
		{`{"maxProperties":1}`, `{"a":1,"b":2}`, `number of properties must be <= 1, but got 2`},
		{`{"contains":{"type":"string"}}`, `[1]`, `must have an item of the kind that the schema asks for (contains)`},
		{`{"contains":{"type":"string"},"minContains":2}`, `["a"]`, `number of items of the kind that the schema asks for (contains) must be >= 2, but got 1`},
		{`{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, `number of items of the kind that the schema asks for (contains) must be <= 1, but got 2`},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, `must have "b" where it has "a"`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`, `must have "b" where it has "a"`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{}],"additionalItems":false}`, `[1,2]`, `must not have the last 1 items`},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, `the name "ab" length must be <= 1, but got 2`},
		{`{"prefixItems":[{}],"unevaluatedItems":false}`, `[1,2]`, `/1: is not allowed here`},
		{`{"allOf":[{"type":"object"},{"required":["a"]}]}`, `{}`, `must have "a"`},
		{`{"if":{"type":"string"},"then":{"const":"a"}}`, `"b"`, `must be "a"`},
		{`{"$ref":"#"}`, `1`, `cannot be checked: the schema refers to itself without end`},
		{`{"uniqueItems":true}`, `[1,[2],"x",1.0]`, `items must be unique, but those at 0 and 3 are equal`},
		{`{"uniqueItems":true}`, `[1,"1",[1],[[1]],{"a":1},{"a":[1]},true,"true",null,0,-1]`, ``},
		{`{"properties":{"a":{"uniqueItems":true,"items":{"type":"array"}}}}`, `{"a":[[{"a":1,"b":2}],[{"b":2e0,"a":10e-1}]]}`, `/a: items must be unique, but those at 0 and 1 are equal`},
		// Formats are annotations, but for older drafts.
		{`{"format":"date"}`, `"today"`, ``},
		{`{"$schema":"https://json-schema.org/draft/2019-09/schema","format":"date"}`, `"today"`, ``},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"date"}`, `"2020-01-01"`, ``},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"at":{"format":"date"}}}`, `{"at":"x"}`, `/at: must be of the format date`},
		{`{"contentEncoding":"base64"}`, `"!"`, ``},
		// Alternatives: the likeliest one is told of.
		{`{"anyOf":[{"type":"string"},{"type":["null","number"]}]}`, `true`, `must be null or number or string, but is boolean`},
		{`{"anyOf":[{"type":"string"},{"const":1}]}`, `true`, `must match one of the alternatives: must be string, but is boolean; or must be 1`},
		{`{"oneOf":[{"minimum":1},{"maximum":3}]}`, `2`, `must match one alternative alone, but matches those at 0 and 1`},
		{union, `{"type":"image","url":1}`, `/url: must be string, but is number`},
		{union, `{"type":"text","text":{}}`, `/text: must be string, but is object`},
		{union, `{"type":"image"}`, `must have "url"`},
		// What JSON it must be.
		{`{}`, ``, `must be JSON: unexpected EOF`},
		{`{}`, "{\n\"a\":x}", `must be JSON: line 2, column 5: invalid character 'x' looking for beginning of value`},
		{`{}`, `1 2`, `must be JSON: something follows the value at byte 3`},
		{`{}`, strings.Repeat("[", 101) + strings.Repeat("]", 101), `must not be nested deeper than 100 levels`},
		{`{}`, strings.Repeat("[", 100) + strings.Repeat("]", 100), ``},
		{`{}`, `"[[[` + strings.Repeat("[", 100) + `\""`, ``},
		{`{"type":"integer"}`, `1e400`, ``},
		{`{"minimum":1}`, `1e1000000`, `numbers must have at most 200 characters and an exponent of at most 400, but one is 1e1000000`},
		{`{"minimum":1}`, `[1E-00401]`, `numbers must have at most 200 characters and an exponent of at most 400, but one is 1E-00401`},
	} {
		if got := refusal(t, schema(t, c.schema), c.data); got != c.want {
			t.Errorf("%s by %s: %s\nexpected: %s", c.data, c.schema, got, c.want)
		}
	}
}

const union = `{"oneOf":[
	{"properties":{"type":{"const":"text"},"text":{"type":"string"}},"required":["type","text"]},
	{"properties":{"type":{"const":"image"},"url":{"type":"string"}},"required":["type","url"]}]}`

// Details come by place, each once, and no more than 16.
func TestSchema_Validate_Details(t *testing.T) {
	s := schema(t, `{"items":{"allOf":[{"type":"string"},{"type":"string"}]}}`)
	var e *InvalidError
	if err := s.Validate([]byte(`[` + strings.Repeat(`"a",1,`, 40) + `1]`)); !errors.As(err, &e) || len(e.Details) != maxDetails {
		t.Fatalf("%v has details %v", err, e)
	}
	for i, d := range e.Details {
		if want := (Detail{fmt.Sprintf("/%d", 2*i+1), "must be string, but is number"}); d != want {
			t.Errorf("detail %d is %v", i, d)
		}
	}
	if b, err := json.Marshal(e.Details[0]); err != nil || string(b) != `{"path":"/1","message":"must be string, but is number"}` {
		t.Errorf("a detail is %s, %v", b, err)
	}
}

// Nothing that a client sends makes an error large.
func TestSchema_Validate_MessagesAreShort(t *testing.T) {
	long := strings.Repeat("ä/~", 1000)
	s := schema(t, `{"additionalProperties":{"additionalProperties":{"pattern":"`+strings.Repeat("ö", 500)+`"}},"propertyNames":{"maxLength":3000}}`)
	refusal(t, s, `{"`+long+`":{"a":"`+long+`"}}`)
	refusal(t, s, `{"`+long+`a":1}`)
	refusal(t, s, `{"a":{"b":"`+long+`","`+long+`":"`+long+`"}}`)
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf(`"%s%d":1`, long[:300], i))
	}
	if got := refusal(t, schema(t, `{"additionalProperties":false}`), `{`+strings.Join(many, ",")+`}`); len(got) > maxWords {
		t.Error(got)
	}
}

// Time is bounded where a schema tries alternatives of alternatives.
func TestSchema_Validate_Exponential(t *testing.T) {
	for _, text := range []string{
		`{"anyOf":[{"type":"array","items":{"$ref":"#"},"minItems":0},{"type":"array","items":{"$ref":"#"},"maxItems":9}]}`,
		`{"not":{"not":{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"}}]}}}`,
		`{"$id":"http://h/t","$dynamicAnchor":"n","anyOf":[{"type":"array","items":{"$dynamicRef":"#n"}},{"type":"array","items":{"$dynamicRef":"#n"}}]}`,
	} {
		s := schema(t, text)
		start := time.Now()
		want := "cannot be checked: " + errSteps.Error()
		if got := refusal(t, s, strings.Repeat("[", 90)+`"x"`+strings.Repeat("]", 90)); got != want {
			t.Errorf("%s: %s", text, got)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %v", text, took)
		}
		if got := refusal(t, s, `["x"]`); got == "" || got == want {
			t.Errorf("%s: %q", text, got)
		}
	}
	// What is large and plain is no such case.
	s := schema(t, `{"items":{"anyOf":[{"type":"string"},{"type":"null"},{"$ref":"#/$defs/n"}]},"$defs":{"n":{"allOf":[{"minimum":0},{"maximum":9}]}}}`)
	if got := refusal(t, s, `[`+strings.Repeat("1,", 100_000)+`2]`); got != "" {
		t.Error(got)
	}
	if got := refusal(t, s, `[`+strings.Repeat("1,", 20_000)+`10]`); got != "/20000: must be <= 9, but is 10" {
		t.Error(got)
	}
}

// Items made to look alike to the library's hash cost no more than others.
func TestSchema_Validate_UniqueItemsAreLinear(t *testing.T) {
	var items []string
	for i := range 1 << 13 { // all have the same leaves, and different brackets
		item := "1"
		for bit := range 13 {
			if i>>bit&1 == 0 {
				item = "[[" + item + "],[]]"
			} else {
				item = "[[],[" + item + "]]"
			}
		}
		items = append(items, item)
	}
	start := time.Now()
	if got := refusal(t, schema(t, `{"uniqueItems":true}`), `[`+strings.Join(items, ",")+`]`); got != "" {
		t.Error(got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSchema_Validate_Zero(t *testing.T) {
	if err := new(Schema).Validate([]byte(`1`)); err != nil {
		t.Error(err)
	}
	if err := (*Schema)(nil).Validate([]byte(`x`)); err == nil {
		t.Error("what is not JSON passes")
	}
}

func TestSchema_Validate_FromManyGoroutines(t *testing.T) {
	s := schema(t, union)
	var wg sync.WaitGroup
	for range 2 * maxCheckers {
		wg.Go(func() {
			for range 200 {
				if s.Validate([]byte(`{"type":"text","text":"a"}`)) != nil || s.Validate([]byte(`{"type":"text"}`)) == nil {
					t.Error("a wrong answer")
				}
			}
		})
	}
	wg.Wait()
}

func TestCompileSchemaBytes_Errors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, `is not JSON: unexpected EOF`},
		{"{\n  \"type\" \"string\"}", `line 2, column 10: is not JSON: invalid character '"' after object key`},
		{`3`, `must be boolean or object, but is number`},
		{`{"properties":{"a":{"type":"strin"}}}`, `/properties/a/type: must match one of the alternatives: must be "array", "boolean", "integer", "null", "number", "object" or "string"; or must be array, but is string`},
		{`{"maxLength":-1}`, `/maxLength: must be >= 0, but is -1`},
		{`{"properties":{"a":{"pattern":"(?=a)"}}}`, `/properties/a/pattern: must be a regular expression of RE2, which knows no lookaround and no backreferences: `},
		{`{"patternProperties":{"(?=a)":{}}}`, `RE2`},
		{`{"items":{"$ref":"#/$defs/a"}}`, `/items/$ref: there is nothing at #/$defs/a in test.json`},
		{`{"items":{"$ref":"#a"}}`, `/items/$ref: there is nothing at #a in test.json`},
		{`{"items":{"$ref":"other.json"}}`, `/items/$ref: other.json cannot be read: files below the folder of the schema would be right`},
		{`{"items":{"$ref":"https://example.com/x"}}`, `/items/$ref: https://example.com/x cannot be read: files below the folder of the schema would be right`},
		{`{"items":{"$ref":"file:///etc/passwd"}}`, `/items/$ref: file:///etc/passwd cannot be read: files below`},
		{`{"$schema":"https://example.com/x"}`, `/$schema: https://example.com/x cannot be read: files below`},
		{`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`, `duplicate anchor`},
		{`{"minimum":1e1000000}`, `an exponent of at most 400 would be right`},
		{strings.Repeat(`{"not":`, 101) + `{}` + strings.Repeat(`}`, 101), `at most 100 levels`},
		{`{"title":"` + strings.Repeat("a", maxSchemaFile) + `"}`, `is too large: at most 262144 bytes a file`},
	} {
		_, err := CompileSchemaBytes("test.json", []byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), "schema test.json: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: %v\nexpected: %s", c.text, err, c.want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCompileSchema_Files(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "schemas")
	write(t, filepath.Join(dir, "secret.json"), `{}`)
	write(t, filepath.Join(below, "my chat.json"), `{"properties":{"user":{"$ref":"parts/user.json#/$defs/name"},"me":{"$ref":"#/properties/user"}}}`)
	write(t, filepath.Join(below, "parts", "user.json"), `{"$defs":{"name":{"$ref":"../text.json"}}}`)
	write(t, filepath.Join(below, "text.json"), `{"type":"string"}`)
	s, err := CompileSchema(filepath.Join(below, "my chat.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, s, `{"me":1}`); got != "/me: must be string, but is number" {
		t.Error(got)
	}
	if err := os.Symlink("../secret.json", filepath.Join(below, "link.json")); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"not":{"$ref":"../secret.json"}}`:     `/not/$ref: file:///secret.json cannot be read: files below the folder`,
		`{"not":{"$ref":"link.json"}}`:          `/not/$ref: link.json cannot be read: `,
		`{"not":{"$ref":"%2e%2e/secret.json"}}`: `/not/$ref: `,
		`{"not":{"$ref":"parts"}}`:              `/not/$ref: parts cannot be read: is not a file`,
		`{"not":{"$ref":"none.json"}}`:          `/not/$ref: none.json cannot be read: `,
		`{"not":{"$ref":"wrong.json"}}`:         `wrong.json: /type: must match one of`,
		`{"not":{"$ref":"far.json"}}`:           `far.json: /items/$ref: ftp://h/x cannot be read`,
	} {
		write(t, filepath.Join(below, "wrong.json"), `{"type":1}`)
		write(t, filepath.Join(below, "far.json"), `{"items":{"$ref":"ftp://h/x"}}`)
		write(t, filepath.Join(below, "main.json"), text)
		_, err := CompileSchema(filepath.Join(below, "main.json"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nexpected: %s", text, err, want)
		}
	}
	for _, path := range []string{filepath.Join(below, "none.json"), filepath.Join(dir, "none", "x.json"), below} {
		if _, err := CompileSchema(path); err == nil || !strings.HasPrefix(err.Error(), "schema "+path+": ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, same := range [][]string{
		{"0", "-0", "0.0", "0e7", "-0.00E-3"},
		{"1", "1.0", "10e-1", "0.1E+1", "1e0"},
		{"-12345678901234567890", "-1234567890123456789e1"},
		{"12345678901234567891"},
		{"100", "1e2", "1.00e2"},
		{"1e99999999999999999999"},
	} {
		for _, n := range same {
			if got, want := canonical(json.Number(n)), canonical(json.Number(same[0])); got != want {
				t.Errorf("%s is %s, %s is %s", n, got, same[0], want)
			}
		}
	}
	if canonical("1") == canonical("-1") || canonical("1") == canonical("10") || canonical("12345678901234567890") == canonical("12345678901234567891") {
		t.Error("numbers that are not equal have the same form")
	}
}

func FuzzSchema_Validate(f *testing.F) {
	schemas := []*Schema{
		schema(f, `{"type":"object","properties":{"a":{"type":"string","maxLength":3},"b":{"uniqueItems":true,"items":{"minimum":0,"multipleOf":0.5}}},"additionalProperties":{"anyOf":[{"type":"null"},{"$ref":"#"}]}}`),
		schema(f, union),
		schema(f, `{"$schema":"http://json-schema.org/draft-07/schema#","items":{"format":"date-time"},"contains":{"type":"integer"},"propertyNames":{"pattern":"^a"}}`),
		schema(f, `{"unevaluatedProperties":false,"if":{"required":["a"]},"then":{"properties":{"a":{"const":1}}},"dependentRequired":{"b":["c"]}}`),
	}
	for _, seed := range []string{`{"a":"abcd","b":[1,1.0,-0.25,1e400],"c":{"c":null}}`, `{"type":"text"}`, `[1e-400,"2020-01-01T00:00:00Z"]`, `{"a":1,"b":2}`, `"\ud800"`, "{\"\xff\":[]}", `1e1000000`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range schemas {
			if got := refusal(t, s, string(data)); strings.HasPrefix(got, "cannot be checked") {
				t.Errorf("%q: %s", data, got)
			}
		}
	})
}

func FuzzCompileSchemaBytes(f *testing.F) {
	for _, seed := range []string{
		union, `true`, `{"$ref":"#/$defs/a","$defs":{"a":{"$dynamicAnchor":"x","$dynamicRef":"#x"}}}`, `{"$id":"http://h/a","items":{"$ref":"b#c"}}`,
		`{"$schema":"http://json-schema.org/draft-04/schema#","id":"#a","exclusiveMinimum":true,"minimum":1,"dependencies":{"a":{"type":"null"}}}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{}],"format":"regex","if":false,"then":{"maxLength":1e30}}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"items":{"$recursiveRef":"#"},"unevaluatedItems":false}`,
		`{"patternProperties":{"^a*$":{"multipleOf":1e-400}},"uniqueItems":true,"minContains":0,"contains":{"enum":[1,null]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := CompileSchemaBytes("test.json", data)
		if err != nil {
			if strings.Contains(err.Error(), "cannot be compiled") {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		for _, v := range []string{`null`, `[1,"a",{"a":0.5},[],1]`, `{"a":"b","b":{"a":[null]}}`, `"2020-01-01"`, `1e400`} {
			if got := refusal(t, s, v); strings.Contains(got, "the schema fails") {
				t.Errorf("%q by %q: %s", v, data, got)
			}
		}
	})
}

func BenchmarkSchema_Validate(b *testing.B) {
	s := schema(b, union)
	data := []byte(`{"type":"text","text":"Hello, how are you today?","at":1767225600}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Validate(data); err != nil {
			b.Fatal(err)
		}
	}
}
