package edge

import (
	"context"
	"sync"
)

// A pool runs tasks off the loops: a bounded number at once, a bounded number
// waiting. A goroutine lives only as long as there is something to do.
type pool struct {
	// Static after construction.
	limit int // tasks that run at once
	most  int // tasks that wait
	ctx   context.Context
	end   context.CancelFunc
	fault func(v any) // of a task that panicked

	// Guarded by mu.
	mu      sync.Mutex
	running int
	queue   []task
	head    int // the first of queue that waits
	wg      sync.WaitGroup
}

// A task runs off the loops. Ctx ends when the server does.
type task func(ctx context.Context)

func newPool(limit, most int, fault func(v any)) *pool {
	p := &pool{limit: limit, most: most, fault: fault}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// try has t run, soon. It says false where too many wait.
func (p *pool) try(t task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ctx.Err() != nil:
		return false
	case p.running < p.limit:
		p.running++
		p.wg.Go(func() { p.work(t) })
	case len(p.queue)-p.head >= p.most:
		return false
	default:
		p.queue = append(p.queue, t)
	}
	return true
}

func (p *pool) work(t task) {
	for t != nil {
		p.run(t)
		t = p.next()
	}
}

func (p *pool) run(t task) {
	defer func() {
		if v := recover(); v != nil {
			p.fault(v)
		}
	}()
	t(p.ctx)
}

// next gives the next task that waits; nil ends the goroutine.
func (p *pool) next() task {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
		p.running--
		return nil
	}
	t := p.queue[p.head]
	p.queue[p.head] = nil
	if p.head++; p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
		if cap(p.queue) > keptQueue {
			p.queue = nil
		}
	}
	return t
}

// keptQueue is how long a queue is kept once nothing waits.
const keptQueue = 1024

// waiting is how many tasks run or wait.
func (p *pool) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running + len(p.queue) - p.head
}

// stop ends the context of all tasks and waits until they are over. What waits is
// run all the same, with the context that has ended.
func (p *pool) stop() {
	p.mu.Lock()
	p.end()
	p.mu.Unlock()
	p.wg.Wait()
}
