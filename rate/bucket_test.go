package rate

import (
	"math"
	"math/big"
	"testing"
	"time"
	"unsafe"

	library "golang.org/x/time/rate"
	"pgregory.net/rapid"
)

func TestBucket_Size(t *testing.T) {
	if n := unsafe.Sizeof(Bucket{}); n != 16 {
		t.Errorf("a Bucket has %d bytes", n)
	}
	if n := unsafe.Sizeof(library.Limiter{}); n != 80 {
		t.Errorf("the library's has %d bytes: correct the comment of Bucket", n)
	}
}

func TestBucket_Take(t *testing.T) {
	var b Bucket
	at := func(now time.Duration, n int, want bool, wantWait time.Duration) {
		t.Helper()
		if ok, wait := b.Take(int64(now), n, 10, 3); ok != want || wait != wantWait {
			t.Errorf("%d at %v: %v, wait %v; expected %v, %v", n, now, ok, wait, want, wantWait)
		}
	}
	at(time.Hour, 2, true, 0)
	at(time.Hour, 2, false, 100*time.Millisecond)
	at(time.Hour, 1, true, 0)
	at(time.Hour, 1, false, 100*time.Millisecond)
	at(time.Hour, 0, true, 0)
	at(time.Hour+30*time.Millisecond, 1, false, 70*time.Millisecond)
	at(time.Hour+100*time.Millisecond-1, 1, false, 1)
	at(time.Hour+100*time.Millisecond, 1, true, 0)
	at(time.Minute, 1, false, 100*time.Millisecond) // the clock went back: no time went by
	at(time.Hour+100*time.Millisecond, 3, false, 300*time.Millisecond)
	at(time.Hour+100*time.Millisecond, 4, false, Never)
	at(2*time.Hour, 4, false, Never)
	at(2*time.Hour, 3, true, 0)
	at(2*time.Hour, -1, true, 0)
	at(math.MaxInt64, 3, true, 0)
}

func TestBucket_Take_Edges(t *testing.T) {
	for name, c := range map[string]struct {
		n, rate, burst int
		ok             bool
		wait           time.Duration // of a second Take at the same time
	}{
		"no rate":            {1, 0, 1, true, Never},
		"negative rate":      {1, -1, 1, true, Never},
		"no burst":           {1, 1, 0, false, Never},
		"negative burst":     {1, 1, -1, false, Never},
		"nothing of nothing": {0, 0, 0, true, 0},
		"a token a second":   {1, 1, 1, true, time.Second},
		"fast":               {1, math.MaxInt, 1, true, 1},
		"the most":           {MaxBurst, 1, MaxBurst, true, MaxBurst * time.Second},
		"more than the most": {MaxBurst + 1, 1, math.MaxInt, false, Never},
		"far more":           {math.MaxInt, math.MaxInt, math.MaxInt, false, Never},
		"a third":            {1, 3, 1, true, 333333334},
	} {
		var b Bucket
		if ok, _ := b.Take(0, c.n, c.rate, c.burst); ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		}
		if _, wait := b.Take(0, c.n, c.rate, c.burst); wait != c.wait {
			t.Errorf("%s: wait %v, expected %v", name, wait, c.wait)
		}
	}
}

// A new configuration: a burst that shrinks takes away what is above it, but leaves
// no debt, and one that grows gives room but no tokens.
func TestBucket_Take_NewBurst(t *testing.T) {
	var b Bucket
	b.Take(0, 90, 1, 100)
	if ok, wait := b.Take(0, 1, 1, 10); ok || wait != time.Second {
		t.Errorf("shrunk to 10, with 90 gone: %v, %v", ok, wait)
	}
	if ok, _ := b.Take(0, 90, 1, 100); !ok {
		t.Error("grown again: 10 are gone")
	}
	if ok, _ := b.Take(0, 1, 1, 100); ok {
		t.Error("there were more than the burst")
	}
}

// The bucket against whole numbers of any size.
func TestBucket_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.OneOf(rapid.IntRange(1, 1000), rapid.IntRange(1, math.MaxInt)).Draw(t, "rate")
		burst := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, MaxBurst)).Draw(t, "burst")
		second := big.NewInt(int64(time.Second))
		full := new(big.Int).Mul(big.NewInt(int64(burst)), second)
		have := new(big.Int).Set(full)
		var b Bucket
		now, last := int64(0), int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				step := rapid.OneOf(rapid.Int64Range(-100, 2e9), rapid.Int64Range(0, 1<<56)).Draw(t, "step")
				now = min(max(now, last-100)+step, math.MaxInt64-1<<57)
				now = max(now, 0)
			},
			"take": func(t *rapid.T) {
				n := rapid.IntRange(0, min(burst, 1<<rapid.IntRange(0, 32).Draw(t, "scale"))).Draw(t, "n")
				if now > last {
					came := new(big.Int).Mul(big.NewInt(now-last), big.NewInt(int64(rate)))
					if have.Add(have, came); have.Cmp(full) > 0 {
						have.Set(full)
					}
					last = now
				}
				need := new(big.Int).Mul(big.NewInt(int64(n)), second)
				want := need.Cmp(have) <= 0
				ok, wait := b.Take(now, n, rate, burst)
				if ok != want {
					t.Fatalf("%d at %d: %v; there are %v of %v", n, now, ok, have, need)
				}
				if ok {
					have.Sub(have, need)
					return
				}
				for d, want := range map[time.Duration]bool{wait: true, wait - 1: false} {
					later := b
					if ok, _ := later.Take(last+int64(d), n, rate, burst); ok != want {
						t.Fatalf("%d after %v, where %v was said: %v", n, d, wait, ok)
					}
				}
			},
		})
	})
}

func TestBucket_Take_Allocs(t *testing.T) {
	var b Bucket
	now := int64(0)
	if n := testing.AllocsPerRun(100, func() { now++; b.Take(now, 1, 1e6, 5) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBucket_Take(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		var bucket Bucket
		now := int64(0)
		for b.Loop() {
			now += 900
			bucket.Take(now, 1, 1e6, 100)
		}
	})
	b.Run("library", func(b *testing.B) {
		l := library.NewLimiter(1e6, 100)
		now := time.Unix(0, 0)
		for b.Loop() {
			now = now.Add(900)
			l.AllowN(now, 1)
		}
	})
}
