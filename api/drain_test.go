package api

import (
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestDrain_Begin(t *testing.T) {
	asked := make(chan time.Duration, 10)
	first := true
	s := serve(t, Config{Drain: func(over time.Duration) bool {
		defer func() { first = false }()
		if first {
			asked <- over
		}
		return first
	}}, &recorder{figures: edge.Stats{Connections: 7}})
	at := s.URL + "/v1/drain"
	for body, message := range map[string]string{
		"{":                `not JSON`,
		"[]":               `the body is not right: {"over":"30s"} would be`,
		`{"over":30}`:      `"over" is a duration`,
		`{"within":"30s"}`: `the body is not right`,
		`{"over":"30"}`:    `"30" is not right: "over" is a duration from "1s" to "1h"`,
		`{"over":"999ms"}`: `"999ms" is not right`,
		`{"over":"61m"}`:   `"61m" is not right`,
	} {
		ask(t, "POST", at, body).wantError(t, 400, "bad_request", message)
	}
	ask(t, "GET", at, "").wantError(t, 405, "method_not_allowed", "POST would be right")
	ask(t, "POST", at, `{"over":"30s"}`).wantOK(t, `{"connections":7}`+"\n")
	ask(t, "POST", at, "").wantError(t, 409, "conflict", "draining already")
	if over := <-asked; over != 30*time.Second || len(asked) > 0 {
		t.Errorf("it was asked over %v, and %d times more", over, len(asked))
	}
}

func TestDrain_NotServed(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	ask(t, "POST", s.URL+"/v1/drain", "").wantError(t, 404, "not_found", "nothing is served")
}

func TestParseDrain(t *testing.T) {
	for body, want := range map[string]time.Duration{"": 0, "{}": 0, `{"over":null}`: 0, ` {"over":"1s"} `: time.Second, `{"over":"1h"}`: time.Hour} {
		if over, f := parseDrain([]byte(body)); over != want || f != nil {
			t.Errorf("%q: %v, %+v", body, over, f)
		}
	}
}
