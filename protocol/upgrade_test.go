package protocol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// request is a right request for an upgrade, with further header lines.
func request(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(lines, "") + "\r\n"
}

// asked is a Decider that decides as told and keeps what it saw.
type asked struct {
	decision Decision
	times    int
	saw      func(q *Request)
}

func (a *asked) Decide(q *Request) Decision {
	a.times++
	if a.saw != nil {
		a.saw(q)
	}
	return a.decision
}

// answer reads an answer as a client does and checks what holds of every one.
func answer(t testing.TB, method string, out Outcome) (*http.Response, string) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(out.Reply))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v in %q", err, out.Reply)
	}
	if resp.StatusCode != out.Status || resp.Proto != "HTTP/1.1" {
		t.Fatalf("%d, but the answer is %q", out.Status, out.Reply)
	}
	for name := range resp.Header {
		switch name {
		case "Connection", "Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Version", "Sec-Websocket-Extensions", "Roost-Connection",
			"Content-Type", "Content-Length", "Retry-After", "Www-Authenticate", "Allow":
		default:
			t.Fatalf("header %s in %q", name, out.Reply)
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v in the body of %q", err, out.Reply)
	}
	if rest, _ := io.ReadAll(r); resp.StatusCode != 101 && len(rest) > 0 {
		t.Fatalf("%q follows the answer", rest)
	}
	if resp.StatusCode == 101 {
		if out.Plain || len(body) > 0 || !bytes.HasSuffix(out.Reply, []byte("\r\n\r\n")) {
			t.Fatalf("%+v: %q", out, out.Reply)
		}
		return resp, ""
	}
	if !resp.Close || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("close %v, %v", resp.Close, resp.Header)
	}
	if method == "HEAD" {
		if len(body) > 0 {
			t.Fatalf("HEAD is answered with %q", body)
		}
		return resp, ""
	}
	if n, err := strconv.Atoi(resp.Header.Get("Content-Length")); err != nil || n != len(body) {
		t.Fatalf("Content-Length %d for %d bytes", n, len(body))
	}
	var e struct{ Error, Message *string }
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Error == nil || e.Message == nil || bytes.IndexByte(body, '\n') != len(body)-1 {
		t.Fatalf("body %q: %v", body, err)
	}
	return resp, string(body)
}

func TestHandshaker_Handshake_LetsIn(t *testing.T) {
	for name, head := range map[string]string{
		"plain":                    request("/"),
		"header names in any case": strings.NewReplacer("Host", "hOsT", "Upgrade:", "UPGRADE:", "Connection:", "connection:", "Sec-WebSocket-", "sec-websocket-").Replace(request("/")),
		"values in any case":       strings.NewReplacer("websocket\r", "WebSocket\r", "Connection: Upgrade", "Connection: upGRADE").Replace(request("/")),
		"connection in a list":     strings.Replace(request("/"), "Connection: Upgrade", "Connection: keep-alive, ,Upgrade", 1),
		"connection in two lines":  request("/", "Connection: keep-alive\r\n"),
		"connection, keep first":   strings.Replace(request("/"), "Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade", 1),
		"upgrade in a list":        strings.Replace(request("/"), "websocket\r", "h2c, websocket\r", 1),
		"upgrade in two lines":     request("/", "Upgrade: h2c\r\n"),
		"spaces about values":      strings.ReplaceAll(request("/"), ": ", ": \t "),
		"no spaces about values":   strings.ReplaceAll(request("/"), ": ", ":"),
		"spaces behind values":     strings.ReplaceAll(request("/", "X: a\r\n"), "\r\nS", " \t\r\nS"),
		"an empty value":           request("/", "X:\r\n"),
		"a tab in a value":         request("/", "X: a\tb\r\n"),
		"UTF-8 in a value":         request("/", "X: é\r\n"),
		"two cookies":              request("/", "Cookie: a=b\r\nCookie: c=d\r\n"),
		"no body":                  request("/", "Content-Length: 0\r\n"),
		"extensions":               request("/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
		"broken extensions":        request("/", "Sec-WebSocket-Extensions: ;;=\"\r\n"),
		"HTTP/1.2":                 strings.Replace(request("/"), "HTTP/1.1", "HTTP/1.2", 1),
		"an absolute target":       request("http://other.example:81/x?y"),
		"an absolute ws target":    request("ws://other.example"),
		"a host with a port":       strings.Replace(request("/"), "example.com", "[::1]:8080", 1),
		"an empty host":            strings.Replace(request("/"), "example.com", "", 1),
		"a long cookie":            request("/", "Cookie: a="+strings.Repeat("x", 7000)+"\r\n"),
		"128 header lines":         request("/", strings.Repeat("X: y\r\n", 128-5)),
	} {
		d := &asked{decision: Decision{Connection: "abc"}}
		out := NewHandshaker(d).Handshake([]byte(head))
		if out.Status != 101 || d.times != 1 {
			t.Errorf("%s: %d, decided %d times: %q", name, out.Status, d.times, out.Reply)
			continue
		}
		resp, _ := answer(t, "GET", out)
		for header, want := range map[string]string{"Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Upgrade": "websocket", "Connection": "Upgrade", "Roost-Connection": "abc",
			"Sec-WebSocket-Protocol": "", "Sec-WebSocket-Extensions": ""} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, expected %q", name, header, got, want)
			}
		}
	}
}

// What handshake_test.go does not refuse.
func TestHandshaker_Handshake_RefusesMore(t *testing.T) {
	for name, c := range map[string]struct {
		head   string
		status int
		says   string
	}{
		"empty":                      {"", 400, "request line"},
		"no end":                     {strings.TrimSuffix(request("/"), "\r\n"), 400, "header line"},
		"more than a block":          {request("/") + "\x81\x80....", 400, "header line"},
		"a line before":              {"\r\n" + request("/"), 400, "request line"},
		"a tab in the request line":  {strings.Replace(request("/"), "GET ", "GET\t", 1), 400, "request line"},
		"no target":                  {strings.Replace(request("/"), "GET /", "GET ", 1), 400, "request line"},
		"three spaces":               {strings.Replace(request("/"), "HTTP/1.1", "x HTTP/1.1", 1), 400, "request line"},
		"a version in small letters": {strings.Replace(request("/"), "HTTP/1.1", "http/1.1", 1), 400, "request line"},
		"a version of two digits":    {strings.Replace(request("/"), "HTTP/1.1", "HTTP/1.10", 1), 400, "request line"},
		"a target of ftp":            {request("ftp://example.com/"), 400, "request line"},
		"a target without host":      {request("http:///x"), 400, "request line"},
		"a target with a user":       {request("http://user@example.com/"), 400, "request line"},
		"GET *":                      {request("*"), 400, "request line"},
		"OPTIONS *":                  {strings.Replace(request("*"), "GET", "OPTIONS", 1), 405, "GET"},
		"CONNECT":                    {"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n", 400, "request line"},
		"HEAD for an upgrade":        {strings.Replace(request("/"), "GET", "HEAD", 1), 405, ""},
		"a method in small letters":  {strings.Replace(request("/"), "GET", "get", 1), 405, "GET"},
		"POST with a body":           {"POST /rooms/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 405, "GET"},
		"HTTP/1.0 with a host":       {strings.Replace(request("/"), "HTTP/1.1", "HTTP/1.0", 1), 505, "HTTP/1.1"},
		"HTTP/3.0":                   {strings.Replace(request("/"), "HTTP/1.1", "HTTP/3.0", 1), 505, "HTTP/1.1"},
		"two hosts, absolute":        {request("http://a/", "Host: b\r\n"), 400, "twice"},
		"a host with a path":         {strings.Replace(request("/"), "Host: example.com", "Host: example.com/x", 1), 400, "Host"},
		"a host with a user":         {strings.Replace(request("/"), "Host: example.com", "Host: u@example.com", 1), 400, "Host"},
		"two hosts in one":           {strings.Replace(request("/"), "Host: example.com", "Host: a b", 1), 400, "Host"},
		"a version list":             {strings.Replace(request("/"), "Version: 13", "Version: 13, 8", 1), 426, "Version"},
		"a version with a zero":      {strings.Replace(request("/"), "Version: 13", "Version: 013", 1), 426, "Version"},
		"an empty version":           {strings.Replace(request("/"), "Version: 13", "Version:", 1), 426, "Version"},
		"an empty key":               {strings.Replace(request("/"), "dGhlIHNhbXBsZSBub25jZQ==", "", 1), 400, "Key"},
		"a key of 18 bytes":          {strings.Replace(request("/"), "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSEh", 1), 400, "Key"},
		"a key of 17 bytes":          {strings.Replace(request("/"), "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSE=", 1), 400, "Key"},
		"two different keys":         {request("/", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), 400, "twice"},
		"two lengths of nothing":     {request("/", "Content-Length: 0\r\nContent-Length: 0\r\n"), 400, "twice"},
		"an odd length of nothing":   {request("/", "Content-Length: +0\r\n"), 400, "body"},
		"a negative length":          {request("/", "Content-Length: -1\r\n"), 400, "body"},
		"an empty length":            {request("/", "Content-Length:\r\n"), 400, "body"},
		"transfer encoding identity": {request("/", "Transfer-Encoding: identity\r\n"), 400, "body"},
		"a body in small letters":    {request("/", "transfer-encoding: chunked\r\n"), 400, "body"},
		"a fold in the first line":   {strings.Replace(request("/"), "Host:", " Host:", 1), 400, "header line"},
		"a tab before the colon":     {request("/", "X\t: a\r\n"), 400, "header line"},
		"a space in a name":          {request("/", "X Y: a\r\n"), 400, "header line"},
		"UTF-8 in a name":            {request("/", "é: a\r\n"), 400, "header line"},
		"LF in a value":              {request("/", "X: a\nY: b\r\n"), 400, "header line"},
		"CR before a name":           {request("/", "X: a\r Y: b\r\n"), 400, "header line"},
		"CR for CR LF":               {request("/", "X: a\rxY: b\r\n"), 400, "header line"},
		"CR for CR LF at the start":  {strings.Replace(request("/"), "HTTP/1.1\r\n", "HTTP/1.1\rx", 1), 400, "request line"},
		"CR CR LF":                   {request("/", "X: a\r\r\n"), 400, "header line"},
		"DEL in a value":             {request("/", "X: \x7f\r\n"), 400, "header line"},
		"129 header lines":           {request("/", strings.Repeat("X: y\r\n", 129-5)), 431, "128"},
		"broken escape in the query": {request("/?a=%zz"), 400, "query"},
		"cut escape in the query":    {request("/?a=%2"), 400, "query"},
		"a lone percent":             {request("/?token=abc&b=100%&c"), 400, "query"},
		"GET with a body":            {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400, "body"},
		"GET without a host":         {"GET /healthz HTTP/1.1\r\n\r\n", 400, "Host"},
	} {
		d := &asked{}
		h := NewHandshaker(d)
		out := h.Handshake([]byte(c.head))
		if out.Status != c.status || out.Plain || out.Parked || d.times != 0 {
			t.Errorf("%s: %+v, decided %d times; expected %d", name, out, d.times, c.status)
			continue
		}
		resp, body := answer(t, string(h.Request().Method), out)
		if !strings.Contains(body, c.says) {
			t.Errorf("%s: says %q, not of %s", name, body, c.says)
		}
		if c.status == 405 && resp.Header.Get("Allow") != "GET" || c.status == 426 && (resp.Header.Get("Sec-WebSocket-Version") != "13" || resp.Header.Get("Upgrade") != "websocket") {
			t.Errorf("%s: headers %v", name, resp.Header)
		}
	}
}

// A byte that may not stand in a header is refused wherever it stands.
func TestHandshaker_Handshake_ControlsAnywhere(t *testing.T) {
	head := request("/a?b=c", "X-Y: z\r\n")
	for _, c := range []byte{0, 1, 8, '\n', '\r', 0x1b, 0x7f} {
		for i := range len(head) {
			if strings.ContainsRune("\r\n", rune(head[i])) {
				continue
			}
			d := &asked{}
			out := NewHandshaker(d).Handshake([]byte(head[:i] + string(rune(c)) + head[i+1:]))
			if out.Status != 400 || d.times != 0 {
				t.Fatalf("%#x at %d of %q: %d", c, i, head, out.Status)
			}
		}
	}
}

// No cut or doubled line makes it panic or decide of half a request.
func TestHandshaker_Handshake_CutAnywhere(t *testing.T) {
	head := request("/a?b=c", "Cookie: z\r\n")
	d := &asked{}
	h := NewHandshaker(d)
	for i := range len(head) {
		out := h.Handshake([]byte(head[:i]))
		answer(t, string(h.Request().Method), out)
		if out.Status != 400 {
			t.Fatalf("cut at %d: %d", i, out.Status)
		}
	}
	if d.times != 0 {
		t.Errorf("decided %d times", d.times)
	}
}

func TestHandshaker_Handshake_Protocol(t *testing.T) {
	for _, c := range []struct{ offered, chosen, want string }{
		{"", "", ""},
		{"", "a", ""},
		{"Sec-WebSocket-Protocol: a\r\n", "", ""},
		{"Sec-WebSocket-Protocol: a\r\n", "a", "a"},
		{"Sec-WebSocket-Protocol: a\r\n", "A", ""},
		{"Sec-WebSocket-Protocol: a,b , c\r\n", "b", "b"},
		{"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", "b", "b"},
		{"Sec-WebSocket-Protocol: a,,\r\nSec-WebSocket-Protocol:\r\n", "a", "a"},
		{"Sec-WebSocket-Protocol: bearer.secret\r\n", "roost.v1.json", ""},
		{"Sec-WebSocket-Protocol: a b\r\n", "a b", ""},
		{"Sec-WebSocket-Protocol: ab\r\n", "a", ""},
	} {
		out := NewHandshaker(&asked{decision: Decision{Protocol: c.chosen}}).Handshake([]byte(request("/", c.offered)))
		resp, _ := answer(t, "GET", out)
		if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != c.want || out.Status != 101 {
			t.Errorf("%q of %q: %q", c.chosen, c.offered, got)
		}
	}
}

func TestHandshaker_Handshake_Connection(t *testing.T) {
	for id, want := range map[string]string{"": "", "0a-1b": "0a-1b", "a b": "", "a\r\nEvil: 1": "", "é": ""} {
		resp, _ := answer(t, "GET", NewHandshaker(&asked{decision: Decision{Connection: id}}).Handshake([]byte(request("/"))))
		if got := resp.Header.Get("Roost-Connection"); got != want || len(resp.Header["Evil"]) > 0 {
			t.Errorf("%q: %v", id, resp.Header)
		}
	}
}

// A parked request is asked again from a copy of its block, whatever came between.
func TestHandshaker_Handshake_Parked(t *testing.T) {
	d := &asked{decision: Decision{Park: true, Connection: "parked"}}
	h := NewHandshaker(d)
	head := []byte(request("/rooms/a?token=x", "Sec-WebSocket-Protocol: a\r\n"))
	kept := bytes.Clone(head)
	if out := h.Handshake(head); !out.Parked || out.Reply != nil || out.Status != 0 || out.Plain {
		t.Fatalf("%+v", out)
	}
	clear(head) // its buffer is used again
	d.decision = Decision{Connection: "other"}
	if resp, _ := answer(t, "GET", h.Handshake([]byte(request("/")))); resp.Header.Get("Roost-Connection") != "other" {
		t.Errorf("between: %v", resp.Header)
	}
	d.decision = Decision{Reject: &Reject{Status: 401, Code: "unauthorized", Message: "no"}}
	if out := h.Handshake(kept); out.Status != 401 || out.Parked {
		t.Errorf("refused: %+v", out)
	}
	d.decision = Decision{Connection: "parked", Protocol: "a"}
	d.saw = func(q *Request) {
		if v, ok := q.Query("token"); string(q.Path) != "/rooms/a" || !ok || string(v) != "x" {
			t.Errorf("again: path %q, token %q", q.Path, v)
		}
	}
	resp, _ := answer(t, "GET", h.Handshake(kept))
	if resp.Header.Get("Roost-Connection") != "parked" || resp.Header.Get("Sec-WebSocket-Protocol") != "a" {
		t.Errorf("let in: %v", resp.Header)
	}
}

func TestHandshaker_Handshake_PlainForms(t *testing.T) {
	for _, c := range []struct{ head, method, path, query string }{
		{"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/healthz", ""},
		{"GET /healthz HTTP/1.0\r\n\r\n", "GET", "/healthz", ""},
		{"HEAD /healthz?x=%zz HTTP/1.0\r\n\r\n", "HEAD", "/healthz", "x=%zz"},
		{"GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", "GET", "/", ""},
		{"GET http://a?b HTTP/1.1\r\nHost: b\r\n\r\n", "GET", "/", "b"},
		{"GET /? HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "GET", "/", ""},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocketx\r\n\r\n", "GET", "/", ""},
	} {
		d := &asked{}
		h := NewHandshaker(d)
		out := h.Handshake([]byte(c.head))
		q := h.Request()
		if !out.Plain || out.Status != 426 || d.times != 0 || string(q.Method) != c.method || string(q.Path) != c.path || string(q.RawQuery) != c.query || q.Upgrade() {
			t.Errorf("%q: %+v, %s %s", c.head, out, q.Method, q.Path)
		}
		if resp, _ := answer(t, c.method, out); resp.Header.Get("Upgrade") != "websocket" || !bytes.Contains(out.Reply, []byte("\r\nConnection: close, Upgrade\r\n")) {
			t.Errorf("%q: %v", c.head, resp.Header)
		}
	}
}

func TestRequest_Fields(t *testing.T) {
	d := &asked{}
	d.saw = func(q *Request) {
		for name, c := range map[string]struct {
			got  []byte
			want string
		}{
			"method": {q.Method, "GET"}, "path": {q.Path, "/a%20b"}, "query": {q.RawQuery, "c=d?e"}, "host": {q.Host, "host.example:8"},
			"origin": {q.Origin, "https://o"}, "authorization": {q.Authorization, "Bearer t"}, "cookie": {q.Cookie, "a=b; c; d"}, "protocols": {q.Protocols, "p,q,r"},
			"forwarded": {q.Forwarded, "for=1"}, "x-forwarded-for": {q.XForwardedFor, "1.1.1.1, 2.2.2.2,3.3.3.3"},
		} {
			if string(c.got) != c.want {
				t.Errorf("%s: %q, expected %q", name, c.got, c.want)
			}
		}
	}
	h := NewHandshaker(d)
	h.Handshake([]byte(request("http://host.example:8/a%20b?c=d?e", "Origin: https://o\r\nAuthorization: Bearer t\r\nCookie: a=b\r\nCookie: c\r\nCookie: d\r\n",
		"Sec-WebSocket-Protocol: p,q\r\nSec-WebSocket-Protocol: r\r\nForwarded: for=1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3\r\n")))
	d.saw = func(q *Request) {
		for name, got := range map[string][]byte{"origin": q.Origin, "authorization": q.Authorization, "cookie": q.Cookie, "protocols": q.Protocols, "query": q.RawQuery,
			"forwarded": q.Forwarded, "x-forwarded-for": q.XForwardedFor} {
			if got != nil {
				t.Errorf("%s of the last request: %q", name, got)
			}
		}
	}
	h.Handshake([]byte(request("/")))
	if d.times != 2 {
		t.Errorf("decided %d times", d.times)
	}
}
