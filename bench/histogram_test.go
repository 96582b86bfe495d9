package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHistogram_Quantile_CloseToSorted(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var h histogram
		var all []int64
		for range 1 + random.IntN(5000) {
			v := random.Int64N(1 << (1 + random.IntN(40)))
			h.add(v)
			all = append(all, v)
		}
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(int(q*float64(len(all))+0.999999), 1)-1]
			got := int64(h.quantile(q))
			if got < want || float64(got) > float64(want)*1.016+1 {
				t.Errorf("quantile %g of %d: %d, sorted %d", q, len(all), got, want)
			}
		}
	}
	if (&histogram{}).latency() != nil {
		t.Error("a latency of nothing")
	}
}

func TestHistogram_Add_Extremes(t *testing.T) {
	var h histogram
	h.add(-5)
	h.add(1<<63 - 1)
	if h.quantile(0) != 0 || h.quantile(1) != 1<<63-1 {
		t.Errorf("%d, %d", h.quantile(0), h.quantile(1))
	}
	for b := range len(h.buckets) {
		if got := bucketOf(bucketTop(b)); got != b {
			t.Fatalf("the top of bucket %d falls into %d", b, got)
		}
	}
}
