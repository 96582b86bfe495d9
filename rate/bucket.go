package rate

import (
	"math"
	"math/bits"
	"time"
)

// A Bucket holds tokens: it is full at first, each Take takes some, and it fills
// again at a steady rate. 16 bytes; the zero value is full.
//
// Rate and burst are arguments, because thousands of buckets share them and a
// configuration may change them: a bucket then holds what it held, less what the
// burst has shrunk by.
//
// golang.org/x/time/rate v0.16.0 is made for those who wait: its Limiter has 80 bytes
// with its lock, its limit and its two times, and counts in floating point. It takes
// some ten times as long: see BenchmarkBucket_Take.
type Bucket struct {
	at   int64 // when used was right, in nanoseconds
	used int64 // tokens that are gone, in units of 1/unit: so time is exact
}

// A token has as many units as a second has nanoseconds: at a rate of r tokens a
// second, a nanosecond brings r units.
const unit = int64(time.Second)

const (
	// MaxBurst is the most tokens that a Bucket holds: more do not fit its counter.
	MaxBurst = 1 << 32
	// Never is how long to wait for what no waiting brings.
	Never = time.Duration(math.MaxInt64)
)

// Take takes n tokens, or none if there are fewer; wait is then the time after which
// there will be n, if nobody takes any. It is Never where n is above burst, or rate is
// 0 or less.
//
// now is in nanoseconds, from any beginning that stays: it may come from a coarse
// clock, and a time before the last one counts as that. Rate is in tokens a second.
// Burst is at most MaxBurst and n is not negative; beyond that they count as if they
// were.
func (b *Bucket) Take(now int64, n, rate, burst int) (ok bool, wait time.Duration) {
	b.fill(now, rate)
	full := int64(min(max(burst, 0), MaxBurst)) * unit
	// A burst that has shrunk leaves less room, never a debt.
	b.used = min(b.used, full)
	if n = max(n, 0); n > MaxBurst || int64(n)*unit > full {
		return false, Never
	}
	used := b.used + int64(n)*unit // less than 2^63: both are at most MaxBurst
	if used <= full {
		b.used = used
		return true, 0
	}
	if rate <= 0 {
		return false, Never
	}
	short := used - full
	return false, time.Duration((short-1)/int64(rate) + 1)
}

// fill puts in what has come since the last time.
func (b *Bucket) fill(now int64, rate int) {
	if now <= b.at {
		return
	}
	high, low := bits.Mul64(uint64(now-b.at), uint64(max(rate, 0)))
	b.at = now
	if high > 0 || low >= uint64(b.used) {
		b.used = 0
		return
	}
	b.used -= int64(low)
}
