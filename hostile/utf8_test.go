package hostile

import (
	"strings"
	"testing"
)

// kosme is Autobahn's word.
const kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

const noText = "close 1007"

// texts are those of Autobahn's section 6; good ones must come back.
var texts = []struct {
	name, text string
	good       bool
}{
	{"6.1.1 nothing", "", true},
	{"6.2.1 valid", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", true},
	{"6.3.1 a surrogate within", kosme + "\xed\xa0\x80edited", false},
	{"6.4.1 past the last rune", kosme + "\xf4\x90\x80\x80edited", false},
	{"6.5.5 a word", kosme, true},
	{"6.6.1 one byte of two", "\xce", false},
	{"6.6.3 a rune and one byte of three", "\xce\xba\xe1", false},
	{"6.6.4 two bytes of three", "\xce\xba\xe1\xbd", false},
	{"6.6.10 one byte of the last rune", kosme[:len(kosme)-1], false},
	{"6.7.1 U+0000", "\x00", true},
	{"6.7.4 U+10000", "\xf0\x90\x80\x80", true},
	{"6.8.1 five bytes", "\xf8\x88\x80\x80\x80", false},
	{"6.8.2 six bytes", "\xfc\x84\x80\x80\x80\x80", false},
	{"6.9.3 U+FFFF", "\xef\xbf\xbf", true},
	{"6.9.4 U+10FFFF", "\xf4\x8f\xbf\xbf", true},
	{"6.10.1 U+1FFFFF", "\xf7\xbf\xbf\xbf", false},
	{"6.10.3 six bytes, all ones", "\xfd\xbf\xbf\xbf\xbf\xbf", false},
	{"6.11.5 U+110000", "\xf4\x90\x80\x80", false},
	{"6.12.1 a continuation byte", "\x80", false},
	{"6.12.8 all continuation bytes", continuations(), false},
	{"6.13.1 lonely first bytes of two", lonely(0xc0, 0xde), false},
	{"6.13.3 lonely first bytes of four", lonely(0xf0, 0xf6), false},
	{"6.14.3 the last byte of four missing", "\xf0\x80\x80", false},
	{"such joined, as in 6.15.1", "\xc0\xe0\x80\xf0\x80\x80", false},
	{"6.16.1 FE", "\xfe", false},
	{"6.16.2 FF", "\xff", false},
	{"6.16.3 both", "\xfe\xfe\xff\xff", false},
	{"6.17.1 an overlong slash of two bytes", "\xc0\xaf", false},
	{"6.17.3 one of four", "\xf0\x80\x80\xaf", false},
	{"6.17.5 one of six", "\xfc\x80\x80\x80\x80\xaf", false},
	{"6.18.3 overlong U+FFFF", "\xf0\x8f\xbf\xbf", false},
	{"6.19.1 an overlong zero", "\xc0\x80", false},
	{"6.20.1 the first surrogate", "\xed\xa0\x80", false},
	{"6.20.7 the last surrogate", "\xed\xbf\xbf", false},
	{"6.21.1 a pair of surrogates", "\xed\xa0\x80\xed\xb0\x80", false},
	{"6.22.1 U+FFFE", "\xef\xbf\xbe", true},
	{"6.22.34 U+10FFFF", "\xf4\x8f\xbf\xbf", true},
	{"6.23.1 U+FFF9", "\xef\xbf\xb9", true},
	{"a mark of the byte order", "\xef\xbb\xbfx", true},
	{"a good text with one bad byte at 60,000", strings.Repeat("é", 30_000) + "\xff" + stars(1000), false},
}

// lonely is first bytes without those that must follow.
func lonely(from, to byte) string {
	var b []byte
	for c := from; c <= to; c++ {
		b = append(b, c, ' ')
	}
	return string(b)
}

func continuations() string {
	var b []byte
	for c := byte(0x80); c < 0xbf; c++ {
		b = append(b, c)
	}
	return string(b)
}

// Each text comes in one frame, in two fragments cut in every place of the short
// ones, and in fragments of one byte.
func TestHostile_UTF8(t *testing.T) {
	var all []attack
	for _, row := range texts {
		want := noText
		if row.good {
			want = echoed(row.text)
		}
		all = append(all, attack{name: row.name, want: want, run: func(s *server) string {
			got := frames(frame(text, row.text))(s)
			for at := range min(len(row.text), 12) {
				if cut := frames(frame(textPart, row.text[:at]), frame(cont, row.text[at:]))(s); cut != got {
					return got + ", but cut at " + row.text[:at] + " " + cut
				}
			}
			if cut := frames(chopped(textPart, row.text, 1))(s); cut != got {
				return got + ", but in fragments " + cut
			}
			return got
		}})
	}
	s := start(t, 0, "--auth", "none")
	s.suffer(t, all)
	s.suffer(t, early)
}

// early are texts whose fault must be told before they end (Autobahn's 6.4).
var early = []attack{
	{name: "6.4.2 the fault is in the first fragment", run: rude(frame(textPart, kosme+"\xf4\x90\x80\x80")), want: noText},
	{name: "6.4.3 the fault is in a torn frame", run: rude(frame(text, kosme+"\xf4\x90\x80\x80edited")[:6+len(kosme)+4]), want: noText},
	{name: "6.4.4 the first byte that cannot be", run: rude(frame(text, kosme+"\xf4\x90edited")[:6+len(kosme)+2]), want: noText},
	{name: "a fault behind a ping within", run: rude(frame(textPart, "\xce"), frame(ping, "p"), frame(contPart, "\xce")), want: "pong:p " + noText},
	{name: "a rune that ends with the message", run: frames(frame(textPart, "\xf0\x90\x80"), frame(contPart, ""), frame(cont, "")), want: noText},
	{name: "text that is none in a binary message", run: frames(frame(bin, "\xff\xfe")), want: binEchoed("\xff\xfe")},
}
