package bench

import (
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// span measures from its making to its end: time, and CPU on both sides.
type span struct {
	server  *Process // nil: not measured
	begun   time.Time
	own     time.Duration
	cpu     time.Duration
	user    time.Duration
	opsThen int64
	windows windows
}

// spent is what a span came to.
type spent struct {
	wall, own, cpu, user time.Duration
	ops                  int64
	quiet                float64 // CPU-µs per op, 0 where no window was good
}

// newSpan begins one. count is how many operations there were so far, and may be
// called from any goroutine.
func newSpan(server *Process, every time.Duration, count *atomic.Int64) (s span, err error) {
	s = span{server: server, begun: time.Now(), own: ownCPU(), opsThen: count.Load()}
	s.windows = windows{server: server, every: every, count: count}
	if server == nil {
		return s, nil
	}
	if s.user, err = server.User(); err != nil {
		return s, err
	}
	s.cpu, err = server.CPU()
	s.windows.begin()
	return s, err
}

func (s *span) end() (r spent, err error) {
	if s.server != nil {
		var cpu, user time.Duration
		if cpu, err = s.server.CPU(); err != nil {
			return r, err
		}
		if user, err = s.server.User(); err != nil {
			return r, err
		}
		r.cpu, r.user = cpu-s.cpu, user-s.user
	}
	r.wall, r.own = time.Since(s.begun), ownCPU()-s.own
	r.ops = s.windows.count.Load() - s.opsThen
	r.quiet = s.windows.quiet()
	return r, nil
}

// ownCPU is this process' user and system time.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// windows are short stretches of a span. The CPU per operation of the quieter
// ones says more on a machine that has other things to do, which come and go.
type windows struct {
	server *Process
	every  time.Duration
	count  *atomic.Int64

	at   time.Time
	cpu  time.Duration
	ops  int64
	most int64     // operations in the fullest window
	each []float64 // CPU-µs per operation
	full []int64   // operations, of each
}

func (w *windows) begin() {
	w.at = time.Now()
	w.cpu, _ = w.server.CPU()
	w.ops = w.count.Load()
}

// look ends a window where it is time to.
func (w *windows) look() {
	if w.server == nil || time.Since(w.at) < w.every {
		return
	}
	cpu, ops := w.cpu, w.ops
	w.begin()
	if n := w.ops - ops; n > 0 && w.cpu > cpu {
		w.each = append(w.each, float64(w.cpu-cpu)/1e3/float64(n))
		w.full = append(w.full, n)
		w.most = max(w.most, n)
	}
}

// quiet is the 20th percentile of the windows that were at least half as full as the fullest.
func (w *windows) quiet() float64 {
	var good []float64
	for i, v := range w.each {
		if w.full[i] >= w.most/2 {
			good = append(good, v)
		}
	}
	if len(good) == 0 {
		return 0
	}
	slices.Sort(good)
	return good[len(good)/5]
}
