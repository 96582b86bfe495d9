package bench

import (
	"context"
	"net/http"
	"time"
)

// idle holds the connections and measures memory, or else what a collection costs.
func (r *runner) idle(ctx context.Context) error {
	r.load = ending{}
	begun := time.Now()
	own := ownCPU()
	defer func() {
		wall := time.Since(begun).Seconds()
		busy := (ownCPU() - own).Seconds() / wall
		r.result.Seconds = round(wall, 3)
		r.result.Client = ClientFigures{CPU: round(busy, 3), Saturated: busy > 0.9}
	}()
	if r.o.GC {
		return r.idleGC(ctx)
	}
	var before Memory
	var err error
	if r.server != nil {
		if before, err = r.server.Memory(); err != nil {
			return err
		}
	}
	if err := r.openAll(ctx); err != nil {
		return err
	}
	if err := r.turns(ctx, r.o.Duration); err != nil || r.server == nil {
		return err
	}
	after, err := r.server.Memory()
	if err != nil {
		return err
	}
	n := int64(r.live)
	r.result.Server.RSSPerConn = ptr((after.RSS - before.RSS) / n)
	r.result.Server.AnonPerConn = ptr((after.Anon - before.Anon) / n)
	if r.o.Free == "" {
		return nil
	}
	if _, err := r.free(ctx); err != nil {
		return err
	}
	if after, err = r.server.Memory(); err != nil {
		return err
	}
	r.result.Server.SettledPerConn = ptr((after.RSS - before.RSS) / n)
	return nil
}

func (r *runner) idleGC(ctx context.Context) error {
	empty, err := r.leastFree(ctx)
	if err != nil {
		return err
	}
	if err := r.openAll(ctx); err != nil {
		return err
	}
	if err := r.turns(ctx, r.o.Duration); err != nil {
		return err
	}
	full, err := r.leastFree(ctx)
	r.result.Server.FreeEmpty, r.result.Server.FreeFull = &empty, &full
	return err
}

// leastFree is the CPU-ms of the cheapest of three POSTs to Free. One before
// them gives back what opening left over, which takes time of its own.
func (r *runner) leastFree(ctx context.Context) (least float64, err error) {
	for i := range 4 {
		cost, err := r.free(ctx)
		if err != nil {
			return 0, err
		}
		if i == 1 || i > 1 && cost < least {
			least = cost
		}
	}
	return least, nil
}

// freeRest lets the server's threads go to sleep, so that their time is booked.
const freeRest = 30 * time.Millisecond

// free makes the server give memory back, and returns the CPU-ms that this took.
func (r *runner) free(ctx context.Context) (cost float64, err error) {
	before, err := r.server.CPU()
	if err != nil {
		return 0, err
	}
	err = r.during(ctx, func() error {
		if err := post(ctx, &http.Client{Timeout: r.o.Timeout}, r.o.Free, nil); err != nil {
			return err
		}
		time.Sleep(freeRest)
		return nil
	})
	if err != nil {
		return 0, err
	}
	after, err := r.server.CPU()
	return round(millis(after-before), 3), err
}
