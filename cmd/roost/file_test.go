package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What is wrong in a file is told with file, line and column, and all at once.
func TestParseFile_Errors(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		// Not YAML.
		{"listen: [a, b\nadmin: c\n", `f:2:1: not valid YAML: ',' or ']' must be specified`},
		{"listen: \"a\nadmin: b\n", `f:1:9: not valid YAML: could not find end character of double-quoted text`},
		{"listen: a: b\n", `f:1:9: not valid YAML: mapping value is not allowed in this context`},
		{"listen\nadmin: b\n", `f:1:1: not valid YAML: unexpected key name`},
		{"echo: true\n\tdev: true\n", `f:2:1: not valid YAML: a tab indents: spaces would be right`},
		{"listen:\n \t- a\n", `f:2:2: not valid YAML: a tab indents: spaces would be right`},
		{"listen: \xff\n", `f:1:9: not valid YAML: a byte is not UTF-8`},
		{"echo: true\nlisten: é\x00\n", `f:2:10: not valid YAML: a control character`},
		{"echo: true\n---\ndev: true\n", `f:3:1: a second document begins: one would be right`},
		{"hello\n", `f:1:1: a text stands where keys should: listen: 127.0.0.1:8080 would be right`},
		{"- a\n", `f:1:1: a list stands where keys should: listen: 127.0.0.1:8080 would be right`},
		{"42\n", `f:1:1: a number stands where keys should: listen: 127.0.0.1:8080 would be right`},

		// Keys.
		{"max_message: 1\n", `f:1:1: unknown key "max_message": did you mean max-message?`},
		{"echo: true\n\nmax-mesage: 1\n", `f:3:1: unknown key "max-mesage": did you mean max-message?`},
		{"redis: x\n", `f:1:1: unknown key "redis": a flag's name without its dashes would be right`},
		{"--listen: x\n", `f:1:1: unknown key "--listen": did you mean listen?`},
		{"{echo: true, lisen: x}\n", `f:1:14: unknown key "lisen": did you mean listen?`},
		{"echo: true\ndev: false\necho: false\n", `f:3:1: echo stands in line 1 already: once would be right`},
		{"echo: maybe\necho: false\n", "f:1:7: echo: a text is not right here: true or false would be\nf:2:1: echo stands in line 1 already: once would be right"},
		{"check: true\n", `f:1:1: check cannot stand in a file: --check would be right`},
		{"config: a.yaml\n", `f:1:1: config cannot stand in a file: --config would be right`},
		{"1: a\n", `f:1:1: a number stands where a key should: a flag's name without its dashes would be right`},
		{"true: a\n", `f:1:1: true or false stands where a key should: a flag's name without its dashes would be right`},
		{"<<: {echo: true}\n", `f:1:1: a merge key (<<) stands where a key should: a flag's name without its dashes would be right`},
		{"? echo\n: true\n", `f:1:1: something else stands where a key should: a flag's name without its dashes would be right`},

		// Types.
		{"echo: yes\n", `f:1:7: echo: a text is not right here: true or false would be`},
		{"echo: \"true\"\n", `f:1:7: echo: a text is not right here: true or false would be`},
		{"echo: 1\n", `f:1:7: echo: a number is not right here: true or false would be`},
		{"echo:\n", `f:1:1: echo: nothing is not right here: true or false would be`},
		{"loops: \"2\"\n", `f:1:8: loops: a text is not right here: a whole number such as 1000 would be`},
		{"loops: 1.5\n", `f:1:8: loops: a number is not right here: a whole number such as 1000 would be`},
		{"loops: [1]\n", `f:1:8: loops: a list is not right here: a whole number such as 1000 would be`},
		{"max-message: 1.5\n", `f:1:14: max-message: a number is not right here: bytes such as 65536, 64KiB or 1MiB would be`},
		{"max-message: {a: 1}\n", `f:1:14: max-message: a mapping is not right here: bytes such as 65536, 64KiB or 1MiB would be`},
		{"max-message:\n  a: 1\n", `f:2:3: max-message: a mapping is not right here: bytes such as 65536, 64KiB or 1MiB would be`},
		{"heartbeat: true\n", `f:1:12: heartbeat: true or false is not right here: a duration such as 30s would be`},
		{"admin: 8081\n", `f:1:8: admin: a number is not right here: a text in quotes would be`},
		{"admin: true\n", `f:1:8: admin: true or false is not right here: a text in quotes would be`},
		{"admin: ~\n", `f:1:1: admin: nothing is not right here: a text would be`},
		{"admin: [a]\n", `f:1:8: admin: a list is not right here: a text would be`},
		{"admin: &a x\njwt-issuer: *a\n", "f:1:8: admin: an anchor (&) is not right here: a text would be\nf:2:13: jwt-issuer: an alias (*) is not right here: a text would be"},
		{"admin: !!str 1\n", `f:1:8: admin: a tag (!) is not right here: a text would be`},
		{"jwt-secret: 123456\n", `f:1:13: jwt-secret: a number is not right here: a text in quotes would be`},
		{"listen: 8080\n", `f:1:9: listen: a number is not right here: a list of texts such as [a, b] would be`},
		{"listen: [8080]\n", `f:1:9: listen: element 1 is a number: a text would be right`},
		{"listen:\n  - a\n  - [b]\n", `f:2:3: listen: element 2 is a list: a text would be right`},
		{"listen: []\n", `f:1:9: listen: the list is empty: an element, or no such key, would be right`},
		{"listen: a,b\n", `f:1:9: listen: a comma stands in a text: a list such as [a, b] would be right`},
		{"listen: [\"a,b\"]\n", `f:1:9: listen: element 1 holds a comma: an element of its own for each would be right`},

		// All at once.
		{"max_message: 1\necho: 1\nredis: x\n", "f:1:1: unknown key \"max_message\": did you mean max-message?\n" +
			"f:2:7: echo: a number is not right here: true or false would be\n" +
			"f:3:1: unknown key \"redis\": a flag's name without its dashes would be right"},
	} {
		_, err := parseFile("f", []byte(c.file), serveSettings)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n%v\nwant\n%s", c.file, err, c.want)
		}
	}
}

// What the file decodes to is checked at the same place.
func TestParseFile_ValuesAreChecked(t *testing.T) {
	file := writeFile(t, "roost.yaml", "auth: none\nmax-message: 100\nheartbeat: 25\noutbox: 64K\nlog-format: xml\nadmin: 127.0.0.1:8080\nadmin-secret: ''\n")
	status, _, stderr := invoke([]string{"serve", "--config", file}, nil)
	want := strings.ReplaceAll(`roost: F:7:15: admin-secret: is empty: a text, or nothing at all, would be right
roost: F:2:14: max-message: 100 is out of range: 125 to 64MiB would be right
roost: F:4:9: outbox: "64K" has an unknown unit: 64KiB would be right
roost: F:3:12: heartbeat: "25" has no unit: 25s or 25ms would be right
roost: F:5:13: log-format: "xml" is unknown: text or json would be right
see roost serve --help
`, "F", file)
	if status != statusUsage || stderr != want {
		t.Errorf("status %d\n%swant\n%s", status, stderr, want)
	}
	file = writeFile(t, "roost.yaml", "auth: none\nadmin: 127.0.0.1:8080\n")
	_, _, stderr = invoke([]string{"serve", "--config", file}, nil)
	if want := "roost: " + file + ":2:8: admin: 127.0.0.1:8080 is a port of clients (--listen 127.0.0.1:8080): another one would be right\n"; !strings.HasPrefix(stderr, want) {
		t.Errorf("it says\n%swant\n%s", stderr, want)
	}
}

func TestParseFile_Right(t *testing.T) {
	for _, file := range []string{"", "\n", "# nothing yet\n", "---\n", "~\n", "null\n", "\uFEFF", "---\n...\n"} {
		if content, err := parseFile("f", []byte(file), serveSettings); err != nil || len(content.values) != 0 {
			t.Errorf("%q: %v, %v", file, content, err)
		}
	}
	for file, want := range map[string]string{
		"listen: 127.0.0.1:1\n":                   "listen=127.0.0.1:1",
		"listen: [127.0.0.1:1, \":2\"]\n":         "listen=127.0.0.1:1 :2",
		"listen:\n- 127.0.0.1:1\n- ':2'\n":        "listen=127.0.0.1:1 :2",
		"listen: 127.0.0.1:1\r\n":                 "listen=127.0.0.1:1",
		"\uFEFFlisten: 127.0.0.1:1\n":             "listen=127.0.0.1:1",
		"---\nlisten: 127.0.0.1:1 # clients\n...": "listen=127.0.0.1:1",
		"{listen: 127.0.0.1:1}":                   "listen=127.0.0.1:1",
		"\"listen\": \"127.0.0.1:1\"":             "listen=127.0.0.1:1",
		"admin:\n  127.0.0.1:1\n":                 "admin=127.0.0.1:1",
		"jwt-secret: |\n  abc\n":                  "jwt-secret=abc",
		"jwt-secret: \"123\"\n":                   "jwt-secret=123",
		"max-message: 65536\n":                    "max-message=65536",
		"max-message: 64KiB\n":                    "max-message=64KiB",
		"echo: true\n":                            "echo=true",
		"jwt-issuer: \"tab\tinside\"\n":           "jwt-issuer=tab\tinside",
	} {
		content, err := parseFile("f", []byte(file), serveSettings)
		var got []string
		for key, v := range content.values {
			got = append(got, key+"="+strings.Join(v.texts, " "))
		}
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: %q, %v; want %s", file, got, err, want)
		}
	}
}

func TestReadFile_TooLarge(t *testing.T) {
	line := "# " + strings.Repeat("x", 97) + "\n"
	file := writeFile(t, "roost.yaml", strings.Repeat(line, maxFile/len(line)+1))
	if _, err := readFile(file, serveSettings); err == nil || err.Error() != "read "+file+": is too large: at most 1MiB would be right" {
		t.Errorf("past the limit: %v", err)
	}
	file = writeFile(t, "roost.yaml", strings.Repeat(line, maxFile/len(line)))
	if _, err := readFile(file, serveSettings); err != nil {
		t.Errorf("below the limit: %v", err)
	}
	if _, err := readFile("/dev/zero", serveSettings); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("without an end: %v", err)
	}
}

// No file below the limit holds the parser for long: keys, elements and depth
// are bounded before it sees them.
func TestParseFile_HostileFiles_EndSoon(t *testing.T) {
	var keys, deep strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	most := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for i := range 900 {
		fmt.Fprintf(&deep, "%sk:\n", strings.Repeat(" ", i))
	}
	full := func(s string) string { return strings.Repeat(s, maxFile/4/len(s)) }
	for name, file := range map[string]string{
		"keys": keys.String(), "indented": deep.String(), "lists": full("["), "maps": full("{a: "), "entries": full("- "), "lines": full("- a\n"),
		"anchors": full("&a "), "aliases": full("*a "), "tags": full("!a "), "marks": full("? "), "colons": full(": "), "quotes": full("'"), "double": full("\""),
		"text": "listen: " + full("x"), "words": "listen: " + full("x "), "folded": "listen: >\n" + full(" x\n"), "literal": "listen: |\n" + full("  x\n"),
		"most keys": most("k%d: 1\n", maxKeys-1), "most keys of a rule": "rooms: [{" + most("k%d: 1,\n", maxKeys-1) + "}]", "most rules": "rooms:\n" + most("- match: a%d.*\n", maxKeys-1), "most below": most("k%d:\n\n", maxKeys-1),
		"rules like each other": "rooms:\n" + most("- match: \""+strings.Repeat("*a", 95)+"b%d\"\n", maxRooms),
		"documents":             full("---\n"), "directives": full("%YAML 1.2\n"), "comments": full("#\n"), "newlines": full("\n"), "closed": full("]"), "commas": "[" + full("a,"), "pairs": full("[]\n"),
	} {
		began := time.Now()
		_, err := parseFile("f", []byte(file), serveSettings)
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s (%d bytes) took %v: %v", name, len(file), d, err)
		} else {
			t.Logf("%s (%d bytes) took %v: %.80v", name, len(file), d, err)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	for _, s := range []string{
		"listen: [a, b]\nadmin: c\n", "max-message: 64KiB\n", "echo: yes\n", "a: &x 1\nb: *x\n", "? echo\n: true\n", "<<: {a: 1}\n",
		"jwt-secret: |\n  abc\n", "'x': \"y\"\n", "---\na: 1\n---\n", "\tx: 1", "%YAML 1.2\n---\n", "listen: >-\n  x\n", "!!map {a: !!str b}\n", "{a: [1, {b: c}]}",
		"rooms:\n  - match: a.*\n    history: {size: 1, ttl: 5s}\n  - {match: \"*\", schema: x, max_members: 5}\n", "rooms: [{}, [], ~]\n",
		"webhooks:\n  url: http://a/\n  secret: x\n  events: [join]\n  on_failure: allow\n", "rooms:\n  - match: a\n    history:\n      size: {a: b}\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		content, err := parseFile("f", []byte(s), serveSettings)
		if err != nil {
			for _, e := range flat(err) {
				if !strings.HasPrefix(e.Error(), "f:") {
					t.Fatalf("%q: the error names no place: %v", s, e)
				}
			}
			return
		}
		for _, r := range content.rooms {
			if !validPattern(string(r.match)) || r.publish == "" || r.slow != "close" || r.line == 0 {
				t.Fatalf("%q: a rule is %+v", s, r)
			}
		}
		if w := content.webhooks; w != nil && (checkURL(string(w.URL)) != nil || len(w.Events)+len(w.Ask) == 0 || w.Queue == 0) {
			t.Fatalf("%q: webhooks are %+v", s, w)
		}
		for key, v := range content.values {
			if find(serveSettings, key) == nil || len(v.texts) == 0 || !strings.HasPrefix(v.place, "f:") {
				t.Fatalf("%q: %s is %+v", s, key, v)
			}
		}
	})
}

// flat gives the errors that were joined.
func flat(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
