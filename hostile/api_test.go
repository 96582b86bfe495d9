package hostile

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// call is a request to the API: its line, more headers, an empty one, and a body. A
// header replaces the usual one of its name; "-Name" takes it away.
func call(line, body string, headers ...string) string {
	lines := []string{"Host: 127.0.0.1", "Authorization: Bearer " + adminSecret}
	for _, h := range headers {
		name, _, _ := strings.Cut(strings.TrimPrefix(h, "-"), ":")
		kept := lines[:0]
		for _, l := range lines {
			if !strings.HasPrefix(l, name+":") {
				kept = append(kept, l)
			}
		}
		if lines = kept; h[0] != '-' {
			lines = append(lines, strings.TrimPrefix(h, "+"))
		}
	}
	if body != "" {
		lines = append(lines, fmt.Sprint("Content-Length: ", len(body)))
	}
	return line + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// calling sends bytes to the API's port and tells the answer.
func calling(bytes string) func(*server) string {
	return func(s *server) string {
		p := connect(s.admin)
		defer p.close()
		go p.send(bytes)
		return p.apiAnswer()
	}
}

func get(path string, headers ...string) func(*server) string {
	return calling(call("GET "+path, "", headers...))
}

func post(path, body string, headers ...string) func(*server) string {
	return calling(call("POST "+path, body, headers...))
}

// apiAnswer reads an answer of the API: its status, and an error's code.
func (p *peer) apiAnswer() string {
	if p.err != nil {
		return end(p.err)
	}
	if _, err := p.r.Peek(1); err != nil {
		return end(err)
	}
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return "half an answer: " + err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "Location" {
			return fmt.Sprint(resp.StatusCode, " with ", name)
		}
	}
	if resp.Header.Get("Content-Type") == "application/json" {
		if err != nil {
			return "half a body: " + err.Error()
		}
		if resp.StatusCode >= 400 {
			return refusal(resp, body)
		}
	}
	return fmt.Sprint(resp.StatusCode)
}

const publish = "/v1/rooms/api/publish"

var strangers = []attack{
	{name: "a name that was made to point here", run: get("/v1/stats", "Host: evil.com"), want: foreign},
	{name: "such a name with the port", run: get("/v1/stats", "Host: evil.com:8081"), want: foreign},
	{name: "a name that begins like an address", run: get("/v1/stats", "Host: 127.0.0.1.evil.com"), want: foreign},
	{name: "a name that begins like localhost", run: get("/v1/stats", "Host: localhost.evil.com"), want: foreign},
	{name: "localhost with a dot", run: get("/v1/stats", "Host: localhost."), want: foreign},
	{name: "an address in octal", run: get("/v1/stats", "Host: 0177.0.0.1"), want: foreign},
	{name: "an address in one number", run: get("/v1/stats", "Host: 2130706433"), want: foreign},
	{name: "no Host", run: get("/v1/stats", "-Host"), want: "400"},
	{name: "an empty Host", run: get("/v1/stats", "Host:"), want: "200"},
	{name: "two Hosts", run: calling("GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.com\r\n\r\n"), want: "400"},
	{name: "a URL's host", run: get("http://evil.com/v1/stats"), want: foreign},
	{name: "an Origin of somebody else", run: get("/v1/stats", "Origin: http://evil.com"), want: foreign},
	{name: "an Origin of null", run: post(publish, "x", "Origin: null"), want: foreign},
	{name: "an Origin with another port", run: post(publish, "x", "Origin: http://127.0.0.1:3000"), want: foreign},
	{name: "a preflight", run: calling(call("OPTIONS "+publish, "", "Origin: http://evil.com", "Access-Control-Request-Method: POST")), want: foreign},
	{name: "a form of another site, without Origin", run: post(publish, "x", "Sec-Fetch-Site: cross-site"), want: foreign},
	{name: "no secret", run: get("/v1/stats", "-Authorization"), want: unauthorized},
	{name: "no secret, by a page of somebody else", run: get("/v1/stats", "-Authorization", "Origin: http://evil.com"), want: foreign},
	{name: "an empty secret", run: get("/v1/stats", "Authorization: Bearer "), want: unauthorized},
	{name: "a secret that begins likewise", run: get("/v1/stats", "Authorization: Bearer "+adminSecret+"x"), want: unauthorized},
	{name: "a secret of 15,000 bytes", run: get("/v1/stats", "Authorization: Bearer "+stars(15_000)), want: unauthorized},
	{name: "two secrets", run: calling("GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\nAuthorization: Bearer " + adminSecret + "\r\n\r\n"), want: unauthorized},
	{name: "the secret in the URL", run: get("/v1/stats?token="+strings.ReplaceAll(adminSecret, " ", "+"), "-Authorization"), want: unauthorized},
	{name: "the profiles without the secret", run: get("/debug/pprof/heap", "-Authorization"), want: unauthorized},
	{name: "2,000 wrong secrets", run: manySecrets, want: "2000 401 unauthorized"},
}

var requests = []attack{
	{name: "two slashes", run: get("//v1/stats"), want: "404 not_found"},
	{name: "two dots", run: get("/v1/../metrics"), want: "404 not_found"},
	{name: "two dots, encoded", run: get("/v1/rooms/%2e%2e"), want: "200"},
	{name: "a slash in a room, encoded", run: post("/v1/rooms/a%2Fb/publish", "x"), want: malformed},
	{name: "a zero in a room, encoded", run: post("/v1/rooms/a%00/publish", "x"), want: malformed},
	{name: "a line's end in a user, encoded", run: post("/v1/users/a%0d%0ab/send", "x"), want: malformed},
	{name: "a user that is no text", run: post("/v1/users/%ff/send", "x"), want: malformed},
	{name: "half an encoding", run: get("/v1/rooms/%2"), want: "400"},
	{name: "another case", run: get("/V1/STATS"), want: "404 not_found"},
	{name: "a path of 8,000 bytes", run: get("/" + stars(8_000)), want: "404 not_found"},
	{name: "another method", run: calling(call("DELETE /v1/stats", "")), want: "405 method_not_allowed"},
	{name: "TRACE", run: calling(call("TRACE /v1/stats", "")), want: "405 method_not_allowed"},
	{name: "CONNECT", run: calling("CONNECT example.com:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), want: foreign},
	{name: "another method by a header", run: calling(call("GET /v1/rooms/api", "", "X-HTTP-Method-Override: DELETE")), want: "200"},
	{name: "the preface of HTTP/2", run: calling("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), want: "404 not_found"},
	{name: "TLS", run: calling("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), want: "400"},
	{name: "a WebSocket", run: calling(handshake("GET /ws HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer "+adminSecret)), want: "404 not_found"},
	{name: "a header block of 32 KiB", run: get("/v1/stats", "X: "+stars(32<<10)), want: "431"},
	{name: "a query that nobody knows", run: get("/v1/rooms?limits=1"), want: malformed},
	{name: "2,000 parameters", run: get("/v1/rooms?" + strings.Repeat("limit=1&", 2000)), want: malformed},
	{name: "limits that are none", run: each(get("/v1/rooms?limit=0"), get("/v1/rooms?limit=1001"), get("/v1/rooms?limit=-1"), get("/v1/rooms?limit=1e3"), get("/v1/rooms?limit=99999999999999999999")), want: "5 400 bad_request"},
	{name: "cursors that are none", run: each(get("/v1/connections?after=x"), get("/v1/closings?after=-1")), want: "2 400 bad_request"},
	{name: "connections that are none", run: each(get("/v1/connections/x"), get("/v1/connections/0000000000000000000"), get("/v1/connections/"+stars(4000))), want: "3 400 bad_request"},
	{name: "an Idempotency-Key of 201 bytes", run: post(publish, "x", "Idempotency-Key: "+stars(201)), want: malformed},
	{name: "an Idempotency-Key that is no ASCII", run: post(publish, "x", "Idempotency-Key: é"), want: malformed},
	{name: "1,000 requests in a pipeline", run: pipeline, want: "1000 200"},
	{name: "2,000 who leave within their request", run: leaving, want: ""},
}

var bodies = []attack{
	{name: "a length of 2^60", run: calling(call("POST "+publish, "", "Content-Length: 1152921504606846976") + "x"), want: "413 too_large"},
	{name: "a length of 2^64", run: calling(call("POST "+publish, "", "Content-Length: 18446744073709551616")), want: "400"},
	{name: "a length of -1", run: calling(call("POST "+publish, "", "Content-Length: -1")), want: "400"},
	{name: "two lengths", run: calling(call("POST "+publish, "", "Content-Length: 1\r\nContent-Length: 2") + "xx"), want: "400"},
	{name: "another coding", run: calling(call("POST "+publish, "", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"), want: "501"},
	{name: "coding twice", run: calling(call("POST "+publish, "", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"), want: "501"},
	{name: "a chunk of 2^64", run: calling(call("POST "+publish, "", "Transfer-Encoding: chunked") + "10000000000000000\r\nx"), want: malformed},
	{name: "chunks without end", run: calling(call("POST "+publish, "", "Transfer-Encoding: chunked") + strings.Repeat("400\r\n"+stars(1024)+"\r\n", 1000)), want: "413 too_large"},
	{name: "extensions of chunks", run: calling(call("POST "+publish, "", "Transfer-Encoding: chunked") + strings.Repeat("1;"+stars(3000)+"\r\nx\r\n", 100) + "0\r\n\r\n"), want: malformed},
	{name: "a byte more than a message", run: post(publish, stars(65_537)), want: "413 too_large"},
	{name: "a bomb of gzip", run: post(publish, "\x1f\x8b\x08", "Content-Encoding: gzip"), want: "415 unsupported"},
	{name: "text that is none", run: post(publish, "\xff\xfe"), want: malformed},
	{name: "arrays 100,000 deep", run: post("/v1/publish", strings.Repeat("[", 100_000)), want: malformed},
	{name: "objects 100,000 deep in a batch", run: post("/v1/publish", `[{"room":"a","data":`+strings.Repeat(`{"":`, 100_000)), want: malformed},
	{name: "1,001 messages in a batch", run: post("/v1/publish", `[`+strings.Repeat(`{"room":"a","data":1},`, 1000)+`{"room":"a","data":1}]`), want: "413 too_large"},
	{name: "a batch of 16 MiB and a byte", run: post("/v1/publish", stars(16<<20+1)), want: "413 too_large"},
	{name: "a batch of 16 MiB of spaces", run: post("/v1/publish", strings.Repeat(" ", 16<<20)), want: malformed, peak: 96},
	{name: "a batch of millions of nothings", run: post("/v1/publish", "["+strings.Repeat("0,", 8<<19)+"0]"), want: malformed, peak: 96},
	{name: "fields twice and fields nobody knows", run: each(post("/v1/publish", `[{"room":"a","room":"b","data":1}]`), post("/v1/publish", `[{"room":"a","data":1,"Room":"b"}]`)), want: "2 400 bad_request"},
	{name: "a document 30,000 deep", run: calling(call("PUT /v1/rooms/doc.api/document", nested(30_000))), want: malformed},
	{name: "a document that is none", run: each(calling(call("PUT /v1/rooms/doc.api/document", "1")), calling(call("PUT /v1/rooms/doc.api/document", `{"a":1,"a":2}`)), calling(call("PUT /v1/rooms/doc.api/document", `{"a":`))), want: "400 invalid, 2 400 bad_request"},
	{name: "a patch that doubles 40 times", run: calling(call("PATCH /v1/rooms/doc.fresh/document?base=0", `[{"op":"add","path":"/a","value":["x"]}`+strings.Repeat(`,{"op":"copy","from":"/a","path":"/a/-"}`, 40)+`]`, "Content-Type: application/json-patch+json")), want: "413 too_large"},
	{name: "tickets that are none", run: each(post("/v1/tickets", `{"sub":1}`), post("/v1/tickets", `{"sub":"a","admin":true}`), post("/v1/tickets", `{"sub":"a","ttl":"-1s"}`), post("/v1/tickets", `{"sub":"a","ttl":"9999999h"}`), post("/v1/tickets", nested(30_000))), want: "5 400 bad_request"},
	{name: "a ticket of 64 KiB and more", run: post("/v1/tickets", `{"sub":"a","info":"`+stars(65_536)+`"}`), want: "413 too_large"},
	{name: "16 batches of 16 MiB at once", run: manyBodies, want: "", peak: 192},
	{name: "Expect that is never followed", run: calling(call("POST "+publish, "", "Expect: 100-continue", "Content-Length: 99999999")), want: "413 too_large"},
	{name: "an Expect that is none", run: calling(call("POST "+publish, "", "Expect: a miracle", "Content-Length: 1") + "x"), want: "417"},
}

func TestHostile_API(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--admin-secret", adminSecret)
	s.suffer(t, strangers)
	s.suffer(t, requests)
	s.suffer(t, bodies)
}

// each runs several and tells what came of them.
func each(runs ...func(*server) string) func(*server) string {
	return func(s *server) string {
		var w words
		for _, run := range runs {
			w.add(run(s))
		}
		return w.String()
	}
}

func manySecrets(s *server) string {
	var w words
	for i := range 40 {
		for _, came := range atOnce(50, get("/v1/stats", fmt.Sprint("Authorization: Bearer ", adminSecret[:30], i)), s) {
			w.add(came)
		}
	}
	return w.String()
}

func pipeline(s *server) string {
	p := connect(s.admin)
	defer p.close()
	go p.send(strings.Repeat(call("GET /v1/rooms/api", ""), 1000))
	var w words
	for range 1000 {
		w.add(p.apiAnswer())
	}
	return w.String()
}

// leaving ends connections within requests, at every byte of one.
func leaving(s *server) string {
	request := call("POST "+publish, stars(100))
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() {
			for i := range 100 {
				p := connect(s.admin)
				p.send(request[:(worker*100+i)%len(request)])
				p.reset()
			}
		})
	}
	wg.Wait()
	return ""
}

// manyBodies are more than the API reads at a time: the rest is refused.
func manyBodies(s *server) string {
	for _, came := range atOnce(16, post("/v1/publish", strings.Repeat(" ", 16<<20)), s) {
		if came != malformed && came != "503 unavailable" && came != "reset" {
			return came
		}
	}
	return ""
}
