package rate

import (
	"math/rand/v2"
	"time"
)

// MaxRetryAfter is the longest time that RetryAfter gives.
const MaxRetryAfter = 5 * time.Minute

// RetryAfter gives the seconds of a Retry-After (RFC 9110, 10.2.3) to one that must
// wait: at least 1 and at most MaxRetryAfter, anywhere between wait and wait and
// spread, so that those refused together do not come back together.
func RetryAfter(wait, spread time.Duration) int {
	wait = min(max(wait, 0), MaxRetryAfter)
	spread = min(max(spread, 0), MaxRetryAfter-wait)
	wait += rand.N(spread + 1)
	return max(1, int((wait+time.Second-1)/time.Second))
}
