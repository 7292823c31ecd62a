package main

import (
	"encoding/binary"
	"math"
	"time"

	"contender.dev/bench/load/internal/wire"
)

func (s *sidecar) reportEvery() time.Duration {
	if s.loop.reportNs > 0 {
		return time.Duration(s.loop.reportNs)
	}
	return time.Duration(s.reportNs)
}

// sendReport starts a report, unless the last one is still under way.
func (s *sidecar) sendReport() {
	s.later(int64(s.reportEvery()), timerReport)
	if s.report != 0 || s.credit < 4<<10 {
		s.stats.ReportsLate++
		return
	}
	s.sequence++
	s.report, s.reportAt = s.nextStream, s.now
	s.nextStream += 2
	block := s.header.report
	if !s.reported {
		block, s.reported = s.header.firstReport, true
	}
	s.call(s.report, block)
	at := s.head(s.report, wire.FlagEndStream)
	s.out = appendReport(s.out, s, time.Now().UnixNano())
	s.body(at)
	s.flush()
}

func (s *sidecar) endReport(good bool) {
	s.report = 0
	got := s.answer
	s.answer = nil
	if !good || len(got) < 5 {
		s.stats.ReportFailures++
		return
	}
	s.stats.Reports++
	s.stats.latency.Record(s.now - s.reportAt)
	ns, err := readReportAnswer(got[5:])
	if err != nil {
		s.problem("report answer")
	} else if ns > 0 {
		s.reportNs = ns
	}
}

// readReportAnswer tells when the next report is wanted; 0 where it does not say.
func readReportAnswer(b []byte) (ns int64, err error) {
	err = eachField(b, func(field int, _ uint64, body []byte) (err error) {
		if field == 1 {
			ns, err = duration(body)
		}
		return err
	})
	return ns, err
}

var (
	latencyBounds = []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	scoreBounds   = []float64{.05, .1, .2, .3, .4, .5, .6, .7, .8, .9, .95}
	routeNames    = []string{"fraud-scores", "chargebacks"}
	variantNames  = []string{"v41", "v42"}
)

// appendReport appends a ReportRequest as a sidecar with two routes of two variants sends it, each variant with keyed and unkeyed
// calls: its counts grow with the sequence.
func appendReport(b []byte, s *sidecar, at int64) []byte {
	return appendFramed(b, func(b []byte) []byte {
		b = appendText(b, 1, s.instance)
		b = appendTime(b, 2, s.startedAt)
		b = appendUint(b, 3, s.sequence)
		b = appendTime(b, 4, at)
		for _, bounds := range [][]float64{latencyBounds, scoreBounds} {
			b = appendMessage(b, 6, func(b []byte) []byte {
				return appendMessage(b, 1, func(b []byte) []byte {
					for _, v := range bounds {
						b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
					}
					return b
				})
			})
		}
		for _, route := range routeNames {
			for i, variant := range variantNames {
				for keyed := range uint64(2) {
					calls := s.sequence * uint64(4000-1700*i) >> (2 * (1 - keyed))
					b = appendMessage(b, 7, func(b []byte) []byte { return appendSeries(b, route, variant, s.version, keyed, calls) })
				}
			}
		}
		return appendText(appendText(b, 8, "fraud"), 9, "scorer")
	})
}

func appendSeries(b []byte, route, variant, version string, keyed, calls uint64) []byte {
	b = appendText(b, 1, route)
	b = appendText(b, 2, variant)
	b = appendText(b, 3, "live")
	b = appendText(b, 4, version)
	b = appendUint(b, 5, keyed)
	b = appendMessage(b, 6, func(b []byte) []byte { return appendUint(b, 2, calls) })
	if failed := calls / 1000; failed > 0 {
		b = appendMessage(b, 6, func(b []byte) []byte { return appendUint(appendUint(b, 1, 14), 2, failed) })
	}
	b = appendHistogram(b, 7, 0, len(latencyBounds)+1, calls)
	return appendHistogram(b, 8, 1, len(scoreBounds)+1, calls)
}

func appendHistogram(b []byte, field, bounds, buckets int, calls uint64) []byte {
	return appendMessage(b, field, func(b []byte) []byte {
		b = appendUint(b, 1, uint64(bounds))
		b = appendMessage(b, 2, func(b []byte) []byte {
			for i := range buckets {
				b = binary.AppendUvarint(b, calls>>min(i, buckets-i))
			}
			return b
		})
		return appendDouble(b, 3, float64(calls)*.0125)
	})
}
