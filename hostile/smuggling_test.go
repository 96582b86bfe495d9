package hostile

import (
	"strings"
	"testing"
)

// hidden is a request that a server finds within another if it reads it otherwise
// than a proxy before it does.
var hidden = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"

// once sends a request with another hidden behind it. Answer makes sure that
// nothing follows the first answer.
func once(request string) func(*server) string { return asking(request + hidden) }

func plain(headers ...string) string {
	return "GET / HTTP/1.1\r\nHost: test\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

var smuggling = []attack{
	{name: "a length", run: once(handshake("GET /echo HTTP/1.1", "Content-Length: 41")), want: malformed},
	{name: "a length, and no upgrade", run: once(plain("Content-Length: 41")), want: malformed},
	{name: "two lengths", run: once(plain("Content-Length: 0", "Content-Length: 41")), want: malformed},
	{name: "the same length twice", run: once(plain("Content-Length: 0", "Content-Length: 0")), want: malformed},
	{name: "a list of lengths", run: once(plain("Content-Length: 0, 41")), want: malformed},
	{name: "a length of +0", run: once(plain("Content-Length: +0")), want: malformed},
	{name: "a length of -1", run: once(plain("Content-Length: -1")), want: malformed},
	{name: "a length of 0x0", run: once(plain("Content-Length: 0x0")), want: malformed},
	{name: "a length of 2^64", run: once(plain("Content-Length: 18446744073709551616")), want: malformed},
	{name: "a length without digits", run: once(plain("Content-Length:")), want: malformed},
	{name: "a space before the colon", run: once(plain("Content-Length : 41")), want: malformed},
	{name: "a length within a folded line", run: once(plain("X: y", " Content-Length: 41")), want: malformed},
	{name: "a folded length", run: once(plain("Content-Length:", " 41")), want: malformed},
	{name: "chunks", run: once(plain("Transfer-Encoding: chunked")), want: malformed},
	{name: "chunks in an upgrade", run: once(handshake("GET /echo HTTP/1.1", "Transfer-Encoding: chunked")), want: malformed},
	{name: "CL.TE", run: once(plain("Content-Length: 6", "Transfer-Encoding: chunked") + "0\r\n\r\nG"), want: malformed},
	{name: "TE.CL", run: once(plain("Transfer-Encoding: chunked", "Content-Length: 4") + "5c\r\n"), want: malformed},
	{name: "TE.TE", run: once(plain("Transfer-Encoding: chunked", "Transfer-Encoding: x")), want: malformed},
	{name: "TE in another case", run: once(plain("tRANSFER-eNCODING: CHUNKED")), want: malformed},
	{name: "TE of another coding", run: once(plain("Transfer-Encoding: xchunked")), want: malformed},
	{name: "TE of identity", run: once(plain("Transfer-Encoding: identity")), want: malformed},
	{name: "TE with a space before the colon", run: once(plain("Transfer-Encoding : chunked")), want: malformed},
	{name: "TE with a space before it", run: once(plain("X: y", " Transfer-Encoding: chunked")), want: malformed},
	{name: "TE with a tab after the colon", run: once(plain("Transfer-Encoding:\tchunked")), want: malformed},
	{name: "TE with a vertical tab", run: once(plain("Transfer-Encoding:\vchunked")), want: malformed},
	{name: "TE behind a bare CR", run: once(plain("X: y\rTransfer-Encoding: chunked")), want: malformed},
	{name: "TE behind a bare LF", run: once(plain("X: y\nTransfer-Encoding: chunked")), want: malformed},
	{name: "a bare LF ends the header", run: once(plain("X: y\n\nGET /echo HTTP/1.1")), want: malformed},
	{name: "CR CR LF", run: once(plain("X: y\r")), want: malformed},
	{name: "a zero in a name", run: once(plain("Content-Length\x00: 41")), want: malformed},
	{name: "quotes", run: once(plain(`Transfer-Encoding: "chunked"`)), want: malformed},
	{name: "behind plain HTTP", run: once(plain("X: y")), want: "426 upgrade_required"},
	{name: "behind health", run: once("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"), want: "200 ok\n"},
	{name: "behind health, kept alive", run: once("GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: keep-alive\r\n\r\n"), want: "200 ok\n"},
	{name: "behind HEAD", run: headOf("HEAD /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n" + hidden), want: "200 without a body"},
	{name: "behind an upgrade with a wrong version", run: once(handshake("GET /echo HTTP/1.1", "Sec-WebSocket-Version: 777")), want: "426 upgrade_required"},
	{name: "behind an upgrade that is not found", run: once(path404), want: "404 not_found"},
	{name: "behind an upgrade to HTTP/2", run: once(handshake("GET / HTTP/1.1", "Upgrade: h2c")), want: "426 upgrade_required"},
	{name: "behind Expect", run: once(plain("Expect: 100-continue")), want: "426 upgrade_required"},
	{name: "behind an upgrade", run: behindUpgrade(hidden), want: "101 close 1002"},
	{name: "an upgrade behind an upgrade", run: behindUpgrade(handshake("GET /echo HTTP/1.1")), want: "101 close 1002"},
	{name: "an answer behind an upgrade", run: behindUpgrade("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), want: "101 close 1002"},
	{name: "frames behind an upgrade", run: behindUpgrade(frame(text, "early") + goodbye), want: "101 text:early close 1000"},
	{name: "frames behind a refusal", run: asking(path404 + strings.Repeat(frame(text, "early"), 1000)), want: "404 not_found"},
	{name: "another URL by a header", run: asking(handshake("GET / HTTP/1.1", "X-Original-URL: /echo", "X-Rewrite-URL: /echo")), want: "404 not_found"},
	{name: "another method by a header", run: asking(handshake("POST /echo HTTP/1.1", "X-HTTP-Method-Override: GET")), want: "405 method_not_allowed"},
	{name: "a Host that Connection takes away", run: with("Connection: Upgrade, Host, Sec-WebSocket-Key"), want: "101"},
	{name: "a URL's host beside two Hosts", run: asking(handshake("GET http://a/echo HTTP/1.1", "+Host: b")), want: malformed},
	{name: "an encoded line's end in a URL's host", run: path("http://a%0d%0aX:/echo"), want: "101"},
	{name: "a subprotocol that would split the answer", run: asking(handshake("GET /ws HTTP/1.1", "Sec-WebSocket-Protocol: roost.v1.json\r\tX: y")), want: malformed},
	{name: "a subprotocol with an encoded line's end", run: asking(handshake("GET /ws HTTP/1.1", "Sec-WebSocket-Protocol: roost.v1.json%0d%0aSet-Cookie: a=b")), want: "101"},
}

var path404 = handshake("GET /nowhere HTTP/1.1")

// behindUpgrade sends more in one write with an upgrade that is let in.
func behindUpgrade(more string) func(*server) string {
	return func(s *server) string {
		p := s.dial()
		defer p.close()
		p.send(handshake("GET /echo HTTP/1.1") + more)
		got := p.answer()
		if got != "101" {
			return got
		}
		return got + " " + p.rest()
	}
}

func TestHostile_Smuggling(t *testing.T) {
	start(t, 0, "--auth", "none").suffer(t, smuggling)
}
