package protocol

import (
	"bytes"
	"encoding/binary"

	"github.com/gobwas/ws"
)

// An Op is a frame's opcode (RFC 6455, 5.2).
type Op byte

// The opcodes that RFC 6455 defines.
const (
	OpContinuation Op = 0
	OpText         Op = 1
	OpBinary       Op = 2
	OpClose        Op = 8
	OpPing         Op = 9
	OpPong         Op = 10
)

func (o Op) control() bool { return o >= OpClose }

const (
	// headroom is the longest header of a server's frame.
	headroom = 10
	// maxControl is the longest payload of a control frame (RFC 6455, 5.5).
	maxControl = 125
)

// PingFrame is an empty ping. It is shared: never write to it.
var PingFrame = []byte{0x80 | byte(OpPing), 0}

// FrameSize is the size of a server's frame with a payload of n bytes.
func FrameSize(n int) int {
	switch {
	case n <= maxControl:
		return n + 2
	case n < 1<<16:
		return n + 4
	}
	return n + headroom
}

// AppendHeader appends the header of a server's frame: final, not masked, with a
// payload of n bytes. The result is dst grown, as with append.
func AppendHeader(dst []byte, op Op, n int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n <= maxControl:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// AppendFrame appends a server's frame. Payload is copied; the result is dst
// grown, as with append.
func AppendFrame(dst []byte, op Op, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// Payload is the payload of one whole server's frame: a part of it.
func Payload(frame []byte) []byte {
	switch frame[1] & 127 {
	case 126:
		return frame[4:]
	case 127:
		return frame[headroom:]
	}
	return frame[2:]
}

// AppendMaskedFrame appends a client's frame, masked with key: for clients, such
// as tests. Payload is copied and not changed.
func AppendMaskedFrame(dst []byte, op Op, payload []byte, key [4]byte) []byte {
	start := len(dst)
	dst = AppendHeader(dst, op, len(payload))
	dst[start+1] |= 0x80
	dst = append(dst, key[:]...)
	body := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[body:], key, 0)
	return dst
}

// Boundary says where the frame ends that the first off bytes of frames end in,
// or off itself where that is between two. Frames holds whole server's frames,
// perhaps behind the answer to a handshake; it is neither changed nor kept.
func Boundary(frames []byte, off int) int {
	at := 0
	if bytes.HasPrefix(frames, []byte("HTTP/")) {
		at = max(HeaderEnd(frames, 0), 0)
	}
	for at < off && at+2 <= len(frames) {
		n, head := uint64(frames[at+1]&127), 2
		switch {
		case n == 126 && at+4 <= len(frames):
			n, head = uint64(binary.BigEndian.Uint16(frames[at+2:])), 4
		case n == 127 && at+10 <= len(frames):
			n, head = binary.BigEndian.Uint64(frames[at+2:]), 10
		}
		if n > uint64(len(frames)) {
			return len(frames)
		}
		at += head + int(n)
	}
	return min(max(at, off), len(frames))
}

// Messages counts the messages in whole server's frames, control frames aside.
// Frames is neither changed nor kept.
func Messages(frames []byte) (n int) {
	for len(frames) > 0 {
		if !Op(frames[0] & 15).control() {
			n++
		}
		frames = frames[Boundary(frames, 1):]
	}
	return n
}
