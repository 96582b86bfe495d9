package tlsrecord

import "encoding/binary"

// Types of records.
const (
	typeChange    = 20
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
)

const (
	headerLen = 5
	// MaxPlain is how much data a record can hold.
	MaxPlain = 1 << 14
	// MaxOverhead is how much longer a record is than its data: the header, the
	// explicit nonce of TLS 1.2 or the type of 1.3, and the tag.
	MaxOverhead = headerLen + 8 + 16
	// MaxRecord is the length of the longest record that is taken: RFC 8446, 5.2,
	// lets the padding make it 256 bytes longer than its data.
	MaxRecord = headerLen + MaxPlain + 256
)

// An Alert says what is wrong, in the words of RFC 8446, section 6.
type Alert uint8

const (
	alertCloseNotify       Alert = 0
	alertUnexpectedMessage Alert = 10
	alertBadRecordMAC      Alert = 20
	alertRecordOverflow    Alert = 22
	alertDecodeError       Alert = 50
	alertIllegalParameter  Alert = 47
	alertInternalError     Alert = 80
	alertUserCanceled      Alert = 90
	alertNoRenegotiation   Alert = 100
)

var alertWords = map[Alert]string{
	alertCloseNotify:       "close notify",
	alertUnexpectedMessage: "unexpected message",
	alertBadRecordMAC:      "bad record MAC",
	alertRecordOverflow:    "record overflow",
	alertDecodeError:       "decode error",
	alertIllegalParameter:  "illegal parameter",
	alertInternalError:     "internal error",
	alertUserCanceled:      "user canceled",
	alertNoRenegotiation:   "no renegotiation",
}

func (a Alert) Error() string { return "TLS: " + alertWords[a] }

// level is 1 for a warning, 2 where the connection ends by it.
func (a Alert) level() byte {
	switch a {
	case alertCloseNotify, alertUserCanceled, alertNoRenegotiation:
		return 1
	}
	return 2
}

// Refusal is the alert, in the clear, for who has not said anything and is not to.
var Refusal = AppendPlainAlert(nil, alertInternalError)

// AppendPlainAlert appends what tells, in the clear, of an error of Hello.
func AppendPlainAlert(dst []byte, err error) []byte {
	a, ok := err.(Alert)
	if !ok {
		a = alertInternalError
	}
	return append(dst, typeAlert, 3, 3, 0, 2, a.level(), byte(a))
}

// Begins says whether what a connection begins with, of which b is the first byte or
// more, can be TLS.
func Begins(b []byte) bool { return b[0] == typeHandshake }

// split says how long the record is that b begins with; 0: it is not whole. A header
// that cannot be one is an Alert as soon as it is there.
func split(b []byte) (int, error) {
	if len(b) < headerLen {
		return 0, nil
	}
	if b[0] < typeChange || b[0] > typeData || b[1] != 3 {
		return 0, alertUnexpectedMessage
	}
	n := headerLen + int(binary.BigEndian.Uint16(b[3:]))
	if n > MaxRecord {
		return 0, alertRecordOverflow
	}
	if len(b) < n {
		return 0, nil
	}
	return n, nil
}

const (
	// maxHello bounds a client's hello: those of browsers have some 2 KB, with tickets
	// and keys against quantum computers in them.
	maxHello = MaxPlain
	// maxHelloRecords is how many records it may come in.
	maxHelloRecords = 16
)

// Hello says whether b, what a client begins with, holds its whole first message: what a
// handshake can begin by. An Alert says that it never will.
func Hello(b []byte) (whole bool, err error) {
	need, have := 4, 0 // type and length of the message
	var head []byte
	for records := 0; len(b) >= headerLen; records++ {
		if records == maxHelloRecords {
			return false, alertInternalError // RFC 8446 sets no such bound
		}
		if b[0] != typeHandshake || b[1] != 3 {
			return false, alertUnexpectedMessage
		}
		n := int(binary.BigEndian.Uint16(b[3:]))
		switch {
		case n == 0:
			return false, alertUnexpectedMessage
		case n > MaxPlain:
			return false, alertRecordOverflow
		}
		b = b[headerLen:]
		part := b[:min(n, len(b))]
		have += len(part)
		if len(head) < 4 {
			head = append(head, part[:min(len(part), 4-len(head))]...)
			if len(head) > 0 && head[0] != 1 {
				return false, alertUnexpectedMessage
			}
			if len(head) == 4 {
				if need += int(head[1])<<16 | int(head[2])<<8 | int(head[3]); need > maxHello {
					return false, alertInternalError // nor this one
				}
			}
		}
		if len(head) == 4 && have >= need {
			return true, nil
		}
		b = b[len(part):]
	}
	return false, nil
}
