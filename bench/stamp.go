package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// A stamp stands at the start of each message's payload: a mark, the run, a
// number and a time. It is printable and needs no escape in JSON, so that a server
// may wrap the payload, or put several into a frame: it is found wherever it stands.
const (
	stampMark = "~roost~"
	stampRaw  = 2 + 4 + 8
	stampSize = len(stampMark) + 2*stampRaw
)

type stamp struct {
	run    uint16 // tells this run's messages from another's in the same room
	number uint32
	sent   int64 // of now()
}

// appendPayload appends a message's payload of size bytes, at least stampSize.
func appendPayload(dst []byte, s stamp, size int) []byte {
	var raw [stampRaw]byte
	binary.BigEndian.PutUint16(raw[:], s.run)
	binary.BigEndian.PutUint32(raw[2:], s.number)
	binary.BigEndian.PutUint64(raw[6:], uint64(s.sent))
	dst = append(dst, stampMark...)
	dst = hex.AppendEncode(dst, raw[:])
	return appendFiller(dst, size-stampSize)
}

// filler is what a payload has after its stamp, over and over.
const filler = "................................................................"

func appendFiller(dst []byte, n int) []byte {
	for ; n > len(filler); n -= len(filler) {
		dst = append(dst, filler...)
	}
	return append(dst, filler[:n]...)
}

// isFiller is whether b is what appendFiller makes.
func isFiller(b []byte) bool {
	for ; len(b) > len(filler); b = b[len(filler):] {
		if string(b[:len(filler)]) != filler {
			return false
		}
	}
	return string(b) == filler[:len(b)]
}

// nextStamp finds the first stamp of payload, and what follows it (a part of
// payload); ok is false where there is none.
func nextStamp(payload []byte) (s stamp, rest []byte, ok bool) {
	for {
		at := bytes.Index(payload, []byte(stampMark))
		if at < 0 || len(payload)-at < stampSize {
			return stamp{}, nil, false
		}
		payload = payload[at+len(stampMark):]
		var raw [stampRaw]byte
		if _, err := hex.Decode(raw[:], payload[:2*stampRaw]); err != nil {
			continue
		}
		s.run = binary.BigEndian.Uint16(raw[:])
		s.number = binary.BigEndian.Uint32(raw[2:])
		s.sent = int64(binary.BigEndian.Uint64(raw[6:]))
		return s, payload[2*stampRaw:], true
	}
}

var started = time.Now()

// now is in nanoseconds of the monotonic clock, from this process' start.
func now() int64 { return int64(time.Since(started)) }
