package protocol

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A Message is a whole message or a control frame. Op is 0 where there is none
// yet. Payload may be changed but not resliced; it is valid until the next call
// of a method that changes the Reader, or until the bytes that were given to Next
// are used otherwise.
//
// A compressed message is as it came, its text unchecked, until an Inflater makes
// it what it was.
type Message struct {
	Op         Op
	Compressed bool // only where the Reader's Deflate is set
	Payload    []byte

	room []byte // ends with Payload; before it there is room for a header
}

// Frame makes the server's frame with the same Op and Payload, in place: it is
// written over the client's header, nothing is copied. The result is valid as
// long as Payload. For the answer to a ping set Op to OpPong first. M must not be
// compressed: the frame would not say so.
func (m *Message) Frame() []byte {
	n := len(m.Payload)
	frame := m.room[len(m.room)-FrameSize(n):]
	AppendHeader(frame[:0], m.Op, n)
	return frame
}

// A Reader reads what one client sends. It can stop and go on at every byte. The
// zero value with a Limit is ready. 104 bytes.
type Reader struct {
	// Limit is the most bytes that a whole message may have; one that is compressed
	// may come as somewhat more, and its Inflater has the limit of what it becomes.
	// Deflate says that permessage-deflate was negotiated: without, a message that
	// is compressed is an error. Static while a message is under way.
	Limit   int
	Deflate bool

	// What all of r comes down to: false where Next may take its short way.
	busy bool

	// The frame under way.
	inside     bool // its header is done and its payload is not
	nhead      uint8
	head       [maxHeader]byte // what came of its header, where that is torn: nhead bytes
	op         Op              // of the message that it is a part of; 0 where there is none
	compressed bool            // that message; false where there is none
	frame      header
	got        int // bytes of its payload so far

	// The message and the control frame under way, and what was given out last.
	checked int     // how much of message, where it is plain text, is known to be UTF-8
	message *buffer // its payload so far
	control *buffer // payload of a torn control frame
	given   *buffer // what the last Message lies in, where r keeps it

	// Why r is dead; nil while it lives.
	dead *CloseError
}

// maxMessage bounds Limit, so that sums of lengths never overflow.
const maxMessage = math.MaxInt / 4

// Idle says whether r has begun nothing: no header, frame or fragmented message.
// Then another Reader may take its place. A message that was just given out does
// not count, even where it lies in r's buffer; a dead Reader is not idle.
func (r *Reader) Idle() bool { return r.nhead == 0 && !r.inside && r.op == 0 && r.dead == nil }

// Buffered is how many bytes of memory r holds for what it keeps, the message
// that was just given out among it.
func (r *Reader) Buffered() int {
	return r.message.size() + r.control.size() + r.given.size() + int(r.nhead)
}

// Reset forgets what is under way, and the error, and gives all buffers back:
// also the one that the last Message may lie in. It keeps Limit and
// Deflate.
func (r *Reader) Reset() {
	r.release()
	*r = Reader{Limit: r.Limit, Deflate: r.Deflate}
}

// Next gives the next whole message or control frame in in, and what follows it.
// Where there is none, m.Op is 0, rest is empty, and r has kept what there was.
//
// In is unmasked in place, and m.Payload and rest may be parts of it: it must not
// be used otherwise until they are done with. It is not kept. An error is a
// *CloseError, and every later call gives it again, until Reset.
func (r *Reader) Next(in []byte) (m Message, rest []byte, err error) {
	// Nearly all that clients send is one whole, final frame at a time, of less than
	// 64 KiB.
	if !r.busy && len(in) >= shortHeader && finalFrame(in[0]) {
		n, size := int(in[1])-masked, shortHeader
		if n == 126 && len(in) >= shortHeader+2 && in[0]&controlBit == 0 {
			if n, size = int(binary.BigEndian.Uint16(in[2:])), shortHeader+2; n <= maxControl {
				n = -1 // a length that could be shorter
			}
		} else if n > maxControl {
			n = -1
		}
		end := size + n
		if n >= 0 && n <= r.Limit && end <= len(in) {
			payload := in[size:end:end]
			ws.Cipher(payload, [4]byte(in[size-4:]), 0)
			op := Op(in[0] & 15)
			if op == OpText && !utf8.Valid(payload) {
				return r.fail(errText)
			}
			return Message{Op: op, Payload: payload, room: in[:end:end]}, in[end:], nil
		}
	}
	m, rest, err = r.next(in)
	r.busy = r.given != nil || !r.Idle()
	return m, rest, err
}

// next is Next for every case.
func (r *Reader) next(in []byte) (Message, []byte, error) {
	if r.dead != nil {
		return Message{}, nil, r.dead
	}
	r.given = r.given.free()
	for len(in) > 0 {
		if !r.inside {
			torn := r.nhead > 0
			h, n, bad := r.begin(in)
			if bad != nil {
				return r.fail(bad)
			}
			if h.size == 0 {
				break
			}
			if !torn && len(in)-n >= h.length && (h.op.control() || h.fin && r.op == 0) {
				return r.whole(in, &h)
			}
			in = in[n:]
			r.frame, r.inside, r.got = h, true, 0
			if h.op == OpText || h.op == OpBinary {
				r.op, r.compressed, r.checked = h.op, h.rsv1, headroom
			}
		}
		part := in[:min(r.frame.length-r.got, len(in))]
		in = in[len(part):]
		if bad := r.take(part); bad != nil {
			return r.fail(bad)
		}
		if r.got < r.frame.length {
			break
		}
		r.inside = false
		switch {
		case r.frame.op.control():
			r.given, r.control = r.control, nil
			return r.give(r.frame.op), in, nil
		case r.frame.fin:
			if r.op == OpText && !r.compressed && r.checked < len(r.message.b) {
				return r.fail(errText)
			}
			r.given, r.message = r.message, nil
			m := r.give(r.op)
			m.Compressed, r.op, r.compressed = r.compressed, 0, false
			return m, in, nil
		}
	}
	return Message{}, nil, nil
}

// begin reads a frame's header, from what is left of earlier bytes and from in,
// of which it takes n. The header's size is 0 where it is still torn.
func (r *Reader) begin(in []byte) (h header, n int, bad *CloseError) {
	first := in[0]
	if r.nhead > 0 {
		first = r.head[0]
	}
	left := r.most(r.compressed || first&rsv1 != 0) - r.message.payload()
	if r.nhead == 0 {
		h, bad = parseHeader(in, r.op, left, r.Deflate)
		if bad == nil && h.size == 0 {
			r.nhead = uint8(copy(r.head[:], in))
		}
		return h, h.size, bad
	}
	before := int(r.nhead)
	have := before + copy(r.head[before:], in)
	h, bad = parseHeader(r.head[:have], r.op, left, r.Deflate)
	if bad == nil && h.size == 0 {
		r.nhead = uint8(have)
		return h, len(in), nil
	}
	r.nhead = 0
	return h, h.size - before, bad
}

// whole gives out a frame that lies whole in in and is a message by itself.
func (r *Reader) whole(in []byte, h *header) (Message, []byte, error) {
	end := h.size + h.length
	payload := in[h.size:end:end]
	ws.Cipher(payload, h.mask, 0)
	if h.op == OpText && !h.rsv1 && !utf8.Valid(payload) {
		return r.fail(errText)
	}
	return Message{Op: h.op, Compressed: h.rsv1, Payload: payload, room: in[:end:end]}, in[end:], nil
}

// most is how many bytes the frames of a message may have in all. Deflating makes
// longer what it cannot make shorter: by no more than this, whatever a sender's
// settings are (zlib 1.3.1, deflateBound).
func (r *Reader) most(compressed bool) int {
	n := min(max(r.Limit, 0), maxMessage)
	if compressed {
		n += n>>3 + n>>6 + 64
	}
	return n
}

// take unmasks and keeps a part of a payload, and checks it where it is text.
func (r *Reader) take(part []byte) *CloseError {
	ws.Cipher(part, r.frame.mask, r.got)
	r.got += len(part)
	if r.frame.op.control() {
		if r.control == nil {
			r.control = newBuffer(headroom + maxControl)
		}
		r.control.b = append(r.control.b, part...)
		return nil
	}
	r.grow(len(part))
	r.message.b = append(r.message.b, part...)
	if r.op == OpText && !r.compressed {
		n, ok := validPrefix(r.message.b[r.checked:])
		if !ok {
			return errText
		}
		r.checked += n
	}
	return nil
}

// grow makes room for n more bytes of the message. Room doubles, so that many
// small fragments are not copied over and over; it is no more than the message
// may have in all, or, where its last frame is under way, will have.
func (r *Reader) grow(n int) {
	if r.message == nil {
		r.message = newBuffer(headroom + n)
		return
	}
	old := r.message
	need := len(old.b) + n
	if need <= cap(old.b) {
		return
	}
	most := headroom + r.most(r.compressed)
	if r.frame.fin {
		most = need + r.frame.length - r.got
	}
	r.message = newBuffer(max(need, min(2*cap(old.b), most)))
	r.message.b = append(r.message.b[:0], old.b...)
	old.free()
}

// give makes a Message of the buffer that was just moved to given.
func (r *Reader) give(op Op) Message {
	return Message{Op: op, Payload: r.given.b[headroom:], room: r.given.b}
}

// fail ends r: it gives its buffers back and remembers why.
func (r *Reader) fail(why *CloseError) (Message, []byte, error) {
	r.release()
	*r = Reader{Limit: r.Limit, Deflate: r.Deflate, dead: why, busy: true}
	return Message{}, nil, why
}

func (r *Reader) release() {
	r.message = r.message.free()
	r.control = r.control.free()
	r.given = r.given.free()
}

// validPrefix says how much of b is UTF-8, and whether the rest, of less than a
// rune, may still become so.
func validPrefix(b []byte) (n int, ok bool) {
	n = len(b)
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		if utf8.RuneStart(b[len(b)-back]) {
			if !utf8.FullRune(b[len(b)-back:]) {
				n = len(b) - back
			}
			break
		}
	}
	return n, utf8.Valid(b[:n])
}
