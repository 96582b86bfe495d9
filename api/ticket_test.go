package api

import (
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestTicket_Make(t *testing.T) {
	rec := &recorder{known: known{ticket: "t0p", expires: time.Unix(1767225600, 9e8)}}
	s := serve(t, Config{}, rec)
	at := s.URL + "/v1/tickets"
	for body, call := range map[string]string{
		`{"sub":"alice"}`: "Ticket alice [] []  1m0s",
		`{"sub":"a/é","rooms":["chat.*","b"],"publish":["*"],"info":{ "name" : "A" },"ttl":"24h"}`: `Ticket a/é [chat.* b] [*] {"name":"A"} 24h0m0s`,
		` {"sub":"a","rooms":null,"publish":[],"info":null,"ttl":null} `:                           "Ticket a [] []  1m0s",
		`{"sub":"a","info":12,"ttl":"1s"}`:                                                         "Ticket a [] [] 12 1s",
		`{"sub":"a","info":"` + strings.Repeat("x", 1022) + `"}`:                                   "Ticket a [] [] \"" + strings.Repeat("x", 1022) + "\" 1m0s",
	} {
		r := ask(t, "POST", at, body)
		r.wantOK(t, `{"ticket":"t0p","expires":1767225600}`+"\n")
		rec.wantCalls(t, call)
	}
}

func TestTicket_Refused(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	at := s.URL + "/v1/tickets"
	for body, message := range map[string]string{
		"":                           "not JSON: unexpected EOF",
		" ":                          "not JSON: unexpected EOF",
		"{":                          "not JSON",
		"x":                          "not JSON",
		`{"sub":"a"} {}`:             "not JSON",
		`{"sub":"a","sub":"b"}`:      `a name twice in an object: "/sub"`,
		"{\"sub\":\"\xff\"}":         "not JSON: invalid UTF-8",
		`[]`:                         "the body is an array",
		`"alice"`:                    "the body is a string",
		`12`:                         "the body is a number",
		`true`:                       "the body is a boolean",
		`null`:                       `"sub" is missing`,
		`{}`:                         `"sub" is missing`,
		`{"sub":null}`:               `"sub" is missing`,
		`{"sub":""}`:                 `"sub" is missing`,
		`{"Sub":"a"}`:                `unknown field "Sub": sub, rooms, publish, info, ttl would be right`,
		`{"sub":"a","exp":1}`:        `unknown field "exp"`,
		`{"sub":7}`:                  `"sub" has the wrong type at /sub: a string of 1 to 200 bytes`,
		`{"sub":"a\u0000"}`:          `"sub" is bad`,
		`{"sub":"a","rooms":"chat"}`: `"rooms" has the wrong type at /rooms: an array of at most 64 strings`,
		`{"sub":"a","rooms":[1]}`:    `"rooms" has the wrong type at /rooms/0`,
		`{"sub":"a","rooms":[""]}`:   `"rooms" is bad`,
		`{"sub":"a","publish":{}}`:   `"publish" has the wrong type`,
		`{"sub":"a","ttl":60}`:       `"ttl" has the wrong type`,
		`{"sub":"a","ttl":""}`:       `"ttl" is "": a duration from "1s" to "24h"`,
		`{"sub":"a","ttl":"60"}`:     `"ttl" is "60"`,
		`{"sub":"a","ttl":"999ms"}`:  `"ttl" is "999ms"`,
		`{"sub":"a","ttl":"24h1s"}`:  `"ttl" is "24h1s"`,
		`{"sub":"` + strings.Repeat("a", 201) + `"}`:                                           `"sub" is bad`,
		`{"sub":"a","publish":["` + strings.Repeat("a", 201) + `"]}`:                           `"publish" is bad`,
		`{"sub":"a","rooms":[` + strings.Repeat(`"a",`, 64) + `"a"]}`:                          `"rooms" is bad`,
		`{"sub":"a","info":"` + strings.Repeat("x", 1023) + `"}`:                               `"info" is too long: JSON of at most 1024 bytes`,
		`{"info":{"` + strings.Repeat("x", 500) + `":1,"` + strings.Repeat("x", 500) + `":1}}`: "twice",
		`{"sub":"a","info":{"a":1,"a":2}}`:                                                     "twice",
		`{"` + strings.Repeat("x", 500) + `":1}`:                                               "unknown field",
		`{"sub":"a","rooms":[{"` + strings.Repeat("x", 500) + `":1}]}`:                         `"rooms"`,
		`{"sub":"` + strings.Repeat("a", 100) + `","ttl":"` + strings.Repeat("9", 500) + `"}`:  `"ttl" is "999`,
	} {
		r := ask(t, "POST", at, body)
		r.wantError(t, 400, "bad_request", message)
		if len(r.body) > 500 {
			t.Errorf("%d bytes: %s", len(r.body), r.body)
		}
	}
	ask(t, "POST", at, `{"sub":"`+strings.Repeat("a", 64<<10)+`"}`).wantError(t, 413, "too_large", "65536")
	ask(t, "POST", at, `{"sub":"a"}`, "Idempotency-Key: k").wantError(t, 400, "bad_request", "Idempotency-Key")
	rec.wantCalls(t)

	s = serve(t, Config{}, &recorder{err: &edge.FieldError{Field: "ttl", Problem: "too long: at most 1h would be right"}})
	ask(t, "POST", s.URL+"/v1/tickets", `{"sub":"a"}`).wantError(t, 400, "bad_request", "ttl: too long")
}

// A ticket is as good as a token: it stands in no log and no error.
func FuzzParseTicket(f *testing.F) {
	for _, seed := range []string{`{"sub":"alice","rooms":["a*"],"publish":[],"info":{"a":[1]},"ttl":"90s"}`, `{"sub":1}`, `null`, `{"ttl":null}`, "{\"info\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		id, ttl, fail := parseTicket(b)
		switch {
		case fail != nil && (fail.message == "" || len(fail.message) > 600):
			t.Errorf("message %q", fail.message)
		case fail == nil && (id.User == "" || len(id.User) > 200 || ttl < minTicket || ttl > maxTicket || len(id.Info) > 1024):
			t.Errorf("%q gives %+v, %v", b, id, ttl)
		}
	})
}
