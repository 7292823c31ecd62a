// Command load calls TensorFlow Serving's Predict over HTTP/2 with prior knowledge and checks every answer.
//
// Closed loop: -connections x -streams calls are always under way. Paced (-rate): calls start at fixed times whatever
// the answers do, and latency counts from the time a call was meant to start, so that a proxy that stalls cannot hide
// the calls that waited meanwhile (coordinated omission). Each call leaves in a write of its own, as from callers that
// know nothing of each other: with -batch, calls move in lockstep through all that lies behind, and a proxy's cost per
// call is that of a twenty-fifth of a read. Every call has its own user id, deadline, trace and request
// id. Progress and result are JSON lines on standard output; the exit code is 1 when any call failed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/wire"
)

const (
	// stallLimit is how long no call may end before the run is given up.
	stallLimit = 10 * time.Second
	// drainLimit is how long calls may take to end after the window.
	drainLimit = 5 * time.Second
)

type latency struct {
	P50  float64 `json:"p50Us"`
	P90  float64 `json:"p90Us"`
	P99  float64 `json:"p99Us"`
	P999 float64 `json:"p999Us"`
	Max  float64 `json:"maxUs"`
	Mean float64 `json:"meanUs"`
}

type result struct {
	Event         string           `json:"event"`
	Calls         int64            `json:"calls"`
	CallsEver     int64            `json:"callsEver"`
	Errors        int64            `json:"errors"`
	ErrorReasons  map[string]int64 `json:"errorReasons"`
	Seconds       float64          `json:"seconds"`
	PerSecond     float64          `json:"callsPerSecond"`
	Latency       latency          `json:"latency"`
	SendLagP99    float64          `json:"sendLagP99Us"`
	Versions      map[string]int64 `json:"versions"`
	Variants      map[string]int64 `json:"variants"`
	UsersSeen     int              `json:"usersSeen"`
	UsersUnsticky int              `json:"usersUnsticky"`
	RequestBytes  int              `json:"requestBytes"`
	AnswerBytes   int              `json:"answerBytes"`
}

func main() {
	target := flag.String("target", "127.0.0.1:7400", "HOST:PORT of the proxy")
	connections := flag.Int("connections", 4, "connections")
	streams := flag.Int("streams", 25, "calls in flight per connection, closed loop")
	rate := flag.Float64("rate", 0, "calls per second, open loop; 0 means closed loop")
	size := flag.Int("size", 512, "bytes of a request message")
	users := flag.Int("users", 10_000, "users that calls are made for, drawn evenly")
	warmup := flag.Duration("warmup", time.Second, "time before the window")
	duration := flag.Duration("duration", 4*time.Second, "length of the window")
	batch := flag.Bool("batch", false, "write calls that start together at once")
	seed := flag.Uint64("seed", 1, "of users and ids")
	certificates := flag.String("tls", "", "folder of certificates: TLS is spoken; plain text without it")
	flag.Parse()

	s := &shared{base: time.Now(), request: predict.NewRequest(*size), users: *users, streams: *streams, batch: *batch}
	if *rate > 0 {
		s.streams = 0
	}
	var conns []*conn
	for i := range *connections {
		c, err := dial(s, *target, *certificates, *seed*1000+uint64(i))
		if err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		conns = append(conns, c)
		go c.run()
	}
	if *rate > 0 {
		go pace(s, conns, *rate)
	}
	stalled := wait(s, *warmup)
	started := time.Now()
	s.phase.Store(int32(measuring))
	emit(map[string]any{"event": "start"})
	stalled = stalled || wait(s, *duration)
	s.phase.Store(int32(ending))
	seconds := time.Since(started).Seconds()
	emit(map[string]any{"event": "stop"})
	drain(conns)

	r := sum(conns)
	r.CallsEver = s.ended.Load()
	r.Seconds, r.PerSecond = seconds, float64(r.Calls)/seconds
	r.RequestBytes, r.AnswerBytes = len(s.request.Bytes), predict.ResponseLen
	if stalled {
		r.ErrorReasons["stalled"]++
		r.Errors++
	}
	if r.Calls == 0 && r.Errors == 0 {
		r.ErrorReasons["no_calls"]++
		r.Errors++
	}
	emit(r)
	if r.Errors > 0 {
		os.Exit(1)
	}
}

func emit(v any) {
	line, _ := json.Marshal(v)
	fmt.Println(string(line))
}

// wait sleeps; true when no call ended for longer than stallLimit.
func wait(s *shared, d time.Duration) bool {
	end := time.Now().Add(d)
	last, lastAt := s.ended.Load(), time.Now()
	for {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		time.Sleep(min(left, 100*time.Millisecond))
		if n := s.ended.Load(); n != last {
			last, lastAt = n, time.Now()
		} else if time.Since(lastAt) > stallLimit {
			return true
		}
	}
}

// drain waits for the calls under way and counts those that don't end as errors.
func drain(conns []*conn) {
	limit := time.After(drainLimit)
	for _, c := range conns {
		c.mu.Lock()
		c.checkDrained()
		c.mu.Unlock()
		select {
		case <-c.drained:
		case <-limit:
			limit = time.After(0)
			c.mu.Lock()
			c.tally.errors["unfinished"] += int64(len(c.calls) + len(c.backlog))
			c.mu.Unlock()
		}
	}
}

func sum(conns []*conn) result {
	r := result{
		Event: "result", ErrorReasons: map[string]int64{}, Versions: map[string]int64{}, Variants: map[string]int64{},
	}
	var all, lag wire.Histogram
	masks := make([]uint64, len(conns[0].tally.masks))
	for _, c := range conns {
		c.mu.Lock()
		r.Calls += c.tally.calls
		all.Add(&c.tally.latency)
		lag.Add(&c.tally.lag)
		for version, n := range c.tally.versions {
			if n > 0 {
				r.Versions[strconv.Itoa(version)] += n
			}
		}
		for name, n := range c.tally.variants {
			r.Variants[name] += n
		}
		for reason, n := range c.tally.errors {
			r.ErrorReasons[reason] += n
			r.Errors += n
		}
		for user, mask := range c.tally.masks {
			masks[user] |= mask
		}
		c.mu.Unlock()
	}
	for _, mask := range masks {
		if mask != 0 {
			r.UsersSeen++
		}
		if mask&(mask-1) != 0 {
			r.UsersUnsticky++
		}
	}
	us := func(ns uint64) float64 { return float64(ns/10) / 100 }
	r.Latency = latency{
		P50: us(all.Quantile(0.5)), P90: us(all.Quantile(0.9)), P99: us(all.Quantile(0.99)),
		P999: us(all.Quantile(0.999)), Max: us(all.Max), Mean: us(all.Sum / max(all.Count, 1)),
	}
	r.SendLagP99 = us(lag.Quantile(0.99))
	return r
}

// pace starts calls at even distances, on the connections in turn. It has a thread of its own that sleeps in the
// kernel: the runtime's own timers wait in whole milliseconds when everything else is idle.
func pace(s *shared, conns []*conn, rate float64) {
	runtime.LockOSThread()
	const prSetTimerslack = 29
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerslack, 1, 0)
	from := s.now() + int64(20*time.Millisecond)
	for i := 0; phase(s.phase.Load()) != ending; i++ {
		intended := from + int64(float64(i)/rate*1e9)
		if ahead := intended - s.now(); ahead > 0 {
			pause := syscall.NsecToTimespec(ahead)
			syscall.Nanosleep(&pause, nil)
		}
		c := conns[i%len(conns)]
		c.mu.Lock()
		if phase(s.phase.Load()) == measuring {
			c.tally.lag.Record(s.now() - intended)
		}
		c.begin(intended)
		c.pump()
		c.flush()
		c.mu.Unlock()
	}
}
