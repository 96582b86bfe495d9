package hostile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/protocol"
)

var flooding = []attack{
	{name: "100,000 pings", run: pingFlood, want: "100000 pongs"},
	{name: "pings, and the pongs are not read", run: stalling("/echo", frame(ping, stars(125))), want: "it waits"},
	{name: "pings of a member, and the pongs are not read", run: stalling("/rooms/pings", frame(ping, stars(125))), want: "close 4003"},
	{name: "texts, and the echoes are not read", run: stalling("/echo", frame(text, stars(10_000))), want: "it waits"},
	{name: "commands, and the answers are not read", run: stalling("/ws", frame(text, `{"type":"ping"}`)), want: "it waits"},
	{name: "pages of presence that are not read", run: stalling("/ws", frame(text, `{"type":"presence","id":1,"room":"team.d"}`)), want: "it waits"},
	{name: "a member that does not read", run: deafMember("/rooms/deaf", "deaf"), want: "close 4003"},
	{name: "a native member that does not read", run: deafMember("/ws", "deaf"), want: "close 4003"},
	{name: "one in a room that drops", run: deafMember("/ws", "drop.deaf"), want: "gap"},
	{name: "one in a room that conflates, with 20,000 keys", run: deafMember("/ws", "ticker.deaf"), want: "gap", peak: 64},
	{name: "200 members that do not read", run: deafCrowd, want: "", peak: 96},
	{name: "one byte of a frame on 5,000 connections", run: inside(5000, "/echo", "\x81"), want: "5000 inside", peak: 64},
	{name: "half a message on 2,000 connections", run: inside(2000, "/echo", frame(bin, stars(10_000))[:5_000]), want: "2000 inside", peak: 64},
	{name: "half a request on 5,000 connections", run: halves(5000), want: "", peak: 64},
	{name: "5,000 connections that come and go", run: comeAndGo(5000), want: ""},
}

func TestHostile_Floods(t *testing.T) {
	start(t, 0, "--auth", "none", "--history-memory", "1MiB").suffer(t, flooding)
}

func pingFlood(s *server) string {
	p := s.upgraded("/echo")
	defer p.close()
	go p.send(strings.Repeat(frame(ping, "ping"), 100_000))
	for n := range 100_000 {
		if op, payload, err := p.frame(); err != nil || op != protocol.OpPong || string(payload) != "ping" {
			return fmt.Sprint(n, " pongs, then ", op, string(payload), err)
		}
	}
	return "100000 pongs"
}

// lastWord reads until the end: of the messages only gaps count.
func lastWord(p *peer) string {
	for {
		op, payload, err := p.frame()
		switch {
		case err != nil:
			return end(err)
		case op == protocol.OpClose:
			return closeWord(payload)
		case strings.HasPrefix(string(payload), `{"type":"gap"`):
			return "gap"
		}
	}
}

// stalling sends and does not read the answers: at some time the server reads no
// more of it.
func stalling(path, bytes string) func(*server) string {
	return func(s *server) string {
		p := s.upgraded(path)
		defer p.reset()
		return p.stall(bytes)
	}
}

// stall sends bytes over and over until they are not taken any more.
func (p *peer) stall(bytes string) string {
	if p.err != nil {
		return p.err.Error()
	}
	many := strings.Repeat(bytes, 1+100_000/len(bytes))
	for range 300 {
		_ = p.c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := io.WriteString(p.w, many); err != nil {
			if end(err) == "hangs" {
				return "it waits"
			}
			return lastWord(p)
		}
	}
	return lastWord(p)
}

// stuck stalls, and then does nothing: it is sent away by those who wait for a
// sign of life.
func stuck(s *server) string {
	p := s.upgraded("/echo")
	defer p.reset()
	if came := p.stall(frame(bin, stars(10_000))); came != "it waits" {
		return came
	}
	if !eventually(hangs, func() bool {
		status, _ := s.call("GET", "/v1/connections/"+p.id, "")
		return status == 404
	}) {
		return "it is never sent away"
	}
	return "sent away"
}

// deafMember is a member that reads nothing while 40 MB are published.
func deafMember(path, room string) func(*server) string {
	return func(s *server) string {
		p := s.upgraded(path)
		defer p.close()
		if path == "/ws" {
			p.send(frame(text, `{"type":"join","id":1,"room":"`+room+`"}`))
			for range 2 { // welcome, joined
				if _, _, err := p.frame(); err != nil {
					return err.Error()
				}
			}
		}
		shout := says(numbered(20_000, `{"type":"publish","room":"`+room+`","key":"%d","data":"`+stars(2_000)+`"}`)...)
		if came := shout(s); came != "" {
			return came
		}
		return lastWord(p)
	}
}

func deafCrowd(s *server) string {
	var all []*peer
	defer func() {
		for _, p := range all {
			p.reset()
		}
	}()
	for range 200 {
		p := s.upgraded("/rooms/crowd")
		if p.err == nil {
			_ = p.c.SetReadBuffer(4096)
		}
		all = append(all, p)
	}
	return says(times(2_000, `{"type":"publish","room":"crowd","data":"`+stars(4_000)+`"}`)...)(s)
}

// inside opens n WebSockets, at most 50 at a time, and sends bytes on each.
func inside(n int, path, bytes string) func(*server) string {
	return func(s *server) string {
		var mu sync.Mutex
		var all []*peer
		var failed error
		for range n / 50 {
			atOnce(50, func(s *server) string {
				p := s.upgraded(path)
				p.send(bytes)
				mu.Lock()
				defer mu.Unlock()
				if all = append(all, p); p.err != nil {
					failed = p.err
				}
				return ""
			}, s)
		}
		m, err := s.metrics()
		for _, p := range all {
			p.reset()
		}
		if err = errors.Join(err, failed); err != nil {
			return err.Error()
		}
		return fmt.Sprint(m["roost_connections"]-2, " inside")
	}
}

// halves opens n connections that send half a request.
func halves(n int) func(*server) string {
	return func(s *server) string {
		for range n {
			p := s.dial()
			defer p.close()
			p.send("GET /echo HTTP/1.1\r\nHost: ")
			if p.err != nil {
				return p.err.Error()
			}
		}
		return ""
	}
}

func comeAndGo(n int) func(*server) string {
	return func(s *server) string {
		for range n {
			p := s.dial()
			p.close()
			if p.err != nil {
				return p.err.Error()
			}
		}
		return ""
	}
}
