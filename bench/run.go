package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Run does what o says and returns what it found. With an error, that is what
// there was until then: an error means that the figures are not those of a whole
// run. Connections that failed or were dropped, and messages that were lost, are
// no error while others went on: they are counted.
//
// Run blocks; it keeps one processor busy. Several may run at once, but share
// this process' limit on open files.
func Run(ctx context.Context, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	o = o.withDefaults()
	e, err := newEngine(o)
	if err != nil {
		return Result{}, err
	}
	r := runner{engine: e, result: Result{Mode: o.Mode, URL: o.URL, Conns: o.Conns}}
	if o.Pid != 0 {
		r.server = &Process{Pid: o.Pid}
		r.result.Server = &ServerFigures{}
	}
	switch o.Mode {
	case Idle:
		err = r.idle(ctx)
	case Echo:
		err = r.echo(ctx)
	case Fanout:
		err = r.fanout(ctx)
	case Churn:
		err = r.churn(ctx)
	}
	r.result.Up, r.result.Failed, r.result.Dropped = e.upgraded, e.failures, e.drops
	if len(e.faults) > 0 {
		r.result.Errors = maps.Clone(e.faults)
	}
	if r.server != nil {
		if errHeld := r.held(); err == nil {
			err = errHeld
		}
	}
	e.finish()
	return r.result, err
}

// runner is one run: the engine, and what is measured of it.
type runner struct {
	*engine
	server *Process // nil: not measured
	result Result
}

// held puts down what the server holds now.
func (r *runner) held() error {
	m, err := r.server.Memory()
	if err != nil {
		return err
	}
	r.result.Server.RSS = m.RSS
	r.result.Server.Fds, err = r.server.Fds()
	return err
}

// spend puts down what a measured stretch came to.
func (r *runner) spend(s spent) error {
	r.result.Seconds = round(s.wall.Seconds(), 3)
	r.result.Ops = &s.ops
	r.result.OpsPerSecond = ptr(round(float64(s.ops)/s.wall.Seconds(), 1))
	r.result.Latency = r.h.latency()
	busy := s.own.Seconds() / s.wall.Seconds()
	r.result.Client = ClientFigures{CPU: round(busy, 3), Saturated: busy > 0.9}
	if s.ops == 0 {
		return fmt.Errorf("nothing came through in %v: %s", s.wall.Round(time.Millisecond), r.worst())
	}
	if r.server != nil {
		perOp := func(d time.Duration) *float64 { return ptr(round(float64(d)/1e3/float64(s.ops), 3)) }
		r.result.Server.CPUPerOp, r.result.Server.UserPerOp = perOp(s.cpu), perOp(s.user)
		if s.quiet > 0 {
			r.result.Server.QuietPerOp = ptr(round(s.quiet, 3))
		}
	}
	return nil
}

// loopEvery is how long the windows are in which a running load is measured. The
// kernel books a thread's time when it is set aside, or with the next tick of up
// to 10 ms, and what is under way is spent but not counted: shorter ones err by that.
const loopEvery = 250 * time.Millisecond

// stretch measures the load as it runs for d, after a warm-up that is not measured.
func (r *runner) stretch(ctx context.Context, d time.Duration) error {
	if err := r.flow(ctx, r.o.Warmup, nil); err != nil {
		return err
	}
	r.h = histogram{}
	s, err := newSpan(r.server, loopEvery, &r.counted)
	if err != nil {
		return err
	}
	err = r.flow(ctx, d, &s.windows)
	sum, errEnd := s.end()
	return errors.Join(err, errEnd, r.spend(sum))
}

// flow turns for d; it ends early where nothing comes through for too long.
func (r *runner) flow(ctx context.Context, d time.Duration, w *windows) error {
	ops, moved := r.ops, now()
	for end := now() + int64(d); ; {
		left := time.Duration(end - now())
		if left <= 0 {
			return nil
		}
		if err := r.turn(ctx, min(left, 10*time.Millisecond)); err != nil {
			return err
		}
		if w != nil {
			w.look()
		}
		if r.ops != ops {
			ops, moved = r.ops, r.clock
		}
		switch still := time.Duration(r.clock - moved); {
		case still > r.o.Timeout:
			return fmt.Errorf("nothing came through for %v: %s", r.o.Timeout, r.worst())
		case r.o.Mode == Echo && r.live == 0:
			return r.allLost()
		}
	}
}
