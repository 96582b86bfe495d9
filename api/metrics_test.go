package api

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/roostws/roost/edge"
)

func sample() edge.Stats {
	return edge.Stats{
		Connections: 3, Rooms: 2, Opened: 9, Received: 4, Published: 5, Delivered: 6, BytesReceived: 7, BytesSent: 8,
		Panics: 1, AcceptPauses: 2, OutboxBytes: 10, PublishBytes: 11, ReadBytes: 12, TableBytes: 13,
		HistoryBytes: 21, HistoryMessages: 22, Documents: 23, DocumentBytes: 24, PresenceRooms: 25, OnceKeys: 26, RoomsEvicted: 27, HistoriesEvicted: 28,
		OnceEvicted: 29, Repeated: 30, Tickets: 31, Parked: 32, Closings: 33, Asked: []edge.Count{{Label: "allowed", N: 34}, {Label: "failed", N: 0}},
		Closed:         []edge.Count{{Label: "client", N: 4}, {Label: "no_pong", N: 0}},
		Dropped:        []edge.Count{{Label: "slow_consumer", N: 0}},
		Handshakes:     []edge.Count{{Label: "ok", N: 9}},
		PublishSeconds: edge.Histogram{Bounds: []float64{0.001, 0.01, 1}, Counts: []uint64{5, 0, 2, 1}, Sum: 3.5},
		TurnSeconds:    edge.Histogram{Bounds: []float64{0.001}, Counts: []uint64{1, 0}, Sum: 0.0005},
	}
}

func TestMetrics_Values(t *testing.T) {
	s := serve(t, Config{Version: "v1.2.3"}, &recorder{figures: sample()})
	ask(t, "POST", s.URL+"/v1/rooms/a/publish", "x")
	ask(t, "POST", s.URL+"/v1/rooms/b/publish", "x")
	ask(t, "POST", s.URL+"/v1/rooms/b/publish?x=1", "x")
	ask(t, "GET", s.URL+"/nothing/1", "")
	ask(t, "GET", s.URL+"/nothing/2", "", "Host: evil.example")
	r := ask(t, "GET", s.URL+"/metrics", "")
	if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	for _, line := range []string{
		`roost_connections 3`, `roost_connections_opened_total 9`, `roost_connections_closed_total{reason="client"} 4`, `roost_connections_closed_total{reason="no_pong"} 0`,
		`roost_handshakes_total{result="ok"} 9`, `roost_rooms 2`, `roost_messages_received_total 4`, `roost_messages_published_total 5`,
		`roost_messages_delivered_total 6`, `roost_messages_dropped_total{reason="slow_consumer"} 0`, `roost_bytes_received_total 7`, `roost_bytes_sent_total 8`,
		`roost_outbox_bytes 10`, `roost_publish_queue_bytes 11`, `roost_read_buffer_bytes 12`, `roost_table_bytes 13`,
		`roost_publish_seconds_bucket{le="0.001"} 5`, `roost_publish_seconds_bucket{le="0.01"} 5`, `roost_publish_seconds_bucket{le="1"} 7`,
		`roost_publish_seconds_bucket{le="+Inf"} 8`, `roost_publish_seconds_count 8`, `roost_publish_seconds_sum 3.5`, `roost_loop_turn_seconds_count 1`,
		`roost_history_bytes 21`, `roost_history_messages 22`, `roost_documents 23`, `roost_document_bytes 24`, `roost_presence_rooms 25`,
		`roost_idempotency_keys 26`, `roost_rooms_evicted_total 27`, `roost_histories_evicted_total 28`, `roost_idempotency_evicted_total 29`,
		`roost_publishes_repeated_total 30`, `roost_tickets 31`, `roost_parked_connections 32`, `roost_closings 33`, `roost_asked_total{outcome="allowed"} 34`, `roost_asked_total{outcome="failed"} 0`,
		`roost_panics_total 1`, `roost_accept_pauses_total 2`, `roost_broker_up 1`, `roost_draining 0`,
		`roost_api_requests_total{route="/v1/rooms/{room}/publish",status="200"} 2`, `roost_api_requests_total{route="/v1/rooms/{room}/publish",status="400"} 1`,
		`roost_api_requests_total{route="/v1/publish",status="200"} 0`,
		`roost_api_requests_total{route="other",status="404"} 1`, `roost_api_requests_total{route="other",status="403"} 1`,
	} {
		if !strings.Contains(r.body, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	for _, name := range []string{`roost_build_info{goversion="go`, "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(r.body, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestMetrics_AreLintClean(t *testing.T) {
	s := serve(t, Config{}, &recorder{figures: sample()})
	r := ask(t, "GET", s.URL+"/metrics", "")
	problems, err := promlint.New(strings.NewReader(r.body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics_OpenMetrics(t *testing.T) {
	s := serve(t, Config{}, &recorder{figures: sample()})
	r := ask(t, "GET", s.URL+"/metrics", "", "Accept: application/openmetrics-text; version=1.0.0")
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") || !strings.HasSuffix(r.body, "# EOF\n") {
		t.Errorf("%s, ends with %q", kind, r.body[max(0, len(r.body)-20):])
	}
}
