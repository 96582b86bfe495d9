package bench_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/bench"
)

// run has no long waits: what hangs is an error after 5 seconds.
func TestRun_Fanout_Counts(t *testing.T) {
	s := newTestServer(t, nil)
	for name, publish := range map[string]string{"POST": "POST " + s.URL + "/publish", "message": ""} {
		t.Run(name, func(t *testing.T) {
			r := must(t, bench.Options{Mode: bench.Fanout, URL: s.ws("/room"), Rate: 100, Duration: 200 * time.Millisecond, Publish: publish})
			members := int64(20)
			if publish == "" {
				members++ // the publisher's own
			}
			// The publisher may see its own messages of the warm-up late.
			if *r.Published != 20 || *r.Ops < 20*20 || *r.Ops > 20*members+2 {
				t.Errorf("%d published, %d deliveries", *r.Published, *r.Ops)
			}
			if *r.Lost != 0 || *r.Doubled != 0 || *r.Reordered != 0 {
				t.Errorf("lost %d, doubled %d, reordered %d", *r.Lost, *r.Doubled, *r.Reordered)
			}
			if r.Seconds < 0.15 || r.Latency == nil {
				t.Errorf("%g seconds, latency %+v", r.Seconds, r.Latency)
			}
		})
	}
}

// Of 22 messages (2 warm up): member 3 misses two, member 5 gets one twice, and
// member 7 gets number 9 after number 10, in one place and across two turns.
func TestRun_Fanout_Errors(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.scheme = func(m, n int, b []byte, late *[]byte) [][]byte {
			switch {
			case m == 3 && (n == 4 || n == 21):
				return nil
			case m == 5 && n == 6:
				return [][]byte{b, b}
			case m == 7 && n == 9:
				*late = bytes.Clone(b)
				return nil
			case m == 7 && n == 10:
				return [][]byte{b, *late}
			}
			return [][]byte{b}
		}
	})
	r := must(t, bench.Options{Mode: bench.Fanout, URL: s.ws("/room"), Rate: 100, Duration: 200 * time.Millisecond, Timeout: time.Second, Publish: "POST " + s.URL + "/publish"})
	if *r.Lost != 2 || *r.Doubled != 1 || *r.Reordered != 1 {
		t.Errorf("lost %d, doubled %d, reordered %d", *r.Lost, *r.Doubled, *r.Reordered)
	}
}

func TestRun_Fanout_Wrapped(t *testing.T) {
	var held []byte
	s := newTestServer(t, func(s *testServer) {
		s.scheme = func(m, n int, b []byte, _ *[]byte) [][]byte {
			if m == 0 {
				held = fmt.Appendf(held, `{"room":"r","data":%q}`, b)
			}
			if n%2 == 0 {
				return nil
			}
			both := bytes.Clone(held)
			if m == 19 {
				held = held[:0]
			}
			return [][]byte{both}
		}
	})
	r := must(t, bench.Options{Mode: bench.Fanout, URL: s.ws("/room"), Rate: 100, Duration: 200 * time.Millisecond, Publish: "POST " + s.URL + "/publish"})
	if *r.Lost != 0 || *r.Doubled != 0 || *r.Reordered != 0 {
		t.Errorf("lost %d, doubled %d, reordered %d", *r.Lost, *r.Doubled, *r.Reordered)
	}
}

func TestRun_Fanout_PublishRefused(t *testing.T) {
	s := newTestServer(t, nil)
	_, err := run(t, bench.Options{Mode: bench.Fanout, URL: s.ws("/room"), Publish: "POST " + s.URL + "/nowhere"})
	if err == nil || !strings.Contains(err.Error(), "refused 10 times") || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
}

func TestRun_Fanout_MemberDropped(t *testing.T) {
	s := newTestServer(t, func(s *testServer) {
		s.scheme = func(m, n int, b []byte, _ *[]byte) [][]byte {
			if n == 5 && m < 3 {
				go s.members[m].c.Close(4003, "slow consumer")
			}
			if n >= 5 && m < 3 {
				return nil
			}
			return [][]byte{b}
		}
	})
	r, err := run(t, bench.Options{Mode: bench.Fanout, URL: s.ws("/room"), Rate: 100, Duration: 100 * time.Millisecond, Timeout: time.Second, Publish: "POST " + s.URL + "/publish"})
	if err != nil || r.Dropped != 3 || *r.Lost != 3*7 || r.Errors[`dropped: close frame 4003 "slow consumer"`] != 3 {
		t.Errorf("%v: dropped %d, lost %d, %v", err, r.Dropped, *r.Lost, r.Errors)
	}
}
