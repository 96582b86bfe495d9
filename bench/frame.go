package bench

import (
	"encoding/binary"
	"errors"

	"github.com/roostws/roost/protocol"
)

// maxFrame leaves a server room to wrap a message of maxSize.
const maxFrame = maxSize + 64<<10

// A client's own part of the wire format: frames as servers send them, unmasked.
// The server's part is package protocol, which refuses these.
type frame struct {
	payload []byte // a part of what was parsed
	op      protocol.Op
	fin     bool
}

// maskKey is the same for all: what matters is that servers have to unmask.
var maskKey = [4]byte{0x6b, 0x8e, 0x2d, 0x51}

var (
	errMasked   = errors.New("the server sent a masked frame")
	errReserved = errors.New("the server sent reserved bits or an unknown opcode")
	errTooLong  = errors.New("the server sent a frame over 16 MiB")
)

// nextFrame takes a frame off b; ok is false where it is not whole. rest and the
// payload are parts of b.
func nextFrame(b []byte) (f frame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	f.op, f.fin = protocol.Op(b[0]&15), b[0]&0x80 != 0
	switch {
	case b[0]&0x70 != 0, f.op > protocol.OpPong, f.op > protocol.OpBinary && f.op < protocol.OpClose:
		return f, b, false, errReserved
	case b[1]&0x80 != 0:
		return f, b, false, errMasked
	}
	head, n := 2, int(b[1])
	switch n {
	case 126:
		if head = 4; len(b) < head {
			return f, b, false, nil
		}
		n = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return f, b, false, nil
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > maxFrame {
			return f, b, false, errTooLong
		}
		n = int(long)
	}
	if len(b) < head+n {
		return f, b, false, nil
	}
	f.payload = b[head : head+n : head+n]
	return f, b[head+n:], true, nil
}

// appendMasked appends a client's frame. Neither slice is kept.
func appendMasked(dst []byte, op protocol.Op, payload []byte) []byte {
	return protocol.AppendMaskedFrame(dst, op, payload, maskKey)
}
