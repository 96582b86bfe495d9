package protocol

import (
	"bufio"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

const (
	// cutOff is what a sender cuts off its compressed data (RFC 7692, 7.2.1).
	cutOff = "\x00\x00\xff\xff"
	// ending is an empty last block: by it the library tells whole data, which
	// ends with a block, from what was torn.
	ending = "\x01\x00\x00\xff\xff"
)

const (
	firstOut = 4 << 10  // what an Inflater begins with
	keptOut  = 72 << 10 // the most that it keeps: a message of 64 KiB with its headroom
)

// An Inflater makes compressed messages what they were. The zero value with a
// Limit is ready. From the first message on it takes 44 KB, and up to 72 KiB for
// what it gave out last: it is for all connections of a loop, one after the other.
type Inflater struct {
	// Limit is the most bytes that a message may become.
	Limit int

	in    compressed
	read  *bufio.Reader // of in; nil before the first message
	flate io.Reader     // of read
	out   []byte        // where messages are made, as long as it is at most keptOut
}

// Inflate makes m, where it is compressed, what it would be had it come plain.
// M.Payload is then valid until the next Inflate, and may be changed but not
// resliced. An error is a *CloseError: m is as it was, and the next may be
// inflated. However much there would be, no more is made than Limit and the
// library's window, 32 KiB. The work is linear in what comes and what it becomes.
func (f *Inflater) Inflate(m *Message) error {
	if !m.Compressed {
		return nil
	}
	room, bad := f.inflate(m.Payload)
	if bad == nil && m.Op == OpText && !utf8.Valid(room[headroom:]) {
		bad = errText
	}
	if bad != nil {
		return bad
	}
	*m = Message{Op: m.Op, Payload: room[headroom:], room: room}
	return nil
}

// inflate gives headroom and, behind it, what data was.
func (f *Inflater) inflate(data []byte) ([]byte, *CloseError) {
	f.begin(data)
	most := headroom + min(max(f.Limit, 0), maxMessage)
	out := f.out[:headroom]
	for {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, min(2*cap(out), most+1)), out...)
			if cap(out) <= keptOut {
				f.out = out
			}
		}
		n, err := f.flate.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > most:
			return nil, errTooLarge
		case err == io.EOF && f.in.done() && f.read.Buffered() == 0:
			return out, nil
		case err == io.EOF:
			// A block that calls itself the last need not be (RFC 7692, 7.2.1): what
			// follows begins anew.
			f.reset()
		case err != nil:
			return nil, errDeflate
		}
	}
}

// begin makes f ready for data.
func (f *Inflater) begin(data []byte) {
	f.in = compressed{data, cutOff + ending}
	if f.read == nil {
		f.read = bufio.NewReader(&f.in)
		f.flate = flate.NewReader(f.read)
		f.out = make([]byte, firstOut)
		return
	}
	f.read.Reset(&f.in)
	f.reset()
}

// reset makes the library forget what came. It never fails (klauspost/compress
// v1.20.4, flate/inflate.go).
func (f *Inflater) reset() { _ = f.flate.(flate.Resetter).Reset(f.read, nil) }

// A compressed reads the data of a message, which is not copied, and what belongs
// behind it.
type compressed struct {
	data   []byte
	behind string
}

func (c *compressed) done() bool { return len(c.data)+len(c.behind) == 0 }

func (c *compressed) Read(b []byte) (n int, err error) {
	if c.done() {
		return 0, io.EOF
	}
	n = copy(b, c.data)
	c.data = c.data[n:]
	k := copy(b[n:], c.behind)
	c.behind = c.behind[k:]
	return n + k, nil
}
