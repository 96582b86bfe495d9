package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// acceptGUID is RFC 6455, section 1.3.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// maxAnswer bounds the header block of an upgrade's answer.
const maxAnswer = 16 << 10

const (
	keySize    = 24 // base64 of 16 bytes
	acceptSize = 28 // base64 of a SHA-1 sum
)

// upgrader writes requests and judges answers. The key of the i-th attempt
// follows from i, so that none has to be kept.
type upgrader struct {
	head   []byte // up to the key
	header func(int) string
	salt   uint64
}

func newUpgrader(t target, header func(int) string, salt uint64) *upgrader {
	head := "GET " + t.path + " HTTP/1.1\r\nHost: " + t.host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
	return &upgrader{head: []byte(head), header: header, salt: salt}
}

func (u *upgrader) key(i uint32) (k [keySize]byte) {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], u.salt)
	// Multiplying by an odd number keeps keys apart and spreads their bits.
	binary.LittleEndian.PutUint64(raw[8:], (uint64(i)+u.salt)*0x9e3779b97f4a7c15)
	base64.StdEncoding.Encode(k[:], raw[:])
	return k
}

// appendRequest appends the i-th attempt's request.
func (u *upgrader) appendRequest(dst []byte, i uint32) []byte {
	key := u.key(i)
	dst = append(dst, u.head...)
	dst = append(dst, key[:]...)
	dst = append(dst, "\r\n"...)
	if u.header != nil {
		dst = append(dst, u.header(int(i))...)
	}
	return append(dst, "\r\n"...)
}

// accept is the Sec-WebSocket-Accept that answers a key.
func accept(key [keySize]byte) (a [acceptSize]byte) {
	var text [keySize + len(acceptGUID)]byte
	copy(text[:], key[:])
	copy(text[keySize:], acceptGUID)
	sum := sha1.Sum(text[:])
	base64.StdEncoding.Encode(a[:], sum[:])
	return a
}

var (
	errAnswerLong = errors.New("a header block over 16 KiB")
	errNotAnswer  = errors.New("not an answer of HTTP")
	errNoUpgrade  = errors.New("a 101 without Upgrade: websocket and Connection: Upgrade")
	errAccept     = errors.New("a wrong Sec-WebSocket-Accept")
)

// answer judges what came back on the i-th attempt; b is neither kept nor
// changed. done is false while the header block is not whole; rest is what
// follows it, and is part of b.
func (u *upgrader) answer(b []byte, i uint32) (rest []byte, done bool, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxAnswer {
			return nil, true, errAnswerLong
		}
		return nil, false, nil
	}
	rest = b[end+4:]
	status, lines, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 ")) {
		return nil, true, errNotAnswer
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return nil, true, refusal(status[len("HTTP/1.1 "):], rest)
	}
	key := u.key(i)
	want := accept(key)
	var upgrade, connection, accepted bool
	for line := range bytes.Lines(lines) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case foldEqual(name, "upgrade"):
			upgrade = foldEqual(value, "websocket")
		case foldEqual(name, "connection"):
			connection = foldContains(value, "upgrade")
		case foldEqual(name, "sec-websocket-accept"):
			accepted = bytes.Equal(value, want[:])
		}
	}
	switch {
	case !upgrade || !connection:
		return nil, true, errNoUpgrade
	case !accepted:
		return nil, true, errAccept
	}
	return rest, true, nil
}

// refusal words an answer other than 101: its status, and how its body begins,
// as far as that came along.
func refusal(status, body []byte) error {
	first, _, _ := strings.Cut(string(body[:min(len(body), 200)]), "\n")
	if first = strings.TrimSpace(strings.ToValidUTF8(first, "")); first != "" {
		return fmt.Errorf("%s: %s", status, first)
	}
	return fmt.Errorf("%s", status)
}

func foldEqual(b []byte, lower string) bool {
	return len(b) == len(lower) && foldContains(b, lower)
}

// foldContains is without regard to case; lower is ASCII in lower case.
func foldContains(b []byte, lower string) bool {
	for ; len(b) >= len(lower); b = b[1:] {
		i := 0
		for i < len(lower) && (b[i] == lower[i] || b[i]|0x20 == lower[i] && b[i] >= 'A' && b[i] <= 'Z') {
			i++
		}
		if i == len(lower) {
			return true
		}
	}
	return false
}
