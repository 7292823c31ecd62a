package wire

import (
	"math/rand"
	"sort"
	"testing"
)

func TestQuantilesAreWithinTwoPercentOfTheSortedReadings(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	var h Histogram
	var all []float64
	for range 200_000 {
		v := int64(r.ExpFloat64()*1e6) + int64(r.Intn(3))*int64(r.Intn(80_000_000))
		h.Record(v)
		all = append(all, float64(v))
	}
	sort.Float64s(all)
	for _, q := range []float64{0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		got := float64(h.Quantile(q))
		if got < want || got > want*1.02+1 {
			t.Errorf("q=%v: got %v, the sorted readings give %v", q, got, want)
		}
	}
}

func TestEveryValueLiesBelowItsBucketsUpperEdgeAndAboveThePreviousOne(t *testing.T) {
	for shift := range 62 {
		for _, v := range []uint64{1 << shift, 1<<shift + 1, 1<<(shift+1) - 1} {
			b := bucketOf(v)
			if v > upperEdge(b) || b > 0 && v <= upperEdge(b-1) {
				t.Fatalf("%d is in bucket %d, (%d, %d]", v, b, upperEdge(b-1), upperEdge(b))
			}
		}
	}
}
