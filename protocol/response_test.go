package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendReject(t *testing.T) {
	for _, c := range []struct {
		r      Reject
		status int
		header string
		want   string
	}{
		{Reject{Status: 403, Code: "forbidden", Message: "no"}, 403, "", ""},
		{Reject{Status: 401, Code: "unauthorized", Message: "no"}, 401, "Www-Authenticate", "Bearer"},
		{Reject{Status: 405, Code: "method_not_allowed", Message: "no"}, 405, "Allow", "GET"},
		{Reject{Status: 426, Code: "upgrade_required", Message: "no"}, 426, "Sec-Websocket-Version", "13"},
		{Reject{Status: 503, Code: "unavailable", Message: "full", RetryAfter: 7}, 503, "Retry-After", "7"},
		{Reject{Status: 429, Code: "rate_limited", Message: "slower", RetryAfter: 1}, 429, "Retry-After", "1"},
		{Reject{Status: 503, Code: "unavailable", Message: "full", RetryAfter: -1}, 503, "Retry-After", ""},
		{Reject{Status: 418, Code: "teapot", Message: "no phrase of its own"}, 418, "", ""},
		{Reject{Status: 404, Code: "x", Message: "quotes \" and \\ and\r\nlines\x00 and \xff and é <>&"}, 404, "", ""},
		{Reject{Status: 404, Code: "x", Message: "a \" alone"}, 404, "", ""},
		{Reject{Status: 404, Code: "x", Message: "a \\ alone"}, 404, "", ""},
		{Reject{Status: 404, Code: "a\"b", Message: "tab \t alone"}, 404, "", ""},
		{Reject{Status: 400, Code: "x", Message: strings.Repeat("long ", 300)}, 400, "", ""},
		{Reject{Status: 0}, 500, "", ""}, {Reject{Status: -5}, 500, "", ""}, {Reject{Status: 101}, 500, "", ""}, {Reject{Status: 302}, 500, "", ""}, {Reject{Status: 12345}, 500, "", ""},
	} {
		reply := AppendReject([]byte("before"), &c.r)
		if !strings.HasPrefix(string(reply), "before") {
			t.Fatalf("%q", reply)
		}
		resp, body := answer(t, "GET", Outcome{Reply: reply[len("before"):], Status: c.status})
		if got := resp.Header.Get(c.header); c.header != "" && got != c.want {
			t.Errorf("%+v: %s is %q", c.r, c.header, got)
		}
		var e struct{ Error, Message string }
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error != c.r.Code || e.Message != strings.ToValidUTF8(c.r.Message, "\uFFFD") {
			t.Errorf("%+v: %q", c.r, body)
		}
		if c.r.Error() != c.r.Message {
			t.Errorf("the error is %q", c.r.Error())
		}
	}
}

func TestAppendResponse(t *testing.T) {
	const want = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n\r\nok\n"
	if got := AppendResponse([]byte("x"), 200, "text/plain; charset=utf-8", "ok\n"); string(got) != "x"+want {
		t.Errorf("%q", got)
	}
	if got := AppendResponse(nil, 503, "text/plain", ""); string(got) != "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}
