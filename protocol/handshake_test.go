package protocol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A door lets in, refuses or parks, as told.
type door struct {
	decision Decision
	seen     *Request
	calls    int
}

func (d *door) Decide(q *Request) Decision {
	d.calls++
	d.seen = q
	return d.decision
}

const good = "GET /rooms/a?x=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// response parses an answer as a client does, and looks at its body.
func response(t testing.TB, b []byte) *http.Response {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(b))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	if resp.StatusCode == 101 {
		if r.Buffered() != 0 {
			t.Errorf("bytes behind 101: %q", b)
		}
		return resp
	}
	body, err := io.ReadAll(resp.Body)
	var e struct{ Error, Message string }
	if err != nil || json.Unmarshal(body, &e) != nil || e.Error == "" || e.Message == "" || bytes.Count(body, []byte("\n")) != 1 || !resp.Close {
		t.Errorf("%d with body %q, close %v", resp.StatusCode, body, resp.Close)
	}
	return resp
}

// The example of RFC 6455, section 1.3.
func TestHandshaker_Handshake_Accepts(t *testing.T) {
	d := &door{decision: Decision{Connection: "abc", Protocol: "roost.v1.json"}}
	h := NewHandshaker(d)
	out := h.Handshake([]byte(good + "Origin: http://example.com\r\nAuthorization: Bearer t\r\nCookie: a=b\r\n" +
		"Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two, roost.v1.json\r\n\r\n"))
	if out.Status != 101 || out.Plain || out.Parked {
		t.Fatalf("%+v", out)
	}
	resp := response(t, out.Reply)
	for name, want := range map[string]string{"Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Upgrade": "websocket", "Connection": "Upgrade",
		"Roost-Connection": "abc", "Sec-WebSocket-Protocol": "roost.v1.json"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, expected %q", name, got, want)
		}
	}
	q := d.seen
	for name, v := range map[string]struct {
		got  []byte
		want string
	}{"method": {q.Method, "GET"}, "path": {q.Path, "/rooms/a"}, "query": {q.RawQuery, "x=1"}, "host": {q.Host, "example.com"}, "origin": {q.Origin, "http://example.com"},
		"authorization": {q.Authorization, "Bearer t"}, "cookie": {q.Cookie, "a=b"}, "protocols": {q.Protocols, "one,two, roost.v1.json"}} {
		if string(v.got) != v.want {
			t.Errorf("%s: %q, expected %q", name, v.got, v.want)
		}
	}
	d.decision = Decision{}
	if resp := response(t, h.Handshake([]byte(good+"\r\n")).Reply); resp.Header.Get("Roost-Connection") != "" || resp.Header.Get("Sec-WebSocket-Protocol") != "" {
		t.Errorf("headers of the last one: %v", resp.Header)
	}
}

func TestHandshaker_Handshake_Refuses(t *testing.T) {
	without := func(name string) string {
		var out string
		for line := range strings.Lines(good) {
			if !strings.HasPrefix(line, name) {
				out += line
			}
		}
		return out + "\r\n"
	}
	with := func(lines string) string { return good + lines + "\r\n" }
	change := func(from, to string) string { return strings.Replace(good, from, to, 1) + "\r\n" }
	for name, c := range map[string]struct {
		head   string
		status int
	}{
		"nothing":                {"\r\n\r\n", 400},
		"no line":                {"hello\r\n\r\n", 400},
		"no version":             {"GET /\r\n\r\n", 400},
		"two spaces":             {change("GET /", "GET  /"), 400},
		"relative target":        {change("/rooms/a", "rooms/a"), 400},
		"control in the target":  {change("/rooms/a", "/rooms/\x01"), 400},
		"high byte in target":    {change("/rooms/a", "/rooms/\xff"), 400},
		"fragment in target":     {change("/rooms/a", "/rooms/a#b"), 400},
		"HTTP/2.0":               {change("HTTP/1.1", "HTTP/2.0"), 505},
		"HTTP/2 preface":         {"PRI * HTTP/2.0\r\n\r\n", 505},
		"TLS hello":              {"\x16\x03\x01\x02\x00\r\n\r\n", 400},
		"HTTP/1.0":               {change("HTTP/1.1", "HTTP/1.0"), 505},
		"POST":                   {change("GET", "POST"), 405},
		"method with a colon":    {change("GET", "G:T"), 400},
		"plain POST":             {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		"no host":                {without("Host"), 400},
		"two hosts":              {with("Host: other\r\n"), 400},
		"no connection":          {without("Connection"), 400},
		"connection close":       {change("keep-alive, Upgrade", "close"), 400},
		"no key":                 {without("Sec-WebSocket-Key"), 400},
		"short key":              {change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400},
		"key of 24 letters":      {change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQab"), 400},
		"key not base64":         {change("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!Q=="), 400},
		"two keys":               {with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400},
		"no ws version":          {without("Sec-WebSocket-Version"), 426},
		"version 8":              {change("Version: 13", "Version: 8"), 426},
		"two versions":           {with("Sec-WebSocket-Version: 13\r\n"), 400},
		"two origins":            {with("Origin: http://a\r\nOrigin: http://b\r\n"), 400},
		"two authorizations":     {with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
		"body":                   {with("Content-Length: 5\r\n"), 400},
		"chunked":                {with("Transfer-Encoding: chunked\r\n"), 400},
		"folded line":            {with("X: a\r\n b\r\n"), 400},
		"space before the colon": {with("X : a\r\n"), 400},
		"no colon":               {with("X\r\n"), 400},
		"no name":                {with(": a\r\n"), 400},
		"NUL":                    {with("X: a\x00b\r\n"), 400},
		"bare LF":                {strings.ReplaceAll(good, "\r\n", "\n") + "\r\n\r\n", 400},
		"bare CR":                {with("X: a\rb\r\n"), 400},
		"escape character":       {with("X: \x1b[2J\r\n"), 400},
	} {
		d := &door{}
		out := NewHandshaker(d).Handshake([]byte(c.head))
		if out.Status != c.status || out.Plain || d.calls != 0 {
			t.Errorf("%s: %+v, decided %d times; expected %d", name, out.Status, d.calls, c.status)
			continue
		}
		resp := response(t, out.Reply)
		if c.status == 426 && resp.Header.Get("Sec-WebSocket-Version") != "13" || c.status == 405 && !strings.HasPrefix(resp.Header.Get("Allow"), "GET") {
			t.Errorf("%s: headers %v", name, resp.Header)
		}
	}
}

func TestHandshaker_Handshake_Decisions(t *testing.T) {
	d := &door{decision: Decision{Reject: &Reject{Status: 503, Code: "unavailable", Message: "full", RetryAfter: 7}}}
	h := NewHandshaker(d)
	out := h.Handshake([]byte(good + "\r\n"))
	if resp := response(t, out.Reply); out.Status != 503 || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("%+v %v", out, resp.Header)
	}
	d.decision = Decision{Park: true}
	if out := h.Handshake([]byte(good + "\r\n")); !out.Parked || len(out.Reply) != 0 || out.Status != 0 {
		t.Errorf("parked: %+v", out)
	}
	d.decision = Decision{Reject: &Reject{Status: 401, Code: "unauthorized", Message: "no"}}
	if resp := response(t, h.Handshake([]byte(good+"\r\n")).Reply); resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("401 without WWW-Authenticate: %v", resp.Header)
	}
	d.decision = Decision{}
	if out := h.Handshake([]byte(good + "\r\n")); out.Status != 101 {
		t.Errorf("at last: %+v", out)
	}
}

func TestHandshaker_Handshake_Plain(t *testing.T) {
	h := NewHandshaker(&door{})
	for _, head := range []string{"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n"} {
		out := h.Handshake([]byte(head))
		if !out.Plain || out.Status != 426 || string(h.Request().Path) != "/healthz" {
			t.Errorf("%q: %+v", head, out)
		}
		if resp := response(t, out.Reply); resp.Header.Get("Upgrade") != "websocket" {
			t.Errorf("headers %v", resp.Header)
		}
	}
}

func TestRequest_Query(t *testing.T) {
	for _, c := range []struct {
		raw, key, want string
		ok             bool
	}{
		{"", "a", "", false}, {"a=1", "a", "1", true}, {"b=2&a=1", "a", "1", true}, {"a", "a", "", true}, {"a=", "a", "", true}, {"aa=1", "a", "", false},
		{"a=1&a=2", "a", "1", true}, {"a=b%20c+d", "a", "b c d", true}, {"a=%zz", "a", "", false}, {"a=%4", "a", "", false}, {"a=x=y", "a", "x=y", true}, {"&&a=1", "a", "1", true},
	} {
		q := &Request{RawQuery: []byte(c.raw)}
		if got, ok := q.Query(c.key); string(got) != c.want || ok != c.ok {
			t.Errorf("%q: %q, %v", c.raw, got, ok)
		}
	}
}

func TestHeaderEnd_TornAtEveryByte(t *testing.T) {
	head := []byte(good + "\r\n")
	whole := append(bytes.Clone(head), "\x81\x80....\r\n\r\n"...)
	scanned := 0
	for i := 1; i < len(head); i++ {
		if end := HeaderEnd(whole[:i], scanned); end >= 0 {
			t.Fatalf("an end at %d of %d", end, i)
		}
		scanned = i
	}
	if end := HeaderEnd(whole, scanned); end != len(head) {
		t.Errorf("the end is at %d, expected %d", end, len(head))
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n"))
	f.Add([]byte("\x16\x03\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head := append(bytes.Clone(b), "\r\n\r\n"...)
		head = head[:HeaderEnd(head, 0)]
		before := bytes.Clone(head)
		out := NewHandshaker(&door{}).Handshake(head)
		resp := response(t, out.Reply)
		if resp.StatusCode != out.Status {
			t.Errorf("%d and %d", resp.StatusCode, out.Status)
		}
		if !bytes.Equal(before, head) {
			t.Error("the header block was changed")
		}
	})
}

func TestHandshaker_Handshake_Allocations(t *testing.T) {
	h := NewHandshaker(&door{decision: Decision{Connection: "abc"}})
	head := []byte(good + "Origin: http://example.com\r\nUser-Agent: test\r\n\r\n")
	if n := testing.AllocsPerRun(1000, func() { h.Handshake(head) }); n > 2 {
		t.Errorf("%v allocations, expected at most the 2 of ws.Upgrader", n)
	}
}

func BenchmarkHandshaker_Handshake(b *testing.B) {
	h := NewHandshaker(&door{decision: Decision{Connection: "abc"}})
	head := []byte(good + "Origin: http://example.com\r\nUser-Agent: test\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		h.Handshake(head)
	}
}
