package auth

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPatterns_Match(t *testing.T) {
	for _, c := range []struct {
		pattern, room string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "ab", false}, {"a", "A", false}, {"*", "anything", true},
		{"chat.*", "chat.1", true}, {"chat.*", "chat.", true}, {"chat.*", "chat", false}, {"*.1", "chat.1", true}, {"*.1", "chat.2", false},
		{"a*b*c", "abc", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"**", "x", true}, {"a**b", "ab", true}, {"*ab*ab", "abab", true}, {"*ab*ab", "ab", false}, {"*ab*ab", "abxabxab", true},
		{"ab*bc", "abc", false}, {"*aab", "aaab", true}, {"", "", false}, {"", "a", false}, {"chat.?", "chat.1", false}, {"[a]", "a", false},
	} {
		if got := (Patterns{"no", c.pattern}).Match(c.room); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.room, got)
		}
	}
	if (Patterns)(nil).Match("a") || (Patterns{}).Match("") {
		t.Error("no pattern matches something")
	}
}

func TestPatterns_Match_Linear(t *testing.T) {
	began := time.Now()
	(Patterns{strings.Repeat("*a", 50_000) + "*b*"}).Match(strings.Repeat("a", 1_000_000))
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("a nasty pattern takes %v", d)
	}
}

func TestPatterns_Match_Allocs(t *testing.T) {
	p := Patterns{"news", "team.*.chat", "*x*y*z*"}
	if n := testing.AllocsPerRun(100, func() { p.Match("team.1.chat.2") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPatterns_Match(f *testing.F) {
	f.Add("a*b", "aab")
	f.Add("*ab*ab*", "ababab")
	f.Fuzz(func(t *testing.T, pattern, room string) {
		if len(pattern) > 100 {
			return
		}
		// (?s-u) is not to be had: bytes stand for themselves as runes of Latin-1.
		latin := func(s string) string {
			r := make([]rune, len(s))
			for i := range len(s) {
				r[i] = rune(s[i])
			}
			return string(r)
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(latin(pattern)), `\*`, ".*")
		want := pattern != "" && regexp.MustCompile("(?s)^"+quoted+"$").MatchString(latin(room))
		if got := (Patterns{pattern}).Match(room); got != want {
			t.Errorf("%q and %q: %v", pattern, room, got)
		}
	})
}

func BenchmarkPatterns_Match(b *testing.B) {
	p := Patterns{"news", "team.*.chat", "*x*y*z*"}
	b.ReportAllocs()
	for b.Loop() {
		p.Match("team.1.chat.2")
	}
}
