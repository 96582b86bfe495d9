package hostile

import (
	"fmt"
	"strings"
	"testing"
)

// Limits are set low enough to be reached.

func TestHostile_Descriptors(t *testing.T) {
	start(t, 128, "--auth", "none", "--max-connections", "1000000").suffer(t, []attack{
		{name: "more connections than descriptors", run: crowding("/rooms/r", 300, 200), want: "503 unavailable"},
		{name: "more connections than descriptors, that say nothing", run: halves(300)},
	})
}

func TestHostile_Connections(t *testing.T) {
	start(t, 0, "--auth", "none", "--max-connections", "100").suffer(t, []attack{
		{name: "more than may be", run: crowding("/echo", 200, 98), want: "503 unavailable"},
		{name: "the same again", run: crowding("/ws", 200, 98), want: "503 unavailable"},
		{name: "members of a room for two", run: crowding("/rooms/few.1", 20, 2), want: "503 unavailable"},
	})
}

// crowding opens n connections, of which no more than most are let in, and tells
// how others are refused. Who is inside is served.
func crowding(path string, n, most int) func(*server) string {
	return func(s *server) string {
		var w words
		in := 0
		for range n {
			p := s.dial()
			defer p.close()
			p.send(handshake("GET " + path + " HTTP/1.1"))
			came := p.answer()
			if came != "101" {
				if len(w.list) == 0 || w.list[0] != came {
					w.add(came)
				}
				continue
			}
			if in++; in > most {
				return fmt.Sprint(in, " were let in")
			}
			p.send(frame(ping, "p"))
			for said := ""; said != "p"; {
				_, payload, err := p.frame()
				if err != nil {
					return "inside: " + end(err)
				}
				said = string(payload)
			}
		}
		if in == 0 {
			return "nobody was let in"
		}
		if status, body := s.call("POST", "/v1/rooms/crowd/publish", "x"); status != 200 {
			return fmt.Sprint("the API meanwhile: ", status, body)
		}
		return w.String()
	}
}

func TestHostile_Memory(t *testing.T) {
	s := start(t, 0, "--auth", "none", "--outbox-memory", "4MiB", "--publish-memory", "1MiB", "--history-memory", "1MiB", "--document-memory", "1MiB")
	s.suffer(t, []attack{
		{name: "200 members that do not read", run: deafCrowd},
		{name: "publishing from 50 connections to them", run: publishers, want: ""},
		{name: "a batch of 1,000 to each of 1,000 rooms", run: batches, want: "20 200"},
		{name: "20,000 rooms with a message", run: says(numbered(20_000, `{"type":"publish","room":"memory.%d","data":"`+stars(500)+`"}`)...)},
	})
}

// publishers are clients who publish as fast as they can to each other.
func publishers(s *server) string {
	for _, came := range atOnce(50, func(s *server) string {
		p := s.upgraded("/rooms/market")
		defer p.reset()
		p.send(strings.Repeat(frame(text, stars(5_000)), 100))
		return ""
	}, s) {
		if came != "" {
			return came
		}
	}
	return ""
}

// batches publish to many rooms at once.
func batches(s *server) string {
	var w words
	for i := range 20 {
		body := "[" + strings.Join(numbered(1000, fmt.Sprintf(`{"room":"b.%d.%%d","data":"%s"}`, i, stars(100))), ",") + "]"
		w.add(post("/v1/publish", body)(s))
	}
	return w.String()
}

// Messages that do not come whole take no more than 256 MiB together.
func TestHostile_HalfMessages(t *testing.T) {
	if !*slow {
		t.Skip("takes a quarter of a gigabyte")
	}
	start(t, 0, "--auth", "none", "--max-message", "1MiB").suffer(t, []attack{
		{name: "half a gigabyte of half messages", run: halfMessages, want: "the rest was sent away", peak: 480},
	})
}

func halfMessages(s *server) string {
	part := frame(bin, stars(1<<20))[:1<<20]
	var all []*peer
	for range 500 {
		p := s.upgraded("/echo")
		p.send(part)
		all = append(all, p)
	}
	for _, p := range all {
		p.reset()
		if p.err != nil {
			return p.err.Error()
		}
	}
	var away float64
	eventually(settling, func() bool {
		m, err := s.metrics()
		away = m[`roost_connections_closed_total{reason="overload"}`]
		return err == nil && m["roost_connections"] == 2
	})
	if away < 200 || away > 300 {
		return fmt.Sprint(away, " were sent away")
	}
	return "the rest was sent away"
}
