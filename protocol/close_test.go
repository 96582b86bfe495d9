package protocol

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// The codes of RFC 6455, 7.4, of the IANA registry, and of Autobahn's 7.7 and 7.9.
func TestValidCloseCode(t *testing.T) {
	valid := func(code int) bool {
		switch code {
		case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
			return true
		}
		return code >= 3000 && code <= 4999
	}
	for code := range 1 << 16 {
		if ValidCloseCode(uint16(code)) != valid(code) {
			t.Errorf("%d: %v", code, !valid(code))
		}
	}
}

func TestParseClose(t *testing.T) {
	for _, c := range []struct {
		rule, payload string
		code          uint16
		reason        string
		fault         uint16
	}{
		{"7.1.5 empty", "", NoCode, "", 0},
		{"5.5.1 half a code", "\x03", 0, "", 1002},
		{"7.4.1 1000", "\x03\xe8", 1000, "", 0},
		{"7.1.6 a reason", "\x03\xe8bye", 1000, "bye", 0},
		{"7.1.6 a reason with NUL", "\x03\xe8\x00", 1000, "\x00", 0},
		{"7.1.6 the longest reason", "\x03\xe8" + strings.Repeat("x", 123), 1000, strings.Repeat("x", 123), 0},
		{"7.1.6 a reason in UTF-8", "\x03\xe9κόσμε", 1001, "κόσμε", 0},
		{"8.1 a reason that is not UTF-8", "\x03\xe8\xff", 0, "", 1007},
		{"8.1 a reason with a surrogate", "\x03\xe8\xed\xa0\x80", 0, "", 1007},
		{"8.1 a reason cut in a rune", "\x03\xe8\xe2\x82", 0, "", 1007},
		{"7.4.1 a bad code before a bad reason", "\x03\xed\xff", 0, "", 1002},
		{"7.4.2 0", "\x00\x00", 0, "", 1002},
		{"7.4.2 999", "\x03\xe7", 0, "", 1002},
		{"7.4.1 1004", "\x03\xec", 0, "", 1002},
		{"7.4.1 1005", "\x03\xed", 0, "", 1002},
		{"7.4.1 1006", "\x03\xee", 0, "", 1002},
		{"7.4.1 1014", "\x03\xf6", 1014, "", 0},
		{"7.4.1 1015", "\x03\xf7", 0, "", 1002},
		{"7.4.2 1016", "\x03\xf8", 0, "", 1002},
		{"7.4.2 2999", "\x0b\xb7", 0, "", 1002},
		{"7.4.2 3000", "\x0b\xb8", 3000, "", 0},
		{"7.4.2 4000", "\x0f\xa0", 4000, "", 0},
		{"7.4.2 4999", "\x13\x87", 4999, "", 0},
		{"7.4.2 5000", "\x13\x88", 0, "", 1002},
		{"7.4.2 65535", "\xff\xff", 0, "", 1002},
	} {
		code, reason, err := ParseClose([]byte(c.payload))
		var ce *CloseError
		if errors.As(err, &ce) != (c.fault != 0) || ce != nil && (ce.Code != c.fault || ce.Error() != ce.Text || ce.Text == "") || code != c.code || string(reason) != c.reason {
			t.Errorf("%s: %d %q %v", c.rule, code, reason, err)
		}
	}
}

func TestAppendClose(t *testing.T) {
	a := strings.Repeat("a", 200)
	for _, c := range []struct {
		code   uint16
		reason string
		want   string
	}{
		{0, "x", "\x88\x00"}, {NoCode, "", "\x88\x00"}, {1006, "x", "\x88\x00"}, {1015, "x", "\x88\x00"}, {5000, "x", "\x88\x00"},
		{1000, "", "\x88\x02\x03\xe8"}, {4001, "no", "\x88\x04\x0f\xa1no"},
		{1000, a[:123], "\x88\x7d\x03\xe8" + a[:123]},
		{1000, a[:124], "\x88\x7d\x03\xe8" + a[:123]},
		{1000, a[:122] + "€", "\x88\x7c\x03\xe8" + a[:122]},
		{1000, a[:120] + "€", "\x88\x7d\x03\xe8" + a[:120] + "€"},
		{1000, a[:121] + "😀", "\x88\x7b\x03\xe8" + a[:121]},
		{1000, "a\xffb", "\x88\x07\x03\xe8a\uFFFDb"},
		{1000, strings.Repeat("\x80", 300), "\x88\x05\x03\xe8\uFFFD"},
	} {
		got := AppendClose([]byte("before"), c.code, c.reason)
		if string(got) != "before"+c.want {
			t.Errorf("%d %.10q: %q", c.code, c.reason, got)
		}
		payload := got[len("before")+2:]
		if _, reason, err := ParseClose(payload); err != nil || !utf8.Valid(reason) {
			t.Errorf("%d %.10q reads as %v", c.code, c.reason, err)
		}
	}
}

// The same value for every client: nothing is made when one misbehaves.
func TestCloseError_ReasonsFit(t *testing.T) {
	for _, e := range []*CloseError{errReserved, errOpcode, errNotMasked, errControlFin, errControlLong, errLength, errLengthBit,
		errContinuation, errInterrupted, errTooLarge, errText, errCloseLength, errCloseCode, errCloseText} {
		if !ValidCloseCode(e.Code) || len(e.Text) > 123 || e.Text == "" {
			t.Errorf("%d %q", e.Code, e.Text)
		}
	}
}
