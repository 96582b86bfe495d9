package protocol

import (
	"errors"

	"github.com/klauspost/compress/flate"
)

// DeflateLevel is the level that pays best (docs/deflate.md).
const DeflateLevel = 6

// MinDeflate is the size of the smallest payload that is compressed. From it on all
// kinds of JSON lose a fifth; below, some lose nothing, for the same time
// (BenchmarkDeflater_Threshold).
const MinDeflate = 192

// A Deflater compresses messages, each by itself, for all who negotiated
// permessage-deflate. It takes 1.1 MB, and up to 72 KiB for what it made last. It
// is for one goroutine at a time.
type Deflater struct {
	flate *flate.Writer
	out   shorter
}

// NewDeflater makes a Deflater. Level is 1 (fast) to 9 (small); anything else is
// DeflateLevel.
func NewDeflater(level int) *Deflater {
	if level < 1 || level > 9 {
		level = DeflateLevel
	}
	d := &Deflater{}
	d.flate, _ = flate.NewWriter(&d.out, level) // it fails by its level alone
	return d
}

// AppendFrame appends a server's frame with the compressed payload, which is not
// changed and not kept. The result is dst grown, as with append; where compressing
// does not pay it is dst, and ok is false: then the plain frame is to be sent.
func (d *Deflater) AppendFrame(dst []byte, op Op, payload []byte) (frame []byte, ok bool) {
	if len(payload) < MinDeflate || op != OpText && op != OpBinary {
		return dst, false
	}
	return d.appendFrame(dst, op, payload)
}

// appendFrame is AppendFrame for a payload that is not too short.
func (d *Deflater) appendFrame(dst []byte, op Op, payload []byte) (frame []byte, ok bool) {
	d.out.most = len(payload) - 1 + len(cutOff)
	d.out.b = d.out.b[:0]
	d.flate.Reset(&d.out)
	if _, err := d.flate.Write(payload); err != nil {
		return dst, false
	}
	if d.flate.Flush() != nil {
		return dst, false
	}
	data := d.out.b[:len(d.out.b)-len(cutOff)] // Flush ends with it
	if cap(d.out.b) > keptOut {
		d.out.b = nil
	}
	start := len(dst)
	if dst == nil {
		dst = make([]byte, 0, FrameSize(len(data)))
	}
	dst = AppendHeader(dst, op, len(data))
	dst[start] |= rsv1
	return append(dst, data...), true
}

var errNotShorter = errors.New("compressed data is not shorter")

// A shorter takes what is written as long as that is at most most bytes.
type shorter struct {
	b    []byte
	most int
}

func (s *shorter) Write(b []byte) (int, error) {
	if len(s.b)+len(b) > s.most {
		return 0, errNotShorter
	}
	s.b = append(s.b, b...)
	return len(b), nil
}
