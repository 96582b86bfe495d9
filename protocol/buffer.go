package protocol

import "sync"

// A buffer holds headroom bytes and, behind them, a payload. Nil is no buffer.
type buffer struct{ b []byte }

// bufferSizes are the sizes of pooled buffers. The last takes a message of 64 KiB
// with its headroom, and is what the allocator makes of that. Larger buffers are
// not pooled: few need them, and a pool would keep them.
var bufferSizes = [...]int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 72 << 10}

// bufferPools has one pool for each size, so that who needs little is never
// given, and never counts for, much.
var bufferPools [len(bufferSizes)]sync.Pool

// newBuffer gives a buffer of at least n bytes, of which headroom are used.
func newBuffer(n int) *buffer {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		if b, _ := bufferPools[i].Get().(*buffer); b != nil {
			b.b = b.b[:headroom]
			return b
		}
		return &buffer{make([]byte, headroom, size)}
	}
	return &buffer{make([]byte, headroom, n)}
}

// free gives b back. The result is nil, for the place where b was kept.
func (b *buffer) free() *buffer {
	if b == nil {
		return nil
	}
	for i, size := range bufferSizes {
		if cap(b.b) == size {
			bufferPools[i].Put(b)
			break
		}
	}
	return nil
}

// size is how much memory b takes.
func (b *buffer) size() int {
	if b == nil {
		return 0
	}
	return cap(b.b)
}

// payload is how much of a payload b holds.
func (b *buffer) payload() int {
	if b == nil {
		return 0
	}
	return len(b.b) - headroom
}
