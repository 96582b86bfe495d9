package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

type state uint8

const (
	free       state = iota
	connecting       // TCP's handshake is under way
	upgrading        // the request is sent
	readying         // upgraded; what says that it is ready has not come
	open             // upgraded
	closing          // our close frame is sent
)

// conn is all that is kept for a connection that holds no part of a message:
// 32 bytes, no pointer.
type conn struct {
	since int64  // when its state began; of an echo: when its message was sent
	seen  uint64 // fanout: which of the 64 numbers before next came, the last as bit 0; echo: not 0 while one is under way
	try   uint32 // the number of its attempt
	next  uint32 // echo: the number under way; fanout: one past the highest that came
	fd    int32
	state state
}

// load is what a mode does as things happen. All of it runs within turn.
type load interface {
	opened(i int)                  // i was upgraded
	message(i int, payload []byte) // payload is valid until it returns
	closed(i int)                  // i was open or closing, and is free
	vacant(i int)                  // i is free: said at every sweep
}

// engine drives all connections from one goroutine.
type engine struct {
	// Static after construction.
	o    Options
	to   target
	from sources
	asks *upgrader
	load load
	run  uint16 // of its messages' stamps
	ep   int

	// Owned by the goroutine that calls turn.
	conns   []conn
	events  []unix.EpollEvent
	buf     []byte           // what is read
	scratch []byte           // what is written
	plain   []byte           // an echo before it is masked
	rest    map[int32][]byte // by connection: a part of a frame or of an answer
	parts   map[int32][]byte // by connection: the fragments of a message so far
	unsent  map[int32][]byte // by connection: what its socket did not take
	clock   int64            // now(), at the start of the turn
	swept   int64            // when what hangs was last looked for
	tries   uint32
	ops     int64 // messages echoed, deliveries or upgrades
	h       histogram

	// Owned by the goroutine that calls turn: where the connections are.
	opening, live             int
	upgraded, failures, drops int
	faults                    map[string]int

	// Atomic.
	counted atomic.Int64 // ops, at the end of the last turn
}

// maxFaults bounds how many different faults are told apart.
const maxFaults = 20

// maxUnsent bounds what waits for one socket; only a server that does not read gets there.
const maxUnsent = maxFrame + 1<<20

const sweepEvery = 250 * time.Millisecond

// closeWait is how long a close frame's answer is waited for.
const closeWait = 3 * time.Second

func newEngine(o Options) (*engine, error) {
	to, err := parseTarget(o.URL)
	if err != nil {
		return nil, err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	e := &engine{
		o: o, to: to, ep: ep,
		from:   newSources(1 + o.Conns/perSource),
		asks:   newUpgrader(to, o.Header, rand.Uint64()),
		run:    uint16(rand.Uint32()),
		conns:  make([]conn, o.Conns),
		events: make([]unix.EpollEvent, 512),
		buf:    make([]byte, 256<<10),
		rest:   map[int32][]byte{}, parts: map[int32][]byte{}, unsent: map[int32][]byte{},
		faults: map[string]int{},
		clock:  now(),
	}
	if o.Mode == Churn {
		e.from = newSources(churnSources)
	}
	return e, nil
}

func (e *engine) fault(what string) {
	if len(e.faults) >= maxFaults && e.faults[what] == 0 {
		what = "others"
	}
	e.faults[what]++
}

// worst words the most frequent fault.
func (e *engine) worst() string {
	most, what := 0, "no answer"
	for w, n := range e.faults {
		if n > most || n == most && w < what {
			most, what = n, w
		}
	}
	return what
}

// turn waits for events, at most as long as given, and handles them.
func (e *engine) turn(ctx context.Context, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	n, err := unix.EpollWait(e.ep, e.events, int((wait+time.Millisecond-1)/time.Millisecond))
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	e.clock = now()
	for _, ev := range e.events[:max(n, 0)] {
		e.event(int(ev.Fd), ev.Events)
	}
	if e.clock-e.swept > int64(sweepEvery) {
		e.swept = e.clock
		e.sweep()
	}
	e.counted.Store(e.ops)
	return nil
}

// turns goes on for d, or until nothing is up any more.
func (e *engine) turns(ctx context.Context, d time.Duration) error {
	for end := now() + int64(d); ; {
		left := time.Duration(end - now())
		if left <= 0 {
			return nil
		}
		if e.live == 0 {
			return e.allLost()
		}
		if err := e.turn(ctx, min(left, 20*time.Millisecond)); err != nil {
			return err
		}
	}
}

func (e *engine) allLost() error { return fmt.Errorf("no connection is left: %s", e.worst()) }

// during goes on until f, on a goroutine of its own, returns.
func (e *engine) during(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	for {
		select {
		case err := <-done:
			return err
		default:
		}
		if err := e.turn(ctx, 5*time.Millisecond); err != nil {
			<-done
			return err
		}
	}
}

// hopeless is whether to go on opening would only fail.
func (e *engine) hopeless() bool { return e.upgraded == 0 && e.failures >= 100 }

// openAll opens every connection and returns when each is up or has failed.
func (e *engine) openAll(ctx context.Context) error {
	for next := 0; next < len(e.conns) || e.opening > 0; {
		for next < len(e.conns) && e.opening < e.o.Opening && !e.hopeless() {
			e.begin(next)
			next++
		}
		if e.hopeless() {
			break
		}
		if err := e.turn(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	if e.upgraded == 0 {
		return fmt.Errorf("no connection came up: %s", e.worst())
	}
	if e.live == 0 {
		return e.allLost()
	}
	return nil
}

// sweep ends what hangs.
func (e *engine) sweep() {
	for i := range e.conns {
		c := &e.conns[i]
		if c.state == free {
			e.load.vacant(i)
			continue
		}
		age := time.Duration(e.clock - c.since)
		switch c.state {
		case connecting:
			if age > e.o.Timeout {
				e.fail(i, errors.New("connect: no answer in "+e.o.Timeout.String()))
			}
		case upgrading:
			if age > e.o.Timeout {
				e.fail(i, errors.New("upgrade: no answer in "+e.o.Timeout.String()))
			}
		case readying:
			if age > e.o.Timeout {
				e.fail(i, errors.New("ready: no such message in "+e.o.Timeout.String()))
			}
		case closing:
			if age > closeWait {
				e.fault("close: no answer in " + closeWait.String())
				e.end(i)
			}
		}
	}
}

// finish closes every connection, and waits a little for the server to agree.
func (e *engine) finish() {
	e.load = ending{}
	for i := range e.conns {
		if e.conns[i].state == open {
			e.hangUp(i)
		}
	}
	// What follows is no part of the run: it does not end with the run's context, nor does it count.
	for end := now() + int64(closeWait); now() < end && e.busy(); {
		if e.turn(context.Background(), 10*time.Millisecond) != nil {
			break
		}
	}
	for i := range e.conns {
		if c := &e.conns[i]; c.state != free {
			_ = unix.Close(int(c.fd))
			c.state = free
		}
	}
	_ = unix.Close(e.ep)
}

func (e *engine) busy() bool {
	for i := range e.conns {
		if e.conns[i].state == closing {
			return true
		}
	}
	return false
}

// ending is the load of an engine that only closes.
type ending struct{}

func (ending) opened(int)          {}
func (ending) message(int, []byte) {}
func (ending) closed(int)          {}
func (ending) vacant(int)          {}
