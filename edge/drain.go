package edge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/roostws/roost/poller"
)

// Shutdown drains the server: new clients get 503, those that are there get a
// close frame with 1001, at an even rate, and in its reason after how many
// milliseconds to come back (retry=MS): the server spreads them, so that they do
// not all come back at once. It returns when all are gone, or when ctx ends and
// the rest was cut off; then with the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() {
		s.draining.Store(true)
		go func() {
			defer close(s.drained)
			s.drain(ctx)
			s.group.Stop()
		}()
	})
	select {
	case <-s.drained:
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		return nil
	}
	// In this order: they are cut off only after cut is set.
	n := s.noteCut()
	s.group.Stop()
	if n > 0 {
		return fmt.Errorf("%d connections were cut off: %w", n, ctx.Err())
	}
	return nil
}

// noteCut notes, before the loops are stopped, how many connections that cuts off:
// the most that anybody saw, since they are gone a moment later.
func (s *Server) noteCut() int64 {
	for {
		n, seen := s.connections.Load(), s.cut.Load()
		if n <= seen {
			return seen
		}
		if s.cut.CompareAndSwap(seen, n) {
			return n
		}
	}
}

// drain says goodbye to all and waits until they are gone.
func (s *Server) drain(ctx context.Context) {
	total := int(s.connections.Load())
	s.cfg.Logger.Info("draining", "connections", total)
	perTick := drainRate * int(drainTick) / int(time.Second)
	if end, ok := ctx.Deadline(); ok {
		// Half of the time for the goodbyes, half for those who are slow to go.
		ticks := max(int(time.Until(end)/2/drainTick), 1)
		perTick = max(perTick, (total+ticks-1)/ticks)
	}
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for s.group.Open() > 0 {
		for _, l := range s.loops {
			_ = l.Loop.Post(poller.Post{Arg: (perTick + len(s.loops) - 1) / len(s.loops)})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.cfg.Logger.Warn("drain ran out of time", "connections", s.noteCut())
			return
		}
	}
	s.cfg.Logger.Info("drained", "connections", total)
}

// sayGoodbye ends up to n connections, from where it stopped; once through, it
// begins anew, for those who came in meanwhile.
func (l *loop) sayGoodbye(n int) {
	spread := max(int(l.srv.connections.Load()), 1000) // ms: a thousand come back a second
	for ; n > 0; n-- {
		s, ok := l.Next(l.drainAt)
		if !ok {
			l.drainAt = 0
			return
		}
		l.drainAt = s + 1
		switch {
		case !l.Live(s): // it is going already
		case l.session(s).kind <= kindParked:
			l.refuse(s, rejectDraining, resultDraining)
		default:
			l.bye(s, ReasonDrain, 1001, fmt.Sprintf("retry=%d", 500+rand.IntN(spread)))
		}
	}
}

// tidy lets the broker forget idle rooms, and gives memory back once a herd has
// come in: what the handshakes left to
// the collector would else stay resident until the next collection, which on a
// quiet server may be minutes away. The channel it returns is closed when it
// has ended.
func (s *Server) tidy(stopped <-chan struct{}) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		var seen, tidied uint64
		for {
			select {
			case <-stopped:
				return
			case now := <-tick.C:
				s.broker.Tidy(now.UnixNano())
				s.tickets.tidy(now)
			}
			var opened uint64
			for _, l := range s.group.Loops() {
				opened += l.Stats.Opened.Load()
			}
			if opened == seen && opened-tidied >= herd {
				if heapLive() < smallHeap {
					debug.FreeOSMemory()
				}
				tidied = opened
			}
			seen = opened
		}
	}()
	return done
}

const (
	// herd is how many handshakes are worth a collection of their own.
	herd = 1000
	// smallHeap is up to what a collection costs milliseconds at most. A program
	// that keeps more on its heap is not to be made to collect for roost's sake.
	smallHeap = 64 << 20
)

// heapLive is what the last collection found alive, in bytes.
func heapLive() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
