package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestService_History(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 67_890_123, time.FixedZone("", 3600))
	rec := &recorder{known: known{history: edge.HistoryPage{Position: edge.Position{Offset: 9, Epoch: "e1"}, Whole: true, Messages: []edge.HistoryMessage{
		{Offset: 5, Time: at, Data: []byte(`{"a": [1, "<&>"]}`), Key: "k\n"},
		{Offset: 6, Time: at, Data: []byte("hello \"you\" \x01é")},
		{Offset: 7, Time: at, Data: []byte("\x00\xff"), Binary: true},
		{Offset: 8, Time: at, From: []byte(`{"user":"alice","conn":"conn7"}`)},
		{Offset: 9, Time: at.Add(time.Second), Data: []byte(`12`)},
	}}}}
	s := serve(t, Config{}, rec)
	ask(t, "GET", s.URL+"/v1/rooms/r/history?since=4&limit=5", "").wantOK(t, `{"room":"r","epoch":"e1","offset":9,"whole":true,"messages":[`+
		`{"offset":5,"time":"2026-01-02T02:04:05.067Z","data":{"a": [1, "<&>"]},"key":"k\n"},`+
		`{"offset":6,"time":"2026-01-02T02:04:05.067Z","data":"hello \"you\" \u0001é"},`+
		`{"offset":7,"time":"2026-01-02T02:04:05.067Z","base64":"AP8="},`+
		`{"offset":8,"time":"2026-01-02T02:04:05.067Z","data":"","from":{"user":"alice","conn":"conn7"}},`+
		`{"offset":9,"time":"2026-01-02T02:04:06.067Z","data":12}]}`+"\n")
	ask(t, "GET", s.URL+"/v1/rooms/r/history?since=18446744073709551615", "")
	ask(t, "GET", s.URL+"/v1/rooms/r/history", "")
	rec.wantCalls(t, "History r 4 5", "History r 18446744073709551615 100", "History r 0 100")
	for _, since := range []string{"-1", "x", "", "18446744073709551616", "e1:4"} {
		ask(t, "GET", s.URL+"/v1/rooms/r/history?since="+since, "").wantError(t, 400, "bad_request", "since is")
	}
	ask(t, "GET", s.URL+"/v1/rooms/r/history?after=1", "").wantError(t, 400, "bad_request", `"after": since, limit`)
	rec.known.history = edge.HistoryPage{}
	ask(t, "GET", s.URL+"/v1/rooms/r/history", "").wantOK(t, `{"room":"r","epoch":"","offset":0,"whole":false,"messages":[]}`+"\n")
}

// A long answer goes out in pieces and comes whole.
func TestService_History_Long(t *testing.T) {
	rec := &recorder{}
	for i := range 1000 {
		rec.known.history.Messages = append(rec.known.history.Messages, edge.HistoryMessage{Offset: uint64(i), Data: []byte(strings.Repeat("x", 5000))})
	}
	s := serve(t, Config{}, rec)
	var got struct {
		Messages []struct {
			Offset int
			Data   string
		}
	}
	if err := json.Unmarshal([]byte(ask(t, "GET", s.URL+"/v1/rooms/r/history?limit=1000", "").body), &got); err != nil {
		t.Fatal(err)
	}
	for i, m := range got.Messages {
		if m.Offset != i || len(m.Data) != 5000 {
			t.Fatalf("message %d: offset %d, %d bytes", i, m.Offset, len(m.Data))
		}
	}
	if len(got.Messages) != 1000 {
		t.Errorf("%d messages", len(got.Messages))
	}
	if r := ask(t, "HEAD", s.URL+"/v1/rooms/r/history?limit=1000", ""); r.StatusCode != 200 || r.body != "" {
		t.Errorf("HEAD: %d, %d bytes", r.StatusCode, len(r.body))
	}
}
