package main

import (
	"fmt"
	"slices"
)

// wait is a question whose answer is printed when all sidecars fulfil it, or its time is over.
type wait struct {
	revision      int64 // 0: every stream up to date
	since, endsAt int64
	asOf          int // acks before this one are known
	times         map[*sidecar]int64
}

func (l *loop) do(c command) {
	l.now = monotonic()
	if c.SinceNs == 0 {
		c.SinceNs = l.now
	}
	if c.WithinMs == 0 {
		c.WithinMs = 120_000
	}
	w := &wait{revision: c.Revision, since: c.SinceNs, endsAt: l.now + c.WithinMs*1e6}
	switch c.Do {
	case "connect":
		for i := range c.Sidecars {
			s := newSidecar(l, len(l.sidecars))
			l.sidecars = append(l.sidecars, s)
			s.later(c.RampMs*1e6*int64(i)/int64(c.Sidecars), timerConnect)
		}
		l.waits = append(l.waits, w)
	case "settle":
		l.waits = append(l.waits, w)
	case "mark":
		l.acks = l.acks[:0]
	case "expect":
		w.times = map[*sidecar]int64{}
		l.waits = append(l.waits, w)
	case "drop":
		for _, s := range l.sidecars {
			if s.state != away {
				s.close()
				s.failures = 0
				s.again()
			}
		}
	case "stats":
		l.printStats()
	default:
		fail(fmt.Errorf("no command %q", c.Do))
	}
}

// lookEveryNs is how often it is looked whether a wait is over: the times it tells were taken when things happened.
const lookEveryNs = 10e6

func (l *loop) checkWaits() {
	if len(l.waits) == 0 || l.now-l.lookedAt < lookEveryNs {
		return
	}
	l.lookedAt = l.now
	l.waits = slices.DeleteFunc(l.waits, func(w *wait) bool {
		times := w.look(l)
		if len(times) < len(l.sidecars) && l.now < w.endsAt {
			return false
		}
		event := "settled"
		if w.revision > 0 {
			event = "applied"
		}
		slices.Sort(times)
		print(map[string]any{
			"event": event, "sidecars": len(l.sidecars), "missing": len(l.sidecars) - len(times),
			"p50Ms": quantile(times, .5), "p99Ms": quantile(times, .99), "maxMs": quantile(times, 1),
		})
		return true
	})
}

// look finds the sidecars that fulfil it, as times since the mark.
func (w *wait) look(l *loop) (times []int64) {
	if w.revision == 0 {
		for _, s := range l.sidecars {
			if s.confirmedAt > w.since {
				times = append(times, s.confirmedAt-w.since)
			}
		}
		return times
	}
	for _, a := range l.acks[min(w.asOf, len(l.acks)):] {
		if _, seen := w.times[a.of]; !seen && a.revision >= w.revision {
			w.times[a.of] = a.at
		}
	}
	w.asOf = len(l.acks)
	if len(w.times) < len(l.sidecars) && l.now < w.endsAt {
		return nil
	}
	for _, at := range w.times {
		times = append(times, at-w.since)
	}
	return times
}

func quantile(sorted []int64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]) / 1e6
}

func (l *loop) printStats() {
	opened, current := 0, 0
	for _, s := range l.sidecars {
		if s.state == open {
			opened++
		}
		if s.confirmedAt != 0 {
			current++
		}
	}
	st := &l.stats
	print(map[string]any{
		"event": "stats", "open": opened, "current": current, "attempts": st.Attempts, "failures": st.Failures, "ended": st.Ended,
		"snapshots": st.Snapshots, "snapshotBytes": st.SnapshotBytes, "labels": st.Labels, "heartbeats": st.Heartbeats, "acks": st.Acks,
		"nacks": st.Nacks, "reports": st.Reports, "reportFailures": st.ReportFailures, "reportsLate": st.ReportsLate,
		"reportP50Ms": float64(st.latency.Quantile(.5)) / 1e6, "reportP99Ms": float64(st.latency.Quantile(.99)) / 1e6,
		"problems": st.Problems,
	})
}
