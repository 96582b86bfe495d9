package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A canon knows what stands in a recorded conversation in place of what changes
// from run to run: connection IDs, epochs, times. Each is shown as the first, the
// second, … of its kind, so that a recording is the same each time.
type canon struct {
	shown map[string]string // by what came
	came  map[string]string // by what is shown
	count map[*volatile]int
}

// A volatile is a kind of text that changes from run to run.
type volatile struct {
	in   *regexp.Regexp // where it stands, as the first group
	show func(n int) string
}

// canonEnd is the Unix time from which the ends of tokens count.
const canonEnd = 1767225600

var volatiles = []*volatile{
	{regexp.MustCompile(`"(?:conn|id)":"([0-9a-v]{13})"`), canonConn},
	{regexp.MustCompile(`"epoch":"([0-9a-z]+\.[0-9a-z]+)"`), func(n int) string { return "5k7lfpt7." + strconv.FormatInt(int64(n), 36) }},
	{regexp.MustCompile(`"ticket":"([^"]+)"`), func(n int) string { return fmt.Sprintf("q8Zr1kV0mXw2TnB5cY7%05d", n) }},
	{regexp.MustCompile(`"id":"([0-9a-z]+-q[0-9]+)"`), func(n int) string { return fmt.Sprintf("ok3vd7m2xq5a-q%d", n) }},
	{regexp.MustCompile(`"time":"([^"]+)"`), func(int) string { return "2026-01-01T12:00:00.123Z" }},
	{regexp.MustCompile(`"address":"([^"]+)"`), func(n int) string { return fmt.Sprintf("192.0.2.7:%d", 51233+n) }},
	{regexp.MustCompile(`"host":"([^"]+)"`), func(int) string { return "push.example.com" }},
	{regexp.MustCompile(`"user_agent":"([^"]+)"`), func(int) string { return "Mozilla/5.0 …" }},
	{regexp.MustCompile(`retry=([0-9]+)`), func(n int) string { return strconv.Itoa(437 + 311*n) }},
}

// canonConn looks like the ID of a connection.
func canonConn(n int) string {
	ids := []string{"7bqvaloni36h9", "i0r4mh8d2uk5c", "2u9tcgsfe7n1p", "q5kd03vjbl6ra", "d8n1o6f4i7tue", "0vh2rpc9sm3ga"}
	return ids[(n-1)%len(ids)]
}

func newCanon() *canon {
	return &canon{map[string]string{}, map[string]string{}, map[*volatile]int{}}
}

// add says what is shown in place of what came.
func (c *canon) add(shown, came string) {
	c.shown[came], c.came[shown] = shown, came
}

// show gives what came as it is recorded.
func (c *canon) show(text string) string {
	for _, v := range volatiles {
		text = replaceGroup(v.in, text, func(came string) string {
			if _, ok := c.shown[came]; !ok {
				c.count[v]++
				c.add(v.show(c.count[v]), came)
			}
			return c.shown[came]
		})
	}
	return text
}

// mean gives what is recorded as it is to be sent.
func (c *canon) mean(text string) string {
	var pairs []string
	for _, shown := range slices.SortedFunc(maps.Keys(c.came), func(a, b string) int { return len(b) - len(a) }) {
		pairs = append(pairs, shown, c.came[shown])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// replaceGroup replaces the first group of each match.
func replaceGroup(re *regexp.Regexp, text string, f func(string) string) string {
	var b strings.Builder
	at := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[at:m[2]])
		b.WriteString(f(text[m[2]:m[3]]))
		at = m[3]
	}
	return b.String() + text[at:]
}
