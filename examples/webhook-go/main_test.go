package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/webhook"
)

// The backend is asked and told by roost itself.
func TestExample_AskAndTell(t *testing.T) {
	var log bytes.Buffer
	s := httptest.NewServer(backend("s3cret", &log))
	defer s.Close()
	h, err := webhook.New(webhook.Config{
		URL: s.URL, Secret: "s3cret",
		Events: []edge.What{edge.WhatJoin}, Asks: []edge.What{edge.WhatConnect, edge.WhatJoin},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		question edge.Question
		allow    bool
		code     string
	}{
		{edge.Question{What: edge.WhatConnect, Token: "let-alice-in"}, true, ""},
		{edge.Question{What: edge.WhatConnect, Token: "let-bob-in"}, false, "unauthorized"},
		{edge.Question{What: edge.WhatConnect}, false, "unauthorized"},
		{edge.Question{What: edge.WhatJoin, User: "alice", Room: "chat.1"}, true, ""},
		{edge.Question{What: edge.WhatJoin, User: "bob", Room: "chat.1"}, false, ""},
	} {
		d, err := h.Decide(t.Context(), &c.question)
		if err != nil || d.Allow != c.allow || d.Code != c.code {
			t.Errorf("%+v: %+v, %v", c.question, d, err)
		}
		if c.question.Token == "let-alice-in" && (d.Identity == nil || d.Identity.User != "alice" || !d.Identity.Rooms.Match("chat.1")) {
			t.Errorf("alice is %+v", d.Identity)
		}
	}
	h.Event(&edge.Event{What: edge.WhatJoin, Time: time.Now(), User: "alice", Room: "chat.1"})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Run(ended); err != nil { // delivers what there is
		t.Error(err)
	}
	if s := log.String(); !strings.HasPrefix(s, "[{") || !strings.Contains(s, `"event":"join"`) {
		t.Errorf("it heard %q", s)
	}
}

func TestExample_WrongSignature(t *testing.T) {
	s := httptest.NewServer(backend("s3cret", &bytes.Buffer{}))
	defer s.Close()
	for _, header := range []string{"", "t=1,v1=00", "t=x,v1=y", "t=1700000000,v1=" + strings.Repeat("0", 64)} {
		q, err := http.NewRequest(http.MethodPost, s.URL, strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Roost-Signature", header)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("%q: status %d", header, r.StatusCode)
		}
	}
}
