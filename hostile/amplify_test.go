package hostile

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/roostws/roost/protocol"
)

// What costs the server more than it costs to send. All of these clients read what
// they are answered, so that no outbox stops them.
var amplifying = []attack{
	{name: "100 documents of 60,000 bytes joined 20 times", run: manyDocuments, want: "2000 joined", peak: 64},
	{name: "a document of 60,000 bytes joined again 1,000 times", run: after(oneDocument, times(1000, `{"type":"join","id":1,"room":"doc.large"}`)...), want: "1000 joined"},
	{name: "its conflict 700 times", run: after(oneDocument, times(700, `{"type":"patch","id":1,"room":"doc.large","base":0,"patch":[]}`)...), want: "700 an error of 60137 bytes"},
	{name: "1,000 members listed 500 times", run: manyMembers, want: "500 presence", peak: 64},
	{name: "100 patches that move 12,000 values 900 times", run: says(numbered(100, `{"type":"patch","id":1,"room":"doc.move.%d","base":0,"patch":[{"op":"add","path":"/a","value":[`+strings.Repeat("0,", 12_000)+`0]}`+strings.Repeat(`,{"op":"add","path":"/a/0","value":0}`, 900)+`]}`)...), want: "100 patched", peak: 64},
	{name: "200 messages of 15,000 values that a schema looks at", run: says(times(200, `{"type":"publish","id":1,"room":"bid.1","data":{"price":[`+strings.Repeat("[],", 15_000)+`0]}}`)...), want: "200 published", peak: 64},
	{name: "100 rooms named 500 times", run: says(times(500, `{"type":"join","rooms":[`+quoted(100)+`]}`, `{"type":"leave","rooms":[`+quoted(100)+`]}`)...), want: ""},
	{name: "500 raw streams of 64 rooms", run: inside(500, "/rooms/a?rooms="+list(63), ""), want: "500 inside", peak: 64},
	{name: "a shout to 500 members", run: shouting, want: "500 heard it all", peak: 64},
	{name: "100 members who all shout at once", run: market, want: "100 heard it all", peak: 96},
}

func TestHostile_Amplification(t *testing.T) {
	start(t, 0, "--auth", "none", "--history-memory", "1MiB").suffer(t, amplifying)
}

// after runs says when something else is done.
func after(do func(*server) string, commands ...string) func(*server) string {
	return func(s *server) string {
		if came := do(s); came != "" {
			return came
		}
		return says(commands...)(s)
	}
}

func oneDocument(s *server) string { return s.document("doc.large") }

// document gives a room a document of 60,000 bytes.
func (s *server) document(room string) string {
	if status, body := s.call("PUT", "/v1/rooms/"+room+"/document", `{"a":"`+stars(60_000)+`"}`); status != 200 {
		return body
	}
	return ""
}

func manyDocuments(s *server) string {
	for i := range 100 {
		if came := s.document(fmt.Sprint("doc.r", i)); came != "" {
			return came
		}
	}
	all := strings.ReplaceAll(quoted(100), `"r`, `"doc.r`)
	return says(times(20, `{"type":"join","id":1,"rooms":[`+all+`]}`, `{"type":"leave","rooms":[`+all+`]}`)...)(s)
}

// quoted is the names of so many rooms, as JSON.
func quoted(n int) string { return `"` + strings.ReplaceAll(list(n), ",", `","`) + `"` }

func manyMembers(s *server) string {
	for range 1000 {
		p := s.upgraded("/rooms/team.large")
		defer p.reset()
		if p.err != nil {
			return p.err.Error()
		}
	}
	return says(times(500, `{"type":"presence","id":1,"room":"team.large","limit":1000}`)...)(s)
}

// listeners are members of a room who count what they hear until it is so many
// messages. What they send they send before.
func listeners(s *server, members, messages int, path, send string, then func() string) string {
	var in, out sync.WaitGroup
	var mu sync.Mutex
	heard := 0
	var other string
	in.Add(members)
	for range members {
		out.Go(func() {
			p := s.upgraded(path)
			defer p.reset()
			in.Done()
			in.Wait()
			go p.send(send)
			n := 0
			err := p.err
			for n < messages && err == nil {
				var op protocol.Op
				if op, _, err = p.frame(); op == protocol.OpClose {
					break
				} else if op == protocol.OpText {
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if n == messages {
				heard++
			} else {
				other = fmt.Sprint(n, " messages, then ", err)
			}
		})
	}
	in.Wait()
	came := then()
	out.Wait()
	if came != "" || other != "" {
		return came + other
	}
	return fmt.Sprint(heard, " heard it all")
}

// shouting is one who publishes much to many.
func shouting(s *server) string {
	return listeners(s, 500, 200, "/rooms/shout", "", func() string {
		return says(times(200, `{"type":"publish","room":"shout","data":"`+stars(1000)+`"}`)...)(s)
	})
}

// market is many who publish to each other at once.
func market(s *server) string {
	return listeners(s, 100, 99*20, "/rooms/shouts", strings.Repeat(frame(text, stars(100)), 20), func() string { return "" })
}
