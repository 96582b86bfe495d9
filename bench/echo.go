package bench

import (
	"context"
	"time"

	"github.com/roostws/roost/protocol"
)

// echoing: each connection has one message under way, and sends the next when it is back.
type echoing struct {
	*engine
	away int  // messages that are under way
	stop bool // to send no more
}

func (r *runner) echo(ctx context.Context) error {
	l := &echoing{engine: r.engine}
	r.load = l
	if err := r.openAll(ctx); err != nil {
		return err
	}
	for i := range r.conns {
		if r.conns[i].state == open {
			l.next(i)
		}
	}
	if err := r.stretch(ctx, r.o.Duration); err != nil {
		return err
	}
	l.stop = true
	for quiet := now(); l.away > 0 && time.Duration(now()-quiet) < r.patience(); {
		away := l.away
		if err := r.turn(ctx, 5*time.Millisecond); err != nil {
			return err
		}
		if l.away != away {
			quiet = now()
		}
	}
	r.result.Lost = ptr(int64(l.away))
	return nil
}

func (l *echoing) opened(int) {}
func (l *echoing) vacant(int) {}

func (l *echoing) closed(i int) {
	if l.conns[i].seen != 0 {
		l.away--
	}
}

// next sends i's next message.
func (l *echoing) next(i int) {
	c := &l.conns[i]
	c.next++
	c.seen = 1
	c.since = now()
	l.away++
	l.plain = appendPayload(l.plain[:0], stamp{l.run, c.next, c.since}, l.o.Size)
	l.scratch = appendMasked(l.scratch[:0], protocol.OpText, l.plain)
	l.send(i, l.scratch)
}

func (l *echoing) message(i int, payload []byte) {
	c := &l.conns[i]
	s, filler, ok := nextStamp(payload)
	if !ok || s != (stamp{l.run, c.next, c.since}) || len(payload) != l.o.Size || !isFiller(filler) {
		l.drop(i, "an echo that is not what was sent")
		return
	}
	l.ops++
	l.away--
	c.seen = 0
	l.h.add(now() - c.since)
	if !l.stop {
		l.next(i)
	}
}
