package protocol

import (
	"net/url"
	"strings"
	"testing"
)

// queryPlainly is Query by net/url.
func queryPlainly(raw, key string) (string, bool) {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && name == key && pair != "" {
			value, err := url.QueryUnescape(value)
			return value, err == nil
		}
	}
	return "", false
}

func TestRequest_Query_Escapes(t *testing.T) {
	for _, c := range []struct {
		raw, key, want string
		ok             bool
	}{
		{"%74oken=x", "token", "x", true}, {"t+k=1", "t k", "1", true}, {"%zz=1&a=2", "a", "2", true}, {"a=%C3%a9", "a", "é", true},
		{"a=%00", "a", "\x00", true}, {"a=%25&b=%2525", "b", "%25", true}, {"a=%", "a", "", false}, {"a=1;b=2", "b", "", false},
		{"=x", "", "x", true}, {"&", "", "", false}, {"", "", "", false},
	} {
		q := &Request{RawQuery: []byte(c.raw)}
		if got, ok := q.Query(c.key); string(got) != c.want || ok != c.ok {
			t.Errorf("%q of %q: %q, %v", c.key, c.raw, got, ok)
		}
	}
}

// What was decoded stays as it is when more is decoded.
func TestRequest_Query_ValuesLive(t *testing.T) {
	q := &Request{RawQuery: []byte("a=%31%32&b=3&c=%34+5&%64=%36")}
	a, _ := q.Query("a")
	b, _ := q.Query("b")
	c, _ := q.Query("c")
	d, _ := q.Query("d")
	a = append(a, '!')
	if string(a) != "12!" || string(b) != "3" || string(c) != "4 5" || string(d) != "6" {
		t.Errorf("%q %q %q %q", a, b, c, d)
	}
}
