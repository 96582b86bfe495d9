package protocol

import (
	"encoding/binary"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A Message is a whole message or a control frame. Op is 0 where there is none
// yet. Payload is valid until the next call on the Reader, or until the bytes
// that were given to Next are used otherwise.
type Message struct {
	Op      Op
	Payload []byte

	room []byte // ends with Payload; before it there is room for a header
}

// Frame makes the server's frame with the same Op and Payload, in place: the
// client's header is overwritten, nothing is copied. It is valid as long as
// Payload. For the answer to a ping set Op to OpPong first.
func (m *Message) Frame() []byte {
	size := FrameSize(len(m.Payload))
	frame := m.room[len(m.room)-size:]
	AppendHeader(frame[:0], m.Op, len(m.Payload))
	return frame
}

// A Reader reads what one client sends. It is resumable at every byte. The zero
// value with a Limit is ready.
type Reader struct {
	// Limit is the most bytes that a whole message may have.
	Limit int

	// The frame under way.
	head   [14]byte // what came of its header, where that is torn
	nhead  int
	inside bool // its header is done and its payload is not
	frame  header
	got    int // bytes of its payload so far

	// The message and the control frame under way.
	op      Op     // of the message; 0 where there is none
	buf     []byte // headroom, then its payload so far
	checked int    // how much of buf is known to be UTF-8
	done    bool   // the message in buf was given out
	control []byte // headroom, then the payload of a torn control frame
}

// A header is a client's frame header.
type header struct {
	length int
	size   int // of the header itself
	mask   [4]byte
	op     Op
	fin    bool
}

// Idle says whether r keeps nothing: then another Reader may take its place.
func (r *Reader) Idle() bool { return r.nhead == 0 && !r.inside && r.op == 0 }

// Buffered is how many bytes r keeps.
func (r *Reader) Buffered() int { return cap(r.buf) + cap(r.control) + r.nhead }

// Reset forgets what is under way and gives its buffers back.
func (r *Reader) Reset() {
	giveBack(r.buf)
	*r = Reader{Limit: r.Limit}
}

// Next takes in, which it unmasks in place, and gives the next whole message or
// control frame and what follows it. Where m.Op is 0 there is none: all of in was
// taken. After an error r is of no more use before Reset.
func (r *Reader) Next(in []byte) (m Message, rest []byte, err error) {
	if r.done {
		giveBack(r.buf)
		r.buf, r.done = nil, false
	}
	for len(in) > 0 {
		if !r.inside {
			h, n, err := r.begin(in)
			if err != nil {
				return Message{}, nil, err
			}
			if h.size == 0 {
				return Message{}, nil, nil
			}
			if n == h.size && len(in) >= n+h.length && (h.op.control() || h.fin && r.op == 0) {
				return r.whole(in, &h)
			}
			r.frame, r.inside, r.got = h, true, 0
			in = in[n:]
			if !h.op.control() && h.op != OpContinuation {
				r.op = h.op
			}
		}
		k := min(r.frame.length-r.got, len(in))
		part := in[:k]
		in = in[k:]
		ws.Cipher(part, r.frame.mask, r.got)
		r.got += k
		if err := r.take(part); err != nil {
			return Message{}, nil, err
		}
		if r.got < r.frame.length {
			return Message{}, nil, nil
		}
		r.inside = false
		if r.frame.op.control() {
			m = Message{r.frame.op, r.control[headroom:], r.control}
			r.control = nil
			return m, in, nil
		}
		if r.frame.fin {
			return r.finish(in)
		}
	}
	return Message{}, nil, nil
}

// begin reads a frame's header from what is left of an earlier piece and from
// in, of which it takes n bytes. The header's size is 0 where it is still torn.
func (r *Reader) begin(in []byte) (h header, n int, err error) {
	if r.nhead == 0 {
		h, err := r.parse(in)
		if err != nil || h.size > 0 {
			return h, h.size, err
		}
		r.nhead = copy(r.head[:], in)
		return header{}, len(in), nil
	}
	before := r.nhead
	have := before + copy(r.head[before:], in)
	h, err = r.parse(r.head[:have])
	if err != nil || h.size > 0 {
		r.nhead = 0
		return h, h.size - before, err
	}
	r.nhead = have
	return header{}, len(in), nil
}

// parse reads a header and checks it, as far as it is there.
func (r *Reader) parse(b []byte) (h header, err error) {
	h.op, h.fin = Op(b[0]&15), b[0]&0x80 != 0
	switch {
	case b[0]&0x70 != 0:
		return h, errReserved
	case h.op > OpPong || h.op > OpBinary && h.op < OpClose:
		return h, errOpcode
	case h.op.control() && !h.fin:
		return h, errControlFin
	case h.op == OpContinuation && r.op == 0:
		return h, errContinuation
	case r.op != 0 && (h.op == OpText || h.op == OpBinary):
		return h, errInterrupted
	}
	if len(b) < 2 {
		return h, nil
	}
	length, size := uint64(b[1]&127), 2
	switch {
	case b[1]&0x80 == 0:
		return h, errNotMasked
	case h.op.control() && length > maxControl:
		return h, errControlLong
	case length == 126:
		if size = 4; len(b) < size {
			return h, nil
		}
		if length = uint64(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return h, errLength
		}
	case length == 127:
		if size = 10; len(b) < size {
			return h, nil
		}
		length = binary.BigEndian.Uint64(b[2:])
		if length>>63 != 0 {
			return h, errLengthBit
		}
		if length < 1<<16 {
			return h, errLength
		}
	}
	if !h.op.control() && length > uint64(r.Limit-r.have()) {
		return h, errTooLarge
	}
	if len(b) < size+4 {
		return h, nil
	}
	h.length, h.size = int(length), size+4
	copy(h.mask[:], b[size:])
	return h, nil
}

// have is how much of a message has come.
func (r *Reader) have() int { return max(len(r.buf)-headroom, 0) }

// whole handles a frame that lies whole in in and is a message by itself.
func (r *Reader) whole(in []byte, h *header) (Message, []byte, error) {
	end := h.size + h.length
	payload := in[h.size:end:end]
	ws.Cipher(payload, h.mask, 0)
	if h.op == OpText && !utf8.Valid(payload) {
		return Message{}, nil, errText
	}
	return Message{h.op, payload, in[:end:end]}, in[end:], nil
}

// take keeps a part of a payload.
func (r *Reader) take(part []byte) error {
	if r.frame.op.control() {
		if r.control == nil {
			r.control = make([]byte, headroom, headroom+r.frame.length)
		}
		r.control = append(r.control, part...)
		return nil
	}
	r.grow(len(part))
	r.buf = append(r.buf, part...)
	if r.op != OpText {
		return nil
	}
	n, ok := validPrefix(r.buf[r.checked:])
	r.checked += n
	if !ok {
		return errText
	}
	return nil
}

// grow makes room for n more bytes: for twice as many as there are, but for no
// more than the frame still brings. The declared length alone makes no room.
func (r *Reader) grow(n int) {
	if r.buf == nil {
		r.buf = buffer(headroom + n)
		r.checked = headroom
	}
	if need := len(r.buf) + n; need > cap(r.buf) {
		left := len(r.buf) + n + r.frame.length - r.got // all that this frame brings
		bigger := buffer(max(need, min(left, 2*cap(r.buf))))
		bigger = append(bigger[:0], r.buf...)
		giveBack(r.buf)
		r.buf = bigger
	}
}

// finish gives out the message that was put together.
func (r *Reader) finish(in []byte) (Message, []byte, error) {
	op := r.op
	if op == OpText && r.checked < len(r.buf) {
		return Message{}, nil, errText
	}
	r.op, r.done = 0, true
	return Message{op, r.buf[headroom:], r.buf}, in, nil
}

// validPrefix says how much of b is UTF-8, and whether the rest, of less than a
// rune, may become so.
func validPrefix(b []byte) (n int, ok bool) {
	n = len(b)
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		if c := b[len(b)-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-back:]) {
				n = len(b) - back
			}
			break
		}
	}
	return n, utf8.Valid(b[:n])
}

// Buffers of up to pooled bytes are used again.
const pooled = 64 << 10

var buffers sync.Pool

// buffer gives headroom bytes in a buffer for at least n.
func buffer(n int) []byte {
	if n <= pooled {
		if p, _ := buffers.Get().(*[]byte); p != nil {
			if cap(*p) >= n {
				return (*p)[:headroom]
			}
			buffers.Put(p)
		}
	}
	return make([]byte, headroom, max(n, 512))
}

func giveBack(b []byte) {
	if cap(b) >= 512 && cap(b) <= pooled {
		b = b[:0]
		buffers.Put(&b)
	}
}
