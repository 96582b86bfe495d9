package hostile

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// An attack is a row of a table.
type attack struct {
	name string
	// run does it and says what came of it. It closes what it opened, and may run
	// beside others.
	run  func(s *server) string
	want string
	peak int64 // MiB that the server may take more while it lasts; 0: usualPeak
	slow bool  // it takes a minute: with -slow alone
}

const (
	usualPeak = 32          // MiB
	kept      = 16 << 20    // bytes that the server may have more after an attack than at its start
	patience  = time.Second // how long a client that behaves may wait
	settling  = 10 * time.Second
)

// A state is what attacks must leave as it was.
type state struct {
	rss         int64
	descriptors int
	goroutines  float64
	connections float64
}

// state gives the state once what is not needed has gone back to the system.
func (s *server) state() (state, error) {
	if status, body := s.call("POST", "/debug/freemem", ""); status != 200 {
		return state{}, fmt.Errorf("freemem: %d %s", status, body)
	}
	m, err := s.metrics()
	return state{rss: s.memory("VmRSS"), descriptors: s.descriptors(), goroutines: m["go_goroutines"], connections: m["roost_connections"]}, err
}

// suffer runs attacks, one after the other.
func (s *server) suffer(t *testing.T, attacks []attack) {
	t.Helper()
	s.watched(t, func(check func(t *testing.T, peak int64, do func())) {
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				if a.slow && !*slow {
					t.Skip("takes a minute")
				}
				check(t, a.peak, func() { a.judge(t, a.run(s)) })
			})
		}
	})
}

// sufferAtOnce runs attacks all at once: those that consist of waiting.
func (s *server) sufferAtOnce(t *testing.T, peak int64, attacks []attack) {
	t.Helper()
	s.watched(t, func(check func(t *testing.T, peak int64, do func())) {
		came := make([]string, len(attacks))
		check(t, peak, func() {
			var wg sync.WaitGroup
			for i, a := range attacks {
				if !a.slow || *slow {
					wg.Go(func() { came[i] = a.run(s) })
				}
			}
			wg.Wait()
		})
		for i, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				if a.slow && !*slow {
					t.Skip("takes a minute")
				}
				a.judge(t, came[i])
			})
		}
	})
}

func (a *attack) judge(t *testing.T, came string) {
	t.Helper()
	if came != a.want {
		t.Errorf("it came to\n  %.600s\nand should come to\n  %.600s", came, a.want)
	}
}

// watched runs attacks beside bystanders. Each is to be done within check.
func (s *server) watched(t *testing.T, attacks func(check func(t *testing.T, peak int64, do func()))) {
	t.Helper()
	b, err := s.bystand()
	if err != nil {
		t.Fatal(err)
	}
	defer b.leave()
	if _, err := b.during(func() {}); err != nil {
		t.Fatal(err)
	}
	before, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	attacks(func(t *testing.T, peak int64, do func()) {
		t.Helper()
		if err := s.forgetPeak(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		waited, err := b.during(do)
		took := time.Since(began)
		if err != nil {
			t.Fatalf("one who behaves is not served: %v", err)
		}
		if waited > patience {
			t.Errorf("one who behaves waited %v", waited)
		}
		if peak == 0 {
			peak = usualPeak
		}
		most := s.memory("VmHWM") - before.rss
		if most > peak<<20 {
			t.Errorf("meanwhile the server grew by %d MiB", most>>20)
		}
		s.recovers(t, before)
		t.Logf("%v; the others waited %v at most, the server grew by %d KiB", took.Round(time.Millisecond), waited.Round(10*time.Microsecond), most>>10)
	})
}

// recovers sees that the server is as it was before.
func (s *server) recovers(t *testing.T, before state) {
	t.Helper()
	var left string
	if !eventually(settling, func() bool {
		left = s.left(before)
		return left == ""
	}) {
		t.Errorf("what is left: %s", left)
	}
	// Pools let go with the second collection, and the third gives it back.
	if !eventually(settling, func() bool {
		if s.memory("VmRSS")-before.rss < kept {
			return true
		}
		now, err := s.state()
		return err == nil && now.rss-before.rss < kept
	}) {
		t.Errorf("the server kept %d MiB", (s.memory("VmRSS")-before.rss)>>20)
	}
}

// left says what is not as it was before, but for memory.
func (s *server) left(before state) string {
	m, err := s.metrics()
	if err != nil {
		return err.Error()
	}
	if n := m["roost_panics_total"]; n != 0 {
		return fmt.Sprint(n, " panics")
	}
	if n := m["roost_connections"]; n != before.connections {
		return fmt.Sprint(n, " connections")
	}
	for _, name := range []string{"roost_outbox_bytes", "roost_read_buffer_bytes", "roost_parked_connections", "roost_publish_queue_bytes",
		"roost_tls_handshakes_under_way", "roost_tls_handshakes_waiting"} {
		n, ok := m[name]
		if !ok || n != 0 {
			return fmt.Sprint(n, " ", name)
		}
	}
	if n := s.descriptors(); n > before.descriptors {
		return fmt.Sprint(n, " descriptors, not ", before.descriptors)
	}
	// Idle workers of pools, and the API's connection that asks, come and go.
	if n := m["go_goroutines"]; n > before.goroutines+16 {
		return fmt.Sprint(n, " goroutines, not ", before.goroutines)
	}
	return ""
}
