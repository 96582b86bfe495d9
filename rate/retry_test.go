package rate

import (
	"math"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		wait, spread time.Duration
		least, most  int
	}{
		"nothing":         {0, 0, 1, 1},
		"negative":        {-time.Hour, -time.Hour, 1, 1},
		"a little":        {time.Nanosecond, 0, 1, 1},
		"rounded up":      {1001 * time.Millisecond, 0, 2, 2},
		"spread":          {2 * time.Second, 5 * time.Second, 2, 7},
		"spread alone":    {0, 3 * time.Second, 1, 3},
		"the longest":     {MaxRetryAfter, time.Hour, 300, 300},
		"cut off":         {MaxRetryAfter - 2*time.Second, time.Hour, 298, 300},
		"never":           {Never, Never, 300, 300},
		"spread at most":  {0, math.MaxInt64, 1, 300},
		"wait, no spread": {10 * time.Second, 0, 10, 10},
	} {
		seen := map[int]bool{}
		for range 20_000 {
			n := RetryAfter(c.wait, c.spread)
			if n < c.least || n > c.most {
				t.Fatalf("%s: %d is not in %d to %d", name, n, c.least, c.most)
			}
			seen[n] = true
		}
		// That exactly wait comes is one nanosecond's chance, where there is a spread.
		for n := c.least + 1; n <= c.most; n++ {
			if !seen[n] {
				t.Errorf("%s: %d never came", name, n)
			}
		}
	}
}
