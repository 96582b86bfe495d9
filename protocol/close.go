package protocol

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// A CloseError is a violation of the protocol, with the close code and reason
// that the peer is owed for it.
type CloseError struct {
	Code uint16
	Text string
}

func (e *CloseError) Error() string { return e.Text }

// What a client may do wrong (RFC 6455, 5 and 7; RFC 7692, 7).
var (
	errReserved     = &CloseError{1002, "reserved bits are set"}
	errOpcode       = &CloseError{1002, "opcode is reserved"}
	errNotMasked    = &CloseError{1002, "frame is not masked"}
	errControlFin   = &CloseError{1002, "control frame is fragmented"}
	errControlLong  = &CloseError{1002, "control frame is longer than 125 bytes"}
	errLength       = &CloseError{1002, "length is not in its shortest form"}
	errLengthBit    = &CloseError{1002, "length has its highest bit set"}
	errContinuation = &CloseError{1002, "continuation of no message"}
	errInterrupted  = &CloseError{1002, "message begins within another"}
	errTooLarge     = &CloseError{1009, "message is too large"}
	errText         = &CloseError{1007, "text is not UTF-8"}
	errDeflate      = &CloseError{1007, "compressed data is broken"}
	errCloseLength  = &CloseError{1002, "close frame has half a code"}
	errCloseCode    = &CloseError{1002, "close code is not allowed"}
	errCloseText    = &CloseError{1007, "close reason is not UTF-8"}
)

// NoCode is the code of a close frame that has none (RFC 6455, 7.4.1). It is
// never sent.
const NoCode = 1005

// ValidCloseCode says whether a close frame may carry code (RFC 6455, 7.4, and
// the codes that IANA registered since, up to 1014).
func ValidCloseCode(code uint16) bool {
	switch {
	case code < 1000 || code > 4999:
		return false
	case code >= 3000:
		return true
	}
	return code <= 1014 && code != 1004 && code != 1005 && code != 1006
}

// ParseClose reads the payload of a close frame (RFC 6455, 5.5.1). Reason is a
// part of payload and lives as long. The code is NoCode where there is none. An
// error is a *CloseError, with the code that the peer is owed.
func ParseClose(payload []byte) (code uint16, reason []byte, err error) {
	switch {
	case len(payload) == 0:
		return NoCode, nil, nil
	case len(payload) == 1:
		return 0, nil, errCloseLength
	}
	code, reason = binary.BigEndian.Uint16(payload), payload[2:]
	switch {
	case !ValidCloseCode(code):
		return 0, nil, errCloseCode
	case !utf8.Valid(reason):
		return 0, nil, errCloseText
	}
	return code, reason, nil
}

// AppendClose appends a server's close frame. A code that no frame may carry, such
// as 0 or NoCode, makes one without code or reason. In a reason that is not UTF-8
// what is wrong is replaced; one over 123 bytes is cut between two runes. The
// result is dst grown, as with append.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if !ValidCloseCode(code) {
		return AppendHeader(dst, OpClose, 0)
	}
	if !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason, string(utf8.RuneError))
	}
	if limit := maxControl - 2; len(reason) > limit {
		for limit > 0 && !utf8.RuneStart(reason[limit]) {
			limit--
		}
		reason = reason[:limit]
	}
	dst = AppendHeader(dst, OpClose, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, code), reason...)
}
