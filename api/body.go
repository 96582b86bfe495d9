package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// bodies reads the bodies of requests into pooled buffers and bounds what they
// take together. Its methods may be called from any goroutine.
type bodies struct {
	limit int64 // bytes of all buffers in use; static
	used  atomic.Int64
	pool  bytebufferpool.Pool
}

// A body is a request's body, read whole.
type body struct {
	bytes []byte // valid until release

	buffer *bytebufferpool.ByteBuffer
	taken  int64 // what it counts for in used
	owner  *bodies
}

const firstBuffer = 4 << 10

var errFull = errors.New("bodies take all the memory they may")

// read reads a body of up to limit bytes. The buffer grows as bytes arrive, by
// the declared length only as far as a small buffer goes. The body must be
// released, but for a failure.
func (s *bodies) read(q *http.Request, limit int) (body, *failure) {
	if f := readable(q, limit); f != nil {
		return body{}, f
	}
	b := body{buffer: s.pool.Get(), owner: s}
	err := b.fill(q.Body, limit, q.ContentLength)
	switch {
	case err == nil && len(b.bytes) <= limit:
		return b, nil
	case err == nil:
		b.release()
		return body{}, tooLarge(limit)
	}
	b.release()
	switch {
	case errors.Is(err, errFull):
		return body{}, &failure{status: http.StatusServiceUnavailable, message: "too many bodies arrive at once: try again", retry: retryOverload}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body{}, &failure{status: http.StatusRequestTimeout, message: "the body did not arrive in time"}
	}
	return body{}, badRequest("the body could not be read whole")
}

// readable refuses what need not be read to be refused.
func readable(q *http.Request, limit int) *failure {
	if q.ContentLength > int64(limit) {
		return tooLarge(limit)
	}
	for _, coding := range q.Header["Content-Encoding"] {
		if !strings.EqualFold(coding, "identity") && coding != "" {
			return &failure{status: http.StatusUnsupportedMediaType, message: fmt.Sprintf("Content-Encoding %q is not read: a body as it is would be right", shorten(coding))}
		}
	}
	return nil
}

func tooLarge(limit int) *failure {
	return &failure{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body is too large: at most %d bytes would be right", limit)}
}

// fill reads up to the end, or one byte past limit.
func (b *body) fill(from io.Reader, limit int, declared int64) error {
	buf := b.buffer.B[:0]
	defer func() { b.buffer.B, b.bytes = buf, buf }()
	if !b.take(cap(buf)) {
		return errFull
	}
	want := firstBuffer
	if declared >= firstBuffer && declared < 64<<10 {
		want = int(declared) + 1 // and one, to see the end
	}
	for {
		if len(buf) == cap(buf) || len(buf) == 0 && cap(buf) < want {
			if len(buf) > limit {
				return nil
			}
			if want = max(want, min(2*cap(buf), limit+1)); !b.take(want - cap(buf)) {
				return errFull
			}
			buf = slices.Grow(buf, want-len(buf))
			if more := int64(cap(buf)) - b.taken; more > 0 {
				b.owner.used.Add(more) // what the allocator rounded up
				b.taken += more
			}
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF || len(buf) > limit {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take counts n more bytes, where that is allowed.
func (b *body) take(n int) bool {
	if b.owner.used.Add(int64(n)) > b.owner.limit {
		b.owner.used.Add(-int64(n))
		return false
	}
	b.taken += int64(n)
	return true
}

// release gives the buffer back.
func (b *body) release() {
	b.owner.used.Add(-b.taken)
	b.bytes = nil
	if cap(b.buffer.B) <= maxKeptBuffer {
		// bytebufferpool v1.0.0, pool.go: Put learns sizes from lengths and drops
		// what has more capacity than most lengths. Ours are read into capacity.
		b.buffer.B = b.buffer.B[:cap(b.buffer.B)]
		b.owner.pool.Put(b.buffer)
	}
}
