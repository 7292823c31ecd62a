package main

import (
	"fmt"
	"syscall"
	"time"

	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

const (
	// Time for a connection until the service has said the first word on the stream.
	connectWithin = 20 * time.Second
	// The first reconnect comes within this time, so that a fleet does not come back in one instant.
	firstReconnect = 2 * time.Second
	// After that, full jitter over a time that doubles from the first to the second.
	leastBackoff = time.Second
	mostBackoff  = 8 * time.Second
	// Where the service says nothing.
	defaultReport = 15 * time.Second
	// Windows as Node's client gives them back: when half is used.
	giveBackAt = 32 << 10
)

// Where a connection stands.
const (
	away = iota
	connecting
	greeting
	open
)

// sidecar is one simulated sidecar; what is above the line outlives its connections.
type sidecar struct {
	*loop
	index         int
	instance, pod string
	startedAt     int64 // by the wall clock
	version       string
	sequence      uint64
	failures      int // since a stream was last in order
	attempt       uint32

	fd          int
	state       int
	writing     bool // waits until the socket takes more
	in, out     []byte
	dec         *hpack.Decoder
	header      *blocks
	message     []byte
	credit      int64
	used, usedW int
	nextStream  uint32
	report      uint32 // stream of the report under way
	reportAt    int64
	reported    bool
	answer      []byte
	confirmedAt int64 // when this stream was first known to be up to date; 0 before
	heardAt     int64
	heartbeatNs int64
	reportNs    int64
}

const watchStream = 1

func newSidecar(l *loop, index int) *sidecar {
	return &sidecar{
		loop: l, index: index, fd: -1, instance: fmt.Sprintf("%08x-5eed-4bad-8ace-%012x", index*2654435761&0xffffffff, index),
		pod: fmt.Sprintf("scorer-7d9c5b6f48-%05d", index), startedAt: time.Now().UnixNano(),
	}
}

func (s *sidecar) later(ns int64, kind uint8) {
	s.timers.add(timer{at: s.now + ns, of: s, kind: kind, attempt: s.attempt})
}

func (s *sidecar) fire(t timer) {
	if t.attempt != s.attempt {
		return
	}
	switch t.kind {
	case timerConnect:
		s.connect()
	case timerDeadline:
		if s.confirmedAt == 0 {
			s.lose("no answer in time")
		}
	case timerReport:
		s.sendReport()
	case timerSilence:
		if left := s.heardAt + 3*s.heartbeatNs - s.now; left > 0 {
			s.later(left, timerSilence)
		} else {
			s.lose("silent stream")
		}
	}
}

func (s *sidecar) connect() {
	s.attempt++
	s.stats.Attempts++
	fd, err := s.dial(s.index)
	if err != nil {
		s.fail(err)
		return
	}
	for len(s.byFd) <= fd {
		s.byFd = append(s.byFd, nil)
	}
	s.byFd[fd] = s
	s.fd, s.state = fd, connecting
	s.in, s.out, s.message, s.header, s.answer = nil, nil, nil, nil, nil
	s.dec = hpack.NewDecoder(4096, s.field)
	s.credit, s.used, s.usedW, s.nextStream, s.report, s.reported = wire.DefaultWindow, 0, 0, 3, 0, false
	s.confirmedAt, s.heardAt, s.heartbeatNs, s.reportNs, s.writing = 0, s.now, 0, int64(defaultReport), true
	if err := s.loop.watch(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLOUT); err != nil {
		fail(err)
	}
	s.later(int64(connectWithin), timerDeadline)
}

func (s *sidecar) fail(err error) {
	// Refused while nobody listens; reset where the service ended with the connection in its queue.
	if err != syscall.ECONNREFUSED && err != syscall.ECONNRESET {
		s.problem("connect: " + err.Error())
	}
	s.lose("")
}

// close ends the connection and plans nothing.
func (s *sidecar) close() {
	if s.fd >= 0 {
		s.byFd[s.fd] = nil
		syscall.Close(s.fd)
	}
	s.attempt++
	s.fd, s.state, s.confirmedAt = -1, away, 0
	s.in, s.out, s.message, s.dec = nil, nil, nil, nil
}

// lose ends the connection and plans the next one. A stream that was in order is followed up within 2 s, failures ever later.
func (s *sidecar) lose(why string) {
	if why != "" {
		s.problem(why)
	}
	if s.confirmedAt != 0 {
		s.stats.Ended++
		s.failures = 0
	} else {
		s.stats.Failures++
		s.failures++
	}
	s.close()
	s.again()
}

func (s *sidecar) again() {
	most := firstReconnect
	if s.failures > 0 {
		most = min(leastBackoff<<min(s.failures-1, 5), mostBackoff)
	}
	s.later(jitter(most), timerConnect)
}

// ready is called when the socket can be read or written.
func (s *sidecar) ready(events uint32) {
	if s.state == connecting {
		code, err := syscall.GetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
		if err == nil && code != 0 {
			err = syscall.Errno(code)
		}
		if err != nil {
			s.fail(err)
			return
		}
		s.state = greeting
		s.out = append(s.out, wire.Preface...)
		s.out = wire.AppendSettings(s.out, wire.SettingEnablePush, 0, wire.SettingInitialWindowSize, wire.DefaultWindow)
		s.flush()
		return
	}
	if events&syscall.EPOLLOUT != 0 {
		s.flush()
	}
	if events&^syscall.EPOLLOUT != 0 && s.fd >= 0 {
		s.read()
	}
}

func (s *sidecar) read() {
	kept := copy(s.buf, s.in)
	n, err := syscall.Read(s.fd, s.buf[kept:])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return
	case err != nil || n == 0:
		s.lose("")
		return
	}
	left := s.buf[:kept+n]
	var f wire.Frame
	for {
		n := wire.Cut(left, &f)
		if n == 0 {
			break
		}
		left = left[n:]
		if why, ended := s.frame(&f); ended {
			s.lose(why)
			return
		}
	}
	s.in = append(s.in[:0], left...)
	if len(left) == 0 && cap(s.in) > 0 {
		s.in = nil
	}
	s.flush()
}

// flush hands what is written to the socket, which nearly always takes it at once.
func (s *sidecar) flush() {
	if s.fd < 0 {
		return
	}
	if len(s.out) > 0 {
		n, err := syscall.Write(s.fd, s.out)
		if err != nil && err != syscall.EAGAIN {
			s.lose("")
			return
		}
		s.out = s.out[:copy(s.out, s.out[max(n, 0):])]
	}
	if waits := len(s.out) > 0; waits != s.writing {
		s.writing = waits
		events := uint32(syscall.EPOLLIN)
		if waits {
			events |= syscall.EPOLLOUT
		}
		if err := s.loop.watch(syscall.EPOLL_CTL_MOD, s.fd, events); err != nil {
			fail(err)
		}
	}
	if len(s.out) == 0 {
		s.out = nil
	}
}
