package bench

import (
	"context"
	"fmt"
	"time"
)

// fanning: what is published goes to every connection, each of which counts what it got.
type fanning struct {
	*engine
	arrived   int64 // deliveries, without those that came before
	doubled   int64
	reordered int64
	last      int64 // when the last one came
}

// warmMessages go first, and are not measured.
const warmMessages = 2

// patience is how long nothing has to arrive until what is missing counts as lost.
func (e *engine) patience() time.Duration { return min(e.o.Timeout, 3*time.Second) }

// fanEvery is the least length of a measured window. Windows end before a message
// is published, when a server that keeps up has delivered those before.
const fanEvery = 150 * time.Millisecond

func (r *runner) fanout(ctx context.Context) error {
	l := &fanning{engine: r.engine}
	r.load = l
	if err := r.openAll(ctx); err != nil {
		return err
	}
	p, err := newPublisher(ctx, r.o, r.run)
	if err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	defer p.close()
	members := int64(r.live)
	pace := pacer{publisher: p, run: r.run, size: r.o.Size, rate: r.o.Rate}
	if err := l.publish(ctx, &pace, warmMessages, members); err != nil {
		return err
	}
	r.h = histogram{}
	own := p.own()
	s, err := newSpan(r.server, fanEvery, &r.counted)
	if err != nil {
		return err
	}
	pace.windows = &s.windows
	begun, n := now(), max(int(r.o.Rate*r.o.Duration.Seconds()+0.5), 1)
	err = l.publish(ctx, &pace, n, members)
	sum, errEnd := s.end()
	// To wait for what is lost is no part of the work.
	if l.last > begun {
		sum.wall = time.Duration(l.last - begun)
	}
	sum.ops += p.own() - own
	r.result.Published = ptr(int64(n))
	r.result.Lost = ptr(max(int64(pace.number)*members-l.arrived, 0))
	r.result.Doubled, r.result.Reordered = &l.doubled, &l.reordered
	for _, e := range []error{err, errEnd} {
		if e != nil {
			return e
		}
	}
	return r.spend(sum)
}

// publish sends n messages at the pace's rate, and returns when all have arrived
// everywhere, or no more come.
func (l *fanning) publish(ctx context.Context, pace *pacer, n int, members int64) error {
	l.last = now()
	if err := l.during(ctx, func() error { return pace.send(ctx, n) }); err != nil {
		return err
	}
	want := int64(pace.number) * members
	for l.arrived < want && time.Duration(now()-max(l.last, pace.last)) < l.patience() {
		if l.live == 0 {
			return l.allLost()
		}
		if err := l.turn(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (l *fanning) opened(int) {}
func (l *fanning) closed(int) {}
func (l *fanning) vacant(int) {}

func (l *fanning) message(i int, payload []byte) {
	l.last = l.clock
	for {
		s, rest, ok := nextStamp(payload)
		if !ok {
			return
		}
		payload = rest
		if s.run != l.run {
			continue // of another run in the same room
		}
		l.ops++
		l.h.add(now() - s.sent)
		l.judge(&l.conns[i], s.number)
	}
}

// judge tells a delivery that came for the first time, in its turn or late, from
// one that came before. One more than 64 messages late counts as doubled, and is
// then missing as well.
func (l *fanning) judge(c *conn, number uint32) {
	ahead := int64(number) - int64(c.next)
	if ahead >= 0 {
		c.seen = c.seen<<(ahead+1) | 1
		c.next = number + 1
		l.arrived++
		return
	}
	bit := uint64(1) << (-ahead - 1)
	if bit == 0 || c.seen&bit != 0 {
		l.doubled++
		return
	}
	c.seen |= bit
	l.reordered++
	l.arrived++
}
