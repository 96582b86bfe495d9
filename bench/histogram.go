package bench

import (
	"math/bits"
	"time"
)

// fineBits is how many bits below a value's highest one choose its bucket, so
// that a bucket is at most 1/64 of its value wide.
const fineBits = 6

// histogram counts durations in buckets that widen with the value: what it
// answers is within 1.6 % of the truth, from a nanosecond to 292 years, in 30 KB.
type histogram struct {
	buckets [(64 - fineBits) << fineBits]uint64
	n       uint64
	max     int64
}

func (h *histogram) add(nanos int64) {
	nanos = max(nanos, 0)
	h.buckets[bucketOf(nanos)]++
	h.n++
	h.max = max(h.max, nanos)
}

func bucketOf(v int64) int {
	shift := max(bits.Len64(uint64(v))-1-fineBits, 0)
	return shift<<fineBits + int(v>>shift)
}

// bucketTop is the largest value that falls into a bucket.
func bucketTop(b int) int64 {
	shift := max(b>>fineBits-1, 0)
	return (int64(b-shift<<fineBits)+1)<<shift - 1
}

// quantile is the value that a share q of all values does not pass; 0 where there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.n)+0.999999), 1)
	for b, n := range h.buckets {
		if n >= rank {
			return time.Duration(min(bucketTop(b), h.max))
		}
		rank -= n
	}
	return time.Duration(h.max)
}

// latency is nil where nothing was counted.
func (h *histogram) latency() *Latency {
	if h.n == 0 {
		return nil
	}
	return &Latency{
		P50:  millis(h.quantile(0.50)),
		P90:  millis(h.quantile(0.90)),
		P99:  millis(h.quantile(0.99)),
		P999: millis(h.quantile(0.999)),
		Max:  millis(time.Duration(h.max)),
	}
}

func millis(d time.Duration) float64 { return round(d.Seconds()*1e3, 3) }
