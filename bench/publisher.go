package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/roostws/roost/protocol"
)

// publisher sends messages to a room. publish returns when the server has taken
// body, as far as it says so; body is not kept. All is called from one goroutine at a time.
type publisher interface {
	publish(ctx context.Context, body []byte) error
	own() int64 // messages delivered to the publisher itself
	close()
}

func newPublisher(ctx context.Context, o Options, run uint16) (publisher, error) {
	if address, ok := strings.CutPrefix(o.Publish, "POST "); ok {
		return &httpPublisher{http.Client{Timeout: o.Timeout}, address}, nil
	}
	return dialPublisher(ctx, o, run)
}

type httpPublisher struct {
	client  http.Client
	address string
}

func (p *httpPublisher) publish(ctx context.Context, body []byte) error {
	return post(ctx, &p.client, p.address, bytes.NewReader(body))
}

// post sends a body, and wants a status of 2xx.
func post(ctx context.Context, client *http.Client, address string, body io.Reader) error {
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return err
	}
	answer, err := client.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %w", address, refusal([]byte(answer.Status), text))
	}
	return nil
}

func (p *httpPublisher) own() int64 { return 0 }
func (p *httpPublisher) close()     { p.client.CloseIdleConnections() }

// pacer publishes at an even rate; where it is late it does not wait.
type pacer struct {
	publisher
	run     uint16
	size    int
	rate    float64
	windows *windows // looked at before each message; may be nil
	number  uint32   // of the next message
	last    int64    // when the last was sent
	body    []byte
}

// maxRefused is how many times in a row a server may refuse a message.
const maxRefused = 10

const refusedWait = 20 * time.Millisecond

func (p *pacer) send(ctx context.Context, n int) error {
	begun, refused := now(), 0
	for i := 0; i < n; {
		due := begun + int64(float64(i)/p.rate*1e9)
		if refused > 0 {
			due = now() + int64(refusedWait)
		}
		select {
		case <-time.After(time.Duration(due - now())):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.windows != nil {
			p.windows.look()
		}
		p.last = now()
		p.body = appendPayload(p.body[:0], stamp{p.run, p.number, p.last}, p.size)
		if err := p.publish(ctx, p.body); err != nil {
			if refused++; refused == maxRefused {
				return fmt.Errorf("message %d was refused %d times: %w", p.number, refused, err)
			}
			continue // with the number again: a message that was not taken is not lost
		}
		i++
		p.number++
		refused = 0
	}
	return nil
}

// wsPublisher is one more connection, to the URL where the members are: an engine
// of its own, of one connection, that runs on a goroutine of its own.
type wsPublisher struct {
	// Static after construction.
	end  context.CancelFunc
	done chan struct{}

	// Guarded by mu.
	mu     sync.Mutex
	engine *engine
	gone   error // why the connection is no more

	// Atomic.
	heard atomic.Int64
}

func dialPublisher(ctx context.Context, o Options, run uint16) (*wsPublisher, error) {
	header := o.Header
	if header != nil {
		header = func(int) string { return o.Header(o.Conns) } // one more than the members
	}
	o.Conns, o.Header = 1, header
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &wsPublisher{end: cancel, done: make(chan struct{}), engine: e}
	e.load, e.run = p, run
	if err := e.openAll(ctx); err != nil {
		cancel()
		e.finish()
		return nil, err
	}
	go p.listen(ctx)
	return p, nil
}

// listen answers pings and counts what comes back.
func (p *wsPublisher) listen(ctx context.Context) {
	defer close(p.done)
	for ctx.Err() == nil {
		// The lock is not held while nothing goes on.
		ready := []unix.PollFd{{Fd: int32(p.engine.ep), Events: unix.POLLIN}}
		_, _ = unix.Poll(ready, 50)
		p.mu.Lock()
		err := p.engine.turn(ctx, 0)
		if err == nil && p.engine.live == 0 {
			err = errors.New(p.engine.worst())
		}
		p.gone = err
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *wsPublisher) publish(_ context.Context, body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return p.gone
	}
	e := p.engine
	e.scratch = appendMasked(e.scratch[:0], protocol.OpText, body)
	e.send(0, e.scratch)
	return nil
}

func (p *wsPublisher) own() int64 { return p.heard.Load() }

func (p *wsPublisher) close() {
	p.end()
	<-p.done
	p.engine.finish()
}

func (p *wsPublisher) opened(int) {}
func (p *wsPublisher) closed(int) {}
func (p *wsPublisher) vacant(int) {}

func (p *wsPublisher) message(_ int, payload []byte) {
	for {
		s, rest, ok := nextStamp(payload)
		if !ok {
			return
		}
		if payload = rest; s.run == p.engine.run {
			p.heard.Add(1)
		}
	}
}
