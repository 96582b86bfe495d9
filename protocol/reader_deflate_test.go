package protocol

import (
	"strings"
	"testing"
)

const (
	ztext     = text | rsv1
	ztextPart = textPart | rsv1
	zbin      = bin | rsv1
	zbinPart  = binPart | rsv1
)

// Where RSV1 may stand (RFC 7692, 6), and what of RFC 6455 is otherwise then.
func TestReader_Next_Compressed(t *testing.T) {
	x := strings.Repeat("x", 1<<16)
	for _, c := range []struct{ rule, in, want string }{
		{"a text message", frame(ztext, "a"), "1z:a"},
		{"a binary message", frame(zbin, "a"), "2z:a"},
		{"an empty payload", frame(ztext, ""), "1z:"},
		{"a long one", frame(zbin, x), "2z:" + x},
		{"one after the other, and plain ones", frame(ztext, "a") + frame(text, "b") + frame(zbin, "c") + frame(bin, "d"), "1z:a 1:b 2z:c 2:d"},
		{"fragments", frame(ztextPart, "a") + frame(contPart, "b") + frame(cont, "c"), "1z:abc"},
		{"fragments, all empty", frame(zbinPart, "") + frame(contPart, "") + frame(cont, ""), "2z:"},
		{"a plain message after fragments", frame(ztextPart, "a") + frame(cont, "b") + frame(text, "c") + frame(textPart, "d") + frame(cont, "e"), "1z:ab 1:c 1:de"},
		{"control frames between fragments", frame(ztextPart, "a") + frame(ping, "p") + frame(contPart, "b") + frame(pong, "") + frame(cont, "c"), "9:p 10: 1z:abc"},
		{"its bytes are no text", frame(ztext, "\xff\xe2"), "1z:\xff\xe2"},
		{"those of fragments neither", frame(ztextPart, "\xff") + frame(contPart, "\xe2") + frame(cont, "\x82"), "1z:\xff\xe2\x82"},
		{"a plain text after it is checked", frame(ztext, "\xff") + frame(text, "\xff"), "1z:\xff 1007"},
		{"plain fragments after it are checked", frame(ztextPart, "\xff") + frame(cont, "\xff") + frame(textPart, "\xff") + frame(cont, ""), "1z:\xff\xff 1007"},
		{"a plain message", frame(text, "a"), "1:a"},
		{"plain fragments", frame(textPart, "a") + frame(cont, "b"), "1:ab"},

		{"RSV1 on a ping", frame(ping|rsv1, ""), "1002"},
		{"RSV1 on a pong", frame(pong|rsv1, ""), "1002"},
		{"RSV1 on a close", frame(closing|rsv1, "\x03\xe8"), "1002"},
		{"RSV1 on a ping between fragments", frame(ztextPart, "a") + frame(ping|rsv1, ""), "1002"},
		{"RSV1 on a continuation", frame(ztextPart, "a") + frame(cont|rsv1, "b"), "1002"},
		{"RSV1 on a middle fragment", frame(ztextPart, "a") + frame(contPart|rsv1, "b"), "1002"},
		{"RSV1 on a continuation alone", frame(textPart, "a") + frame(cont|rsv1, "b"), "1002"},
		{"RSV1 on a continuation of nothing", frame(cont|rsv1, "b"), "1002"},
		{"RSV1 on an opcode that is reserved", frame(fin|3|rsv1, ""), "1002"},
		{"RSV2", frame(text|0x20, "a"), "1002"},
		{"RSV3", frame(text|0x10, "a"), "1002"},
		{"RSV1 and RSV2", frame(ztext|0x20, "a"), "1002"},
		{"RSV1 and RSV3", frame(zbin|0x10, "a"), "1002"},
		{"all three", frame(text|reserved, "a"), "1002"},
		{"a message within a compressed one", frame(ztextPart, "a") + frame(ztext, "b"), "1002"},
		{"a compressed message within a plain one", frame(textPart, "a") + frame(zbinPart, "b"), "1002"},
		{"without a mask", "\xc1\x01a", "1002"},
		{"a length that could be shorter", "\xc1\xfe\x00\x01" + string(key[:]) + "a", "1002"},
	} {
		t.Run(c.rule, func(t *testing.T) { everyWayOf(t, &Reader{Limit: 70000, Deflate: true}, c.in, c.want) })
	}
}

// Compressing makes longer what is random: a message of the limit must pass then,
// but no matter how it comes there is an end.
func TestReader_Next_CompressedLimit(t *testing.T) {
	const limit = 800
	most := limit + limit/8 + limit/64 + 64
	x := strings.Repeat("x", most+1)
	for _, c := range []struct{ in, want string }{
		{frame(zbin, x[:limit]), "2z:" + x[:limit]},
		{frame(zbin, x[:most]), "2z:" + x[:most]},
		{frame(zbin, x[:most+1]), "1009"},
		{frame(zbinPart, x[:limit]) + frame(cont, x[limit:most]), "2z:" + x[:most]},
		{frame(zbinPart, x[:limit]) + frame(cont, x[limit:]), "1009"},
		{frame(zbin, x[:most]) + frame(bin, x[:limit+1]), "2z:" + x[:most] + " 1009"},
		{frame(zbinPart, x[:most]) + frame(cont, "") + frame(binPart, x[:limit]) + frame(cont, "x"), "2z:" + x[:most] + " 1009"},
	} {
		everyWayOf(t, &Reader{Limit: limit, Deflate: true}, c.in, c.want)
	}
}

func TestReader_Reset_KeepsDeflate(t *testing.T) {
	r := &Reader{Limit: 100, Deflate: true}
	readAll(t, r, frame(ztextPart, "\xff"))
	r.Reset()
	if got := readAll(t, r, frame(text, "\xff")); got != "1007" {
		t.Errorf("plain text after half a compressed message: %q", got)
	}
	r.Reset()
	if got := readAll(t, r, frame(ztext, "a")); got != "1z:a" {
		t.Errorf("%q", got)
	}
	r.Deflate = false
	if got := readAll(t, r, frame(ztext, "a")); got != "1002" {
		t.Errorf("for a connection without: %q", got)
	}
}
