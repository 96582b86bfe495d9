package hostile

import (
	"fmt"
	"strings"
	"testing"
)

// asking sends a request and tells the answer.
func asking(request string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		p.send(request)
		return p.answer()
	}
}

// path asks for an upgrade at a path.
func path(path string) func(*server) string { return asking(handshake("GET " + path + " HTTP/1.1")) }

// with asks for an upgrade of /echo with other headers.
func with(headers ...string) func(*server) string {
	return asking(handshake("GET /echo HTTP/1.1", headers...))
}

const malformed = "400 bad_request"

var requestLines = []attack{
	{name: "an empty request", run: asking("\r\n\r\n"), want: malformed},
	{name: "zeros", run: asking(strings.Repeat("\x00", 100) + "\r\n\r\n"), want: malformed},
	{name: "all bytes there are", run: asking(everyByte() + "\r\n\r\n"), want: malformed},
	{name: "HTTP/0.9", run: asking("GET /echo\r\n\r\n"), want: malformed},
	{name: "HTTP/1.0", run: asking(handshake("GET /echo HTTP/1.0")), want: "505 http_version_not_supported"},
	{name: "HTTP/2.0", run: asking(handshake("GET /echo HTTP/2.0")), want: "505 http_version_not_supported"},
	{name: "HTTP/1.10", run: asking(handshake("GET /echo HTTP/1.10")), want: malformed},
	{name: "http/1.1", run: asking(handshake("GET /echo http/1.1")), want: malformed},
	{name: "the preface of HTTP/2", run: asking("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), want: "505 http_version_not_supported"},
	{name: "POST", run: asking(handshake("POST /echo HTTP/1.1")), want: "405 method_not_allowed"},
	{name: "HEAD that upgrades", run: headOf(handshake("HEAD /echo HTTP/1.1")), want: "405 without a body"},
	{name: "get", run: asking(handshake("get /echo HTTP/1.1")), want: "405 method_not_allowed"},
	{name: "TRACE", run: asking("TRACE / HTTP/1.1\r\nHost: test\r\n\r\n"), want: "405 method_not_allowed"},
	{name: "OPTIONS *", run: asking("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n"), want: "405 method_not_allowed"},
	{name: "CONNECT to another server", run: asking("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"), want: malformed},
	{name: "a method of 4,000 bytes", run: asking(handshake(strings.Repeat("M", 4000) + " /echo HTTP/1.1")), want: "405 method_not_allowed"},
	{name: "a zero in the method", run: asking(handshake("GE\x00T /echo HTTP/1.1")), want: malformed},
	{name: "a tab for a space", run: asking(handshake("GET\t/echo HTTP/1.1")), want: malformed},
	{name: "two spaces", run: asking(handshake("GET  /echo HTTP/1.1")), want: malformed},
	{name: "a space after the version", run: asking(handshake("GET /echo HTTP/1.1 ")), want: malformed},
	{name: "a space within the path", run: asking(handshake("GET /echo /echo HTTP/1.1")), want: malformed},
	{name: "an empty line first", run: asking("\r\n" + handshake("GET /echo HTTP/1.1")), want: malformed},
	{name: "PROXY, version 1", run: asking("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + handshake("GET /echo HTTP/1.1")), want: malformed},
	{name: "PROXY, version 2", run: asking("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x01\x00\x02" + handshake("GET /echo HTTP/1.1")), want: malformed},
	{name: "SSH", run: asking("SSH-2.0-OpenSSH_9.9\r\n\r\n"), want: malformed},
	{name: "SMTP", run: asking("EHLO example.com\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n\r\n"), want: malformed},
	{name: "Redis by a form of a web page", run: asking("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 20\r\n\r\nFLUSHALL\r\nSHUTDOWN\r\n"), want: "405 method_not_allowed"},
	{name: "the first record of TLS, and a blank line", run: asking("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), want: malformed},
}

var headerLines = []attack{
	{name: "no Host", run: with("-Host"), want: malformed},
	{name: "two Hosts", run: with("+Host: other"), want: malformed},
	{name: "a Host with a path", run: with("Host: test/echo"), want: malformed},
	{name: "a Host with a user", run: with("Host: user@test"), want: malformed},
	{name: "a Host with a space", run: with("Host: test other"), want: malformed},
	{name: "no key", run: with("-Sec-WebSocket-Key"), want: malformed},
	{name: "an empty key", run: with("Sec-WebSocket-Key:"), want: malformed},
	{name: "a key of 15 bytes", run: with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), want: malformed},
	{name: "a key of 17 bytes", run: with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="), want: malformed},
	{name: "a key that is not base64", run: with("Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="), want: malformed},
	{name: "a key of 4,000 bytes", run: with("Sec-WebSocket-Key: " + strings.Repeat("A", 4000)), want: malformed},
	{name: "two keys", run: with("+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), want: malformed},
	{name: "no version", run: with("-Sec-WebSocket-Version"), want: "426 upgrade_required"},
	{name: "version 8", run: with("Sec-WebSocket-Version: 8"), want: "426 upgrade_required"},
	{name: "version 013", run: with("Sec-WebSocket-Version: 013"), want: "426 upgrade_required"},
	{name: "versions 13 and 8", run: with("Sec-WebSocket-Version: 13, 8"), want: "426 upgrade_required"},
	{name: "a version of 4,000 digits", run: with("Sec-WebSocket-Version: " + strings.Repeat("1", 4000)), want: "426 upgrade_required"},
	{name: "version 13 twice", run: with("+Sec-WebSocket-Version: 13"), want: malformed},
	{name: "no Connection", run: with("-Connection"), want: malformed},
	{name: "another Connection", run: with("Connection: keep-alive, upgraded, up-grade"), want: malformed},
	{name: "another Upgrade", run: with("Upgrade: websockets"), want: "426 upgrade_required"},
	{name: "Upgrade to HTTP/2", run: with("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), want: "426 upgrade_required"},
	{name: "a header without a colon", run: with("X-Something"), want: malformed},
	{name: "a header without a name", run: with(": value"), want: malformed},
	{name: "a header of zeros", run: with("X: \x00\x00"), want: malformed},
	{name: "a header with DEL", run: with("X: \x7f"), want: malformed},
	{name: "a header's name in UTF-8", run: with("Ünicode: x"), want: malformed},
	{name: "128 headers", run: with(many(123)...), want: "101"},
	{name: "129 headers", run: with(many(124)...), want: "431 too_large"},
	{name: "a header block of 8 KiB", run: asking(block(8192)), want: "101"},
	{name: "a header block of 8 KiB and a byte", run: asking(block(8193)), want: "431 too_large"},
	{name: "a header of a megabyte", run: with("X: " + strings.Repeat("x", 1<<20)), want: "431 too_large"},
	{name: "headers without end", run: endless, want: "431 too_large"},
	{name: "a cookie in 100 pieces", run: with(repeat("+Cookie: a=b", 100)...), want: "101"},
	{name: "1,000 subprotocols, one of them ours", run: asking(handshake("GET /ws HTTP/1.1", "Sec-WebSocket-Protocol: "+strings.Repeat("x,", 1000)+"roost.v1.json")), want: "101"},
	{name: "2,000 empty subprotocols", run: with("Sec-WebSocket-Protocol: " + strings.Repeat(",", 2000)), want: "101"},
	{name: "an extension with nonsense", run: with(`Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99999999999999999999; x="\"`), want: "101"},
	{name: "500 extensions", run: with("Sec-WebSocket-Extensions: " + strings.Repeat("permessage-deflate,", 400)), want: "101"},
}

var paths = []attack{
	{name: "nothing", run: path("/"), want: "404 not_found"},
	{name: "a slash more at the end", run: path("/echo/"), want: "404 not_found"},
	{name: "a slash more at the begin", run: path("//echo"), want: "404 not_found"},
	{name: "a dot", run: path("/./echo"), want: "404 not_found"},
	{name: "two dots", run: path("/rooms/../echo"), want: malformed},
	{name: "two dots, encoded", run: path("/rooms/%2e%2e/echo"), want: malformed},
	{name: "up to the API", run: path("/ws/../v1/stats"), want: "404 not_found"},
	{name: "the API at the clients' port", run: path("/v1/stats"), want: "404 not_found"},
	{name: "the profiles at the clients' port", run: asking("GET /debug/pprof/ HTTP/1.1\r\nHost: test\r\n\r\n"), want: "426 upgrade_required"},
	{name: "another case", run: path("/ECHO"), want: "404 not_found"},
	{name: "a zero, encoded", run: path("/echo%00"), want: "404 not_found"},
	{name: "a zero", run: path("/echo\x00"), want: malformed},
	{name: "a backslash", run: path(`\echo`), want: malformed},
	{name: "a fragment", run: path("/echo#x"), want: malformed},
	{name: "no slash", run: path("echo"), want: malformed},
	{name: "an empty path", run: asking(handshake("GET  HTTP/1.1")), want: malformed},
	{name: "a question mark alone", run: path("?"), want: malformed},
	{name: "a path of 7,000 bytes", run: path("/" + strings.Repeat("a", 7000)), want: "404 not_found"},
	{name: "3,000 slashes", run: path(strings.Repeat("/", 3000)), want: "404 not_found"},
	{name: "UTF-8 that is not encoded", run: path("/rooms/é"), want: malformed},
	{name: "a room without a name", run: path("/rooms/"), want: "404 not_found"},
	{name: "a room that is a pattern", run: path("/rooms/*"), want: malformed},
	{name: "a room with a slash, encoded", run: path("/rooms/a%2Fb"), want: malformed},
	{name: "a room with a line's end, encoded", run: path("/rooms/a%0d%0aSet-Cookie:%20a=b"), want: malformed},
	{name: "a room with half an encoding", run: path("/rooms/a%2"), want: malformed},
	{name: "a room of 200 bytes", run: path("/rooms/" + strings.Repeat("r", 200)), want: "101"},
	{name: "a room of 201 bytes", run: path("/rooms/" + strings.Repeat("r", 201)), want: malformed},
	{name: "64 rooms", run: path("/rooms/a?rooms=" + list(63)), want: "101"},
	{name: "65 rooms", run: path("/rooms/a?rooms=" + list(64)), want: malformed},
	{name: "2,000 rooms without a name", run: path("/rooms/a?rooms=" + strings.Repeat(",", 2000)), want: malformed},
	{name: "a line's end within a query", run: path("/rooms/a?rooms=b%0d%0a"), want: malformed},
	{name: "half an encoding in a query", run: path("/echo?a=%zz"), want: malformed},
	{name: "2,000 parameters", run: path("/echo?" + strings.Repeat("a&", 2000)), want: "101"},
	{name: "2,000 encoded bytes", run: path("/echo?token=" + strings.Repeat("%00", 2000)), want: "101"},
	{name: "another server's URL", run: path("http://example.com/echo"), want: "101"},
	{name: "a URL without a host", run: path("http:///echo"), want: malformed},
	{name: "a URL with a user", run: path("http://user:secret@example.com/echo"), want: malformed},
	{name: "a URL of FTP", run: path("ftp://example.com/echo"), want: malformed},
	{name: "a file's URL", run: path("file:///etc/passwd"), want: malformed},
	{name: "plain HTTP", run: asking("GET /echo HTTP/1.1\r\nHost: test\r\n\r\n"), want: "426 upgrade_required"},
	{name: "plain HTTP to a file", run: asking("GET /../../etc/passwd HTTP/1.1\r\nHost: test\r\n\r\n"), want: "426 upgrade_required"},
	{name: "health, with a query", run: asking("GET /healthz?x=%zz HTTP/1.0\r\n\r\n"), want: "200 ok\n"},
}

func TestHostile_Handshake(t *testing.T) {
	s := start(t, 0, "--auth", "none")
	s.suffer(t, requestLines)
	s.suffer(t, headerLines)
}

func TestHostile_Paths(t *testing.T) {
	start(t, 0, "--auth", "none").suffer(t, paths)
}

func everyByte() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

// many is so many headers of different names.
func many(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("X-%d: x", i))
	}
	return lines
}

func repeat(line string, n int) (lines []string) {
	for range n {
		lines = append(lines, line)
	}
	return lines
}

// list is the names of so many rooms.
func list(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("r", i))
	}
	return strings.Join(names, ",")
}

// block is a request of exactly n bytes.
func block(n int) string {
	const line = "GET /echo HTTP/1.1"
	return handshake(line, "X: "+strings.Repeat("x", n-len(handshake(line, "X: "))))
}

// endless sends headers until the server does not take them any more.
func endless(s *server) string {
	p := s.dial()
	defer p.close()
	p.send("GET /echo HTTP/1.1\r\n")
	line := "X-Filler: " + strings.Repeat("y", 1000) + "\r\n"
	for range 100 {
		p.send(line)
	}
	return p.answer()
}

// headOf sends a request and tells its answer, which must have no body.
func headOf(request string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		p.send(request)
		var answer strings.Builder
		_, err := p.r.WriteTo(&answer)
		head, body, ok := strings.Cut(answer.String(), "\r\n\r\n")
		if err != nil || !ok || body != "" {
			return fmt.Sprintf("%q, %v", answer.String(), err)
		}
		return strings.Fields(head)[1] + " without a body"
	}
}
