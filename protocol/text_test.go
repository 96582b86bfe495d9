package protocol

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The texts of Autobahn's section 6, and the bounds of each form of RFC 3629. All
// are read in every way, in one frame and in one fragment for each byte.
func TestReader_Next_Text(t *testing.T) {
	kosme := "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	for _, c := range []struct {
		rule, text string
		ok         bool
	}{
		{"6.2 valid", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", true},
		{"6.3 invalid", kosme + "\xed\xa0\x80edited", false},
		{"6.4 past the last rune", kosme + "\xf4\x90\x80\x80edited", false},
		{"6.5 all of a word", kosme, true},
		{"6.5 a word cut in a rune", kosme[:3], false},
		{"6.6 one byte of two", "\xce", false},
		{"6.6 two of three", "\xce\xba\xe1\xbd", false},
		{"6.7 U+0000", "\x00", true},
		{"6.7 U+0080", "\xc2\x80", true},
		{"6.7 U+0800", "\xe0\xa0\x80", true},
		{"6.7 U+10000", "\xf0\x90\x80\x80", true},
		{"6.8 five bytes", "\xf8\x88\x80\x80\x80", false},
		{"6.8 six bytes", "\xfc\x84\x80\x80\x80\x80", false},
		{"6.9 U+007F", "\x7f", true},
		{"6.9 U+07FF", "\xdf\xbf", true},
		{"6.9 U+FFFF", "\xef\xbf\xbf", true},
		{"6.9 U+10FFFF", "\xf4\x8f\xbf\xbf", true},
		{"6.10 U+1FFFFF", "\xf7\xbf\xbf\xbf", false},
		{"6.10 five bytes, all ones", "\xfb\xbf\xbf\xbf\xbf", false},
		{"6.10 six bytes, all ones", "\xfd\xbf\xbf\xbf\xbf\xbf", false},
		{"6.11 before the surrogates", "\xed\x9f\xbf", true},
		{"6.11 after the surrogates", "\xee\x80\x80", true},
		{"6.11 U+FFFD", "\xef\xbf\xbd", true},
		{"6.11 U+110000", "\xf4\x90\x80\x80", false},
		{"6.12 a continuation byte", "\x80", false},
		{"6.12 the last continuation byte", "\xbf", false},
		{"6.12 two of them", "\x80\xbf", false},
		{"6.12 seven of them", "\x80\xbf\x80\xbf\x80\xbf\x80", false},
		{"6.13 lonely first bytes of two", "\xc2 \xdf ", false},
		{"6.13 lonely first bytes of three", "\xe0 \xef ", false},
		{"6.13 lonely first bytes of four", "\xf0 \xf4 ", false},
		{"6.14 the last byte missing, of two", "\xdf", false},
		{"6.14 the last byte missing, of three", "\xef\xbf", false},
		{"6.14 the last byte missing, of four", "\xf4\x8f\xbf", false},
		{"6.15 all of these joined", "\xdf\xef\xbf\xf4\x8f\xbf", false},
		{"6.16 FE", "\xfe", false},
		{"6.16 FF", "\xff", false},
		{"6.17 overlong /, two bytes", "\xc0\xaf", false},
		{"6.17 overlong /, three bytes", "\xe0\x80\xaf", false},
		{"6.17 overlong /, four bytes", "\xf0\x80\x80\xaf", false},
		{"6.18 overlong U+007F", "\xc1\xbf", false},
		{"6.18 overlong U+07FF", "\xe0\x9f\xbf", false},
		{"6.18 overlong U+FFFF", "\xf0\x8f\xbf\xbf", false},
		{"6.19 overlong NUL", "\xc0\x80", false},
		{"6.20 the first surrogate", "\xed\xa0\x80", false},
		{"6.20 the last surrogate", "\xed\xbf\xbf", false},
		{"6.21 a pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", false},
		{"6.22 U+FFFE", "\xef\xbf\xbe", true},
		{"6.22 U+1FFFF", "\xf0\x9f\xbf\xbf", true},
		{"6.23 specials", "\xef\xbf\xb9\xef\xbf\xbf", true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			want := "1:" + c.text
			if !c.ok {
				want = "1007"
			}
			if utf8.ValidString(c.text) != c.ok {
				t.Fatal("the row itself is wrong")
			}
			everyWay(t, 70000, frame(text, c.text), want)
			for cut := range len(c.text) + 1 {
				everyWay(t, 70000, frame(textPart, c.text[:cut])+frame(cont, c.text[cut:]), want)
			}
			fragments := frame(textPart, "")
			for _, b := range bytewise(c.text) {
				fragments += frame(contPart, b)
			}
			everyWay(t, 70000, fragments+frame(cont, ""), want)
			// Behind so much that it lies across bytes checked before.
			pad := strings.Repeat("ä", 100)
			if c.ok {
				want = "1:" + pad + c.text
			}
			everyWay(t, 70000, frame(text, pad+c.text), want)
		})
	}
}

// Every rune, cut within.
func TestValidPrefix_EveryRune(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		b := append([]byte("a"), string(r)...)
		for cut := 1; cut <= len(b); cut++ {
			n, ok := validPrefix(b[:cut])
			if want := 1; !ok || cut < len(b) && n != want || cut == len(b) && n != len(b) {
				t.Fatalf("%U cut at %d: %d, %v", r, cut, n, ok)
			}
		}
	}
}

// Every three bytes: a prefix is refused exactly where no text begins with it.
func TestValidPrefix_EveryThreeBytes(t *testing.T) {
	// What may follow, so that each valid beginning has an end.
	ends := []string{"", "\x80", "\x80\x80", "\x80\x80\x80", "\xbf", "\xbf\xbf", "\xbf\xbf\xbf", "\x90\x80\x80", "\x90\x80", "\xa0\x80", "\x8f\xbf\xbf", "\x9f\xbf"}
	step := 1
	if testing.Short() {
		step = 7
	}
	for v := 0; v < 1<<24; v += step {
		b := []byte{byte(v >> 16), byte(v >> 8), byte(v)}
		if b[0] < 0x80 && b[0] != 'a' || b[1] < 0x80 && b[1] != 'a' || b[2] < 0x80 && b[2] != 'a' {
			continue // one byte of ASCII is like another
		}
		possible := false
		for _, end := range ends {
			if utf8.Valid(append(b[:3:3], end...)) {
				possible = true
				break
			}
		}
		if n, ok := validPrefix(b); ok != possible || ok && !utf8.Valid(b[:n]) {
			t.Fatalf("%x: %d, %v; expected %v", b, n, ok, possible)
		}
	}
}
