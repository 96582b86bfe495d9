package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSize_Decode_Texts(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "65536": 65536, "64KiB": 65536, "64kib": 65536, "64 KiB": 65536, "1MiB": 1 << 20,
		"2GiB": 2 << 30, "1TiB": 1 << 40, "125B": 125, "9223372036854775807": math.MaxInt64, "007": 7,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestSize_Decode_Errors(t *testing.T) {
	for text, want := range map[string]string{
		"":                    `"" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"KiB":                 `"KiB" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"-1":                  `"-1" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"1.5MiB":              `"1.5MiB" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"0x10":                `"0x10" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"1e6":                 `"1e6" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		" 1":                  `" 1" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`,
		"64K":                 `"64K" has an unknown unit: 64KiB would be right`,
		"64KB":                `"64KB" has an unknown unit: 64KiB would be right`,
		"1m":                  `"1m" has an unknown unit: 1MiB would be right`,
		"1iB":                 `"1iB" has an unknown unit: B, KiB, MiB, GiB or TiB would be right`,
		"1KiBKiB":             `"1KiBKiB" has an unknown unit: 1KiB would be right`,
		"9223372036854775808": `"9223372036854775808" is too large`,
		"8388608TiB":          `"8388608TiB" is too large`,
	} {
		if got, err := parseSize(text); err == nil || err.Error() != want {
			t.Errorf("parseSize(%q) = %d, %v; want the error %s", text, got, err, want)
		}
	}
}

func FuzzSize_Decode(f *testing.F) {
	for _, s := range []string{"65536", "64KiB", "1 MiB", "64K", "-1", "", "9223372036854775807", "1TiB", "iB", "1\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseSize(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("parseSize(%q) = %d", s, n)
		}
		if again, err := parseSize(formatSize(n)); err != nil || again != n {
			t.Fatalf("%q is %d, written %s, read as %d, %v", s, n, formatSize(n), again, err)
		}
	})
}

func TestSpan_Decode_Texts(t *testing.T) {
	for text, want := range map[string]string{"25s": "25s", "1h": "1h", "90m": "1h30m", "60s": "1m", "1h0m5s": "1h0m5s", "500ms": "500ms", "0": "0s", "24h": "24h"} {
		var d span
		if err := d.decode(text); err != nil || d.String() != want {
			t.Errorf("%q is %v, %v; want %s", text, d.String(), err, want)
		}
		var again span
		if again.decode(d.String()) != nil || again != d {
			t.Errorf("%q is written %s and read as %v", text, d.String(), time.Duration(again))
		}
	}
	for text, want := range map[string]string{
		"25":       `"25" has no unit: 25s or 25ms would be right`,
		"":         `"" is not a duration: 500ms, 30s or 1h30m would be right`,
		"1d":       `"1d" is not a duration: 500ms, 30s or 1h30m would be right`,
		"soon":     `"soon" is not a duration: 500ms, 30s or 1h30m would be right`,
		"300000h1": `"300000h1" is not a duration: 500ms, 30s or 1h30m would be right`,
	} {
		if err := new(span).decode(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

func TestCount_Decode_Texts(t *testing.T) {
	for _, text := range []string{"", "x", "1.5", "+1", "1_000", "0x10", "1e3", "99999999999999999999", "-"} {
		if c := new(count); c.decode(text) == nil {
			t.Errorf("%q is %v", text, c)
		}
	}
	var c count
	if c.decode("-7") != nil || c != -7 {
		t.Errorf("-7 is %v", c) // so that its range is told
	}
}

func TestToggle_Decode_Texts(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "1": true, "YES": true, "on": true, "false": false, "0": false, "no": false, "Off": false} {
		v := toggle(!want)
		if v.decode(text) != nil || bool(v) != want {
			t.Errorf("%q is %v", text, v)
		}
	}
	for _, text := range []string{"", "maybe", "2", "tru"} {
		if new(toggle).decode(text) == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestList_Decode_Commas(t *testing.T) {
	var l list
	if l.decode("a, b") != nil || l.decode("c") != nil || l.String() != "a,b,c" {
		t.Errorf("a, b and c are %q", l)
	}
	for _, text := range []string{"", ",", "a,", "a,,b", " "} {
		if new(list).decode(text) == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// A secret must not come out by printing what holds it, in whatever way.
func TestSecret_String_Hidden(t *testing.T) {
	c := Config{JWTSecret: "hunter22", AdminSecret: "hunter22"}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", c.JWTSecret, "config", c)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%s %q", c.JWTSecret, c.JWTSecret), logged.String()} {
		if strings.Contains(text, "hunter22") {
			t.Errorf("it stands in %s", text)
		}
	}
	if secret("").String() != "" {
		t.Error("no secret looks like one")
	}
}
