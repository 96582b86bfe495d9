package protocol

import "encoding/binary"

const (
	maxHeader   = 14   // the longest header of a client's frame
	shortHeader = 6    // its shortest
	masked      = 0x80 // the bit that says so, in a header's second byte
	final       = 0x80 // FIN, in its first byte
	reserved    = 0x70 // RSV1 to RSV3
	rsv1        = 0x40 // of a compressed message's first frame (RFC 7692, 6)
	controlBit  = 0x08 // the bit of its opcode that control frames have
)

// A header is that of a client's frame.
type header struct {
	length int
	size   int // of the header itself; 0 where it is torn
	mask   [4]byte
	op     Op
	fin    bool
	rsv1   bool
}

// finalFrame says of a frame's first byte that it is FIN, without reserved bits,
// and that of a message or a control frame: not a continuation.
func finalFrame(b byte) bool {
	const ops = 1<<OpText | 1<<OpBinary | 1<<OpClose | 1<<OpPing | 1<<OpPong
	return b&0xf0 == final && ops>>(b&15)&1 != 0
}

// parseHeader reads a header at the start of b, which is not empty, and checks as
// much of it as is there (RFC 6455, 5.2). Within is the Op of the fragmented
// message under way, 0 where there is none; left is how much longer a message may
// become. Deflate says that a message may be compressed.
func parseHeader(b []byte, within Op, left int, deflate bool) (h header, bad *CloseError) {
	h.op, h.fin, h.rsv1 = Op(b[0]&15), b[0]&final != 0, b[0]&rsv1 != 0
	switch {
	case b[0]&(reserved&^rsv1) != 0 || h.rsv1 && !(deflate && (h.op == OpText || h.op == OpBinary)):
		return h, errReserved
	case h.op > OpPong || h.op > OpBinary && h.op < OpClose:
		return h, errOpcode
	case h.op.control() && !h.fin:
		return h, errControlFin
	case h.op == OpContinuation && within == 0:
		return h, errContinuation
	case within != 0 && (h.op == OpText || h.op == OpBinary):
		return h, errInterrupted
	}
	if len(b) < 2 {
		return h, nil
	}
	length, size := uint64(b[1]&^masked), 2
	switch {
	case b[1]&masked == 0:
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
	if !h.op.control() && (left < 0 || length > uint64(left)) {
		return h, errTooLarge
	}
	if len(b) < size+4 {
		return h, nil
	}
	h.length, h.size, h.mask = int(length), size+4, [4]byte(b[size:])
	return h, nil
}
