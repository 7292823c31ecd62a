package wire

import "math/bits"

// subBits gives 64 buckets per power of two: a reading is at most 1.6 % off.
const subBits = 6

// Histogram counts durations in nanoseconds in buckets of constant relative width, with no memory per reading.
type Histogram struct {
	counts [64 << subBits]uint64
	Count  uint64
	Max    uint64
	Sum    uint64
}

func bucketOf(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift) - 1<<subBits
}

func upperEdge(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	return (uint64(bucket&(1<<subBits-1))+1<<subBits+1)<<shift - 1
}

// Record counts one duration in nanoseconds; negative ones count as zero.
func (h *Histogram) Record(ns int64) {
	v := uint64(max(ns, 0))
	h.counts[bucketOf(v)]++
	h.Count++
	h.Sum += v
	h.Max = max(h.Max, v)
}

// Add merges another histogram into this one.
func (h *Histogram) Add(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.Count += o.Count
	h.Sum += o.Sum
	h.Max = max(h.Max, o.Max)
}

// Quantile is the upper edge, in nanoseconds, of the bucket that holds the q-th part of the readings; 0 without any.
func (h *Histogram) Quantile(q float64) uint64 {
	if h.Count == 0 {
		return 0
	}
	rank := uint64(q * float64(h.Count))
	rank = min(rank, h.Count-1)
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen > rank {
			return min(upperEdge(i), h.Max)
		}
	}
	return h.Max
}
