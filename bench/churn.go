package bench

import (
	"context"
	"fmt"
)

// churning: each connection is closed as soon as it is up, and another begins in its place.
type churning struct{ *engine }

func (r *runner) churn(ctx context.Context) error {
	l := churning{r.engine}
	r.load = l
	for i := range r.conns {
		r.begin(i)
	}
	err := r.stretch(ctx, r.o.Duration)
	if err != nil && r.upgraded == 0 {
		return fmt.Errorf("no connection came up: %s", r.worst())
	}
	return err
}

func (l churning) opened(i int) {
	l.ops++
	l.h.add(now() - l.conns[i].since)
	l.hangUp(i)
}

func (l churning) message(int, []byte) {}

func (l churning) closed(i int) { l.begin(i) }

// vacant tries again where an upgrade failed.
func (l churning) vacant(i int) { l.begin(i) }
