package edge

import (
	"sync"
	"time"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rate"
)

// retrySpread is over how long those who were refused together come back.
const retrySpread = 10 * time.Second

// An admission limits how many handshakes a second are looked at.
type admission struct {
	mu     sync.Mutex
	bucket rate.Bucket
}

// take takes one. Where there is none it says after how many seconds to come back.
func (a *admission) take(now int64, limit int) (retry int) {
	if limit == 0 {
		return 0
	}
	a.mu.Lock()
	ok, wait := a.bucket.Take(now, 1, limit, limit)
	a.mu.Unlock()
	if ok {
		return 0
	}
	return rate.RetryAfter(wait, retrySpread)
}

// An allowance is what a connection may still send: 32 bytes, in a table that is there
// only where that is limited.
type allowance struct{ messages, bytes rate.Bucket }

// allows says whether a connection may send what it has sent.
func (l *loop) allows(s poller.Slot, m *protocol.Message) bool {
	cfg := &l.srv.cfg
	a := l.srv.allowances.At(s)
	if n := cfg.MessagesPerSecond; n > 0 {
		if ok, _ := a.messages.Take(l.Nano(), 1, n, n); !ok {
			return false
		}
	}
	return l.allowsBytes(s, len(m.Payload))
}

// allowsBytes says whether it may send as many bytes.
func (l *loop) allowsBytes(s poller.Slot, bytes int) bool {
	n := int(l.srv.cfg.BytesPerSecond)
	if n == 0 {
		return true
	}
	// One message of any size may come after a rest, compressed or not.
	ok, _ := l.srv.allowances.At(s).bytes.Take(l.Nano(), bytes, n, max(n, 2*l.srv.cfg.MaxMessage))
	return ok
}
