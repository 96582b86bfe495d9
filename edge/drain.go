package edge

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/roostws/roost/poller"
)

// Shutdown drains the server: new clients get 503, those that are there get a
// close frame with 1001, in random order and at an even rate, and in its reason after how
// many milliseconds to come back (retry=MS): the server spreads them, so that they do
// not all come back at once. It returns when all are gone, or when ctx ends and
// the rest was cut off; then with the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error { return s.Drain(ctx, 0) }

// Drain is Shutdown with the goodbyes spread evenly over a time; 0: a thousand a second,
// or as fast as half of the time until ctx ends asks.
func (s *Server) Drain(ctx context.Context, over time.Duration) error {
	s.once.Do(func() {
		s.draining.Store(true)
		go func() {
			defer close(s.drained)
			s.drain(ctx, over)
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
func (s *Server) drain(ctx context.Context, over time.Duration) {
	total := s.group.Open()
	if over == 0 {
		over = time.Duration(total) * time.Second / drainRate
		if end, ok := ctx.Deadline(); ok {
			// Half of the time for the goodbyes, half for those who are slow to go.
			over = min(over, time.Until(end)/2)
		}
	}
	s.cfg.Logger.Info("draining", "connections", s.connections.Load(), "over", over.Round(time.Millisecond).String())
	began, told := time.Now(), time.Now()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for asked := 0; s.group.Open() > 0; {
		passed := time.Since(began)
		due := total
		if passed < over {
			due = int(float64(total) * float64(passed) / float64(over))
		} else {
			asked = 0 // those, too, who have come in meanwhile
		}
		s.askToGo(due - asked)
		asked = due
		if time.Since(told) >= drainNews {
			told = time.Now()
			s.cfg.Logger.Info("still draining", "connections", s.connections.Load(), "for", passed.Round(time.Second).String())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.cfg.Logger.Warn("drain ran out of time", "connections", s.noteCut())
			return
		}
	}
	s.cfg.Logger.Info("drained", "connections", total, "in", time.Since(began).Round(time.Millisecond).String())
}

// askToGo has n connections be said goodbye to, of each loop as many as it has a part of
// all.
func (s *Server) askToGo(n int) {
	open := int64(s.group.Open())
	var before, sent int64
	for _, l := range s.loops {
		before += l.Stats.Open.Load()
		if share := int64(n)*before/max(open, 1) - sent; share > 0 {
			sent += share
			_ = l.Loop.Post(poller.Post{Arg: goodbyes(share)})
		}
	}
}

// goodbyes is how many connections of a loop are to be said goodbye to.
type goodbyes int

// sayGoodbye ends up to n connections, from where it stopped; once through, it
// begins anew, for those who came in meanwhile.
func (l *loop) sayGoodbye(n goodbyes) {
	spread := max(int(l.srv.connections.Load()), 1000) // ms: a thousand come back a second
	for n > 0 {
		s, ok := l.leaving.next(uint32(l.srv.group.Reached()))
		switch {
		case !ok:
			return
		case !l.Owns(s) || !l.Live(s): // nobody's, another loop's, or going already
			continue
		case l.session(s).kind <= kindParked:
			l.refuse(s, rejectDraining, resultDraining)
		default:
			l.bye(s, ReasonDrain, 1001, fmt.Sprintf("retry=%d", 500+rand.IntN(spread)))
		}
		n--
	}
}

// A shuffle goes through the numbers below a bound in an order that looks like chance,
// and keeps none of them.
type shuffle struct {
	at     uint32
	offset uint32 // chance
}

// next gives the next number below bound. Ok is false once after each round.
func (f *shuffle) next(bound uint32) (n uint32, ok bool) {
	width := max(bits.Len32(bound), 2)
	mask := uint32(1)<<width - 1
	for f.at <= mask {
		// Each step is a bijection of the numbers of that width.
		n = f.at ^ f.offset&mask
		f.at++
		for range 2 {
			n = (n * 0x9e3779b1) & mask
			n ^= n >> (width / 2)
		}
		if n < bound {
			return n, true
		}
	}
	*f = shuffle{offset: rand.Uint32()}
	return 0, false
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
