package webhook

import (
	"net/netip"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

var noon = time.Date(2026, 1, 1, 13, 0, 0, 7_900_000, time.FixedZone("", 3600))

func TestMessage_Event_FieldsThatApply(t *testing.T) {
	for _, c := range []struct {
		event edge.Event
		want  string
	}{
		{edge.Event{What: edge.WhatConnect, Conn: "c1", User: "alice", Remote: netip.MustParseAddrPort("[::ffff:192.0.2.7]:5555"), Path: "/ws"},
			`{"id":"p-1","event":"connect","time":"2026-01-01T12:00:00.007Z","conn":"c1","user":"alice","address":"192.0.2.7:5555","path":"/ws"}`},
		{edge.Event{What: edge.WhatDisconnect, Conn: "c1", Reason: "no_pong"},
			`{"id":"p-1","event":"disconnect","time":"2026-01-01T12:00:00.007Z","conn":"c1","reason":"no_pong"}`},
		{edge.Event{What: edge.WhatOccupied, Room: "r"},
			`{"id":"p-1","event":"occupied","time":"2026-01-01T12:00:00.007Z","room":"r"}`},
		{edge.Event{What: edge.WhatPublish, Room: "r", Data: []byte(`{"b":1.50,"a":"<&>"}`), JSON: true, Position: edge.Position{Offset: 7, Epoch: "e"}},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","room":"r","data":{"b":1.50,"a":"<&>"},"offset":7,"epoch":"e"}`},
		{edge.Event{What: edge.WhatPublish, Data: []byte("a \"<b>\"\n")},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","data":"a \"<b>\"\n"}`},
		{edge.Event{What: edge.WhatPublish},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","data":""}`},
		{edge.Event{What: edge.WhatPublish, Data: []byte{0xff, 0}, Binary: true},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","base64":"/wA="}`},
		{edge.Event{What: edge.WhatPublish, Binary: true},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","base64":""}`},
		// What is not JSON in truth does not spoil the batch.
		{edge.Event{What: edge.WhatPublish, Data: []byte(`{"a":`), JSON: true},
			`{"id":"p-1","event":"publish","time":"2026-01-01T12:00:00.007Z","data":"{\"a\":"}`},
	} {
		c.event.Time = noon
		if got := string(encode(eventMessage("p-1", &c.event))); got != c.want {
			t.Errorf("%+v:\n%s, want\n%s", c.event, got, c.want)
		}
	}
}

func TestMessage_Question_FieldsThatApply(t *testing.T) {
	for _, c := range []struct {
		question edge.Question
		want     string
	}{
		{edge.Question{What: edge.WhatConnect, Conn: "c1", Remote: netip.MustParseAddrPort("[2001:db8::1]:5555"), Path: "/rooms/a", Query: "v=2", Rooms: []string{"a"},
			Token: "t", Origin: "https://example.com", Host: "push.example.com", Cookie: "a=b", UserAgent: "x/1", Forwarded: "192.0.2.1"},
			`{"id":"p-q1","event":"connect","ask":true,"time":"2026-01-01T12:00:00.007Z","conn":"c1","address":"[2001:db8::1]:5555","path":"/rooms/a","query":"v=2",` +
				`"rooms":["a"],"token":"t","origin":"https://example.com","host":"push.example.com","cookie":"a=b","user_agent":"x/1","forwarded_for":"192.0.2.1"}`},
		{edge.Question{What: edge.WhatJoin, Conn: "c1", User: "alice", Room: "r"},
			`{"id":"p-q1","event":"join","ask":true,"time":"2026-01-01T12:00:00.007Z","conn":"c1","user":"alice","room":"r"}`},
		{edge.Question{What: edge.WhatPublish, Conn: "c1", User: "alice", Room: "r", Data: []byte("[1, 2]"), JSON: true},
			`{"id":"p-q1","event":"publish","ask":true,"time":"2026-01-01T12:00:00.007Z","conn":"c1","user":"alice","room":"r","data":[1,2]}`},
	} {
		c.question.Time = noon
		if got := string(encode(questionMessage("p-q1", &c.question))); got != c.want {
			t.Errorf("%+v:\n%s, want\n%s", c.question, got, c.want)
		}
	}
}
