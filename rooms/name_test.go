package rooms

import (
	"regexp"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "a": true, "A-z0.9_:@=,;+~": true, "..": true, "a b": false, "a/b": false, "é": false, "a\x00": false, "a\n": false,
		"a*": false, "a%20": false, "a?": false, "a#b": false, `a"`: false, "a\xff": false,
		strings.Repeat("x", MaxName): true, strings.Repeat("x", MaxName+1): false,
	} {
		if ValidName(name) != want || ValidNameBytes([]byte(name)) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	name := []byte(strings.Repeat("x", MaxName))
	if n := testing.AllocsPerRun(100, func() { ValidNameBytes(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzValidName(f *testing.F) {
	rule := regexp.MustCompile(`\A[A-Za-z0-9._\-:@=,;+~]{1,200}\z`)
	f.Add("chat.1")
	f.Add("a b")
	f.Add(strings.Repeat("~", 201))
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := ValidName(name), rule.MatchString(name); got != want || ValidNameBytes([]byte(name)) != want {
			t.Errorf("%q: %v", name, got)
		}
	})
}
