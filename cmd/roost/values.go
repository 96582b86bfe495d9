package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// A value is what one setting may hold. All sources, the command line, the
// environment and the file, are read with the same decode, so that a text means
// the same wherever it stands.
type value interface {
	// decode sets the value from its text. The error says what the text is and
	// what would be right, without the setting's name.
	decode(text string) error
	// String is the text that decode would read again; a secret's is masked.
	String() string
}

// A number is a value that has a range.
type number interface {
	value
	int64() int64
	format(n int64) string
}

type (
	text   string        // any text
	secret string        // text that is never shown
	toggle bool          // true or false
	count  int64         // a whole number
	size   int64         // bytes
	span   time.Duration // a duration
	list   []string      // texts; each decode adds to it
)

// masked stands where a secret would.
const masked = "********"

// errEmpty: a text that is given and empty is a variable that was not set, and
// must not turn a check off in silence.
var errEmpty = errors.New("is empty: a text, or nothing at all, would be right")

func (t *text) decode(s string) error {
	if s == "" {
		return errEmpty
	}
	*t = text(s)
	return nil
}

func (t *text) String() string { return string(*t) }

func (s *secret) decode(v string) error {
	if v == "" {
		return errEmpty
	}
	*s = secret(v)
	return nil
}

// String hides the secret, so that printing a Config cannot give it away.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides the secret from %#v.
func (s secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the secret from JSON.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from logs.
func (s secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (t *toggle) decode(s string) error {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		*t = true
	case "false", "0", "no", "off":
		*t = false
	default:
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}

func (t *toggle) String() string { return strconv.FormatBool(bool(*t)) }

func (c *count) decode(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !digits(strings.TrimPrefix(s, "-")) {
		return fmt.Errorf("%q is not a number: a whole one such as 1000 would be right", s)
	}
	*c = count(n)
	return nil
}

func (c *count) String() string        { return c.format(int64(*c)) }
func (c *count) int64() int64          { return int64(*c) }
func (c *count) format(n int64) string { return strconv.FormatInt(n, 10) }

// The units of sizes, largest first.
var sizeUnits = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (z *size) decode(s string) error {
	n, err := parseSize(s)
	if err != nil {
		return err
	}
	*z = size(n)
	return nil
}

func (z *size) String() string        { return formatSize(int64(*z)) }
func (z *size) int64() int64          { return int64(*z) }
func (z *size) format(n int64) string { return formatSize(n) }

// parseSize reads a number of bytes: 65536, 64KiB, 1MiB. The unit's case does
// not matter.
func parseSize(s string) (int64, error) {
	digit := strings.TrimRight(s, "BKMGTbkmgtiI ")
	unit := strings.TrimLeft(s[len(digit):], " ")
	if !digits(digit) {
		return 0, fmt.Errorf("%q is not a size: bytes such as 65536, 64KiB or 1MiB would be right", s)
	}
	scale := int64(1)
	if unit != "" {
		scale = 0
		for _, u := range sizeUnits {
			if strings.EqualFold(unit, u.name) {
				scale = u.size
			}
		}
	}
	if scale == 0 {
		// K and KB may mean 1000 or 1024: to guess would be wrong for someone.
		if i := strings.IndexByte("KMGT", strings.ToUpper(unit)[0]); i >= 0 {
			return 0, fmt.Errorf("%q has an unknown unit: %s%ciB would be right", s, digit, "KMGT"[i])
		}
		return 0, fmt.Errorf("%q has an unknown unit: B, KiB, MiB, GiB or TiB would be right", s)
	}
	n, err := strconv.ParseInt(digit, 10, 64)
	if err != nil || n > math.MaxInt64/scale {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n * scale, nil
}

// formatSize writes n in the largest unit that divides it.
func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if u.size > 1 && n != 0 && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func (d *span) decode(s string) error {
	v, err := time.ParseDuration(s)
	switch {
	case err == nil:
		*d = span(v)
		return nil
	case digits(s):
		return fmt.Errorf("%q has no unit: %ss or %sms would be right", s, s, s)
	}
	return fmt.Errorf("%q is not a duration: 500ms, 30s or 1h30m would be right", s)
}

func (d *span) String() string        { return d.format(int64(*d)) }
func (d *span) int64() int64          { return int64(*d) }
func (d *span) format(n int64) string { return formatSpan(time.Duration(n)) }

// formatSpan is d as Go writes it, without the zeros at its end: 1h, not 1h0m0s.
func formatSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// decode adds the elements of s, which commas part. No element has a comma:
// neither an address nor an Origin can; in a pattern of rooms * stands for one.
func (l *list) decode(s string) error {
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e == "" {
			return errors.New("an element is empty: texts with commas between them would be right")
		}
		*l = append(*l, e)
	}
	return nil
}

func (l *list) String() string { return strings.Join(*l, ",") }

// digits says whether s is one or more of 0 to 9.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
