package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"contender.dev/bench/load/internal/wire"
)

const (
	readBuffer   = 256 << 10
	mostEvents   = 512
	perSource    = 10_000
	clockID      = 1  // CLOCK_MONOTONIC, which is also process.hrtime of Node
	sockBindLate = 24 // IP_BIND_ADDRESS_NO_PORT: one source address may have its ports once per destination, not once in all
)

// loop owns every sidecar. One thread waits for all connections at once: with a goroutine for each of ten thousand, the simulator
// would take more of the two cores than the service it measures.
type loop struct {
	target    netip.AddrPort
	reportNs  int64 // of the command line; 0 leaves it to the service
	epoll     int
	wake      [2]int
	commands  chan command
	buf       []byte
	timers    timers
	sidecars  []*sidecar
	byFd      []*sidecar
	blocks    map[uint32]*blocks
	authority string
	waits     []*wait
	acks      []ack
	lookedAt  int64
	stats     stats
	// Of the header block that is being decoded.
	http, grpc string
	now        int64
}

type stats struct {
	Attempts, Failures, Ended, Snapshots, Labels, Heartbeats, Acks, Nacks, Reports, ReportFailures, ReportsLate int64
	SnapshotBytes                                                                                               int64
	Problems                                                                                                    map[string]int64
	latency                                                                                                     wire.Histogram
}

// ack is one answer that was written.
type ack struct {
	of       *sidecar
	revision int64
	at       int64
}

func monotonic() int64 {
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockID, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func newLoop(target string, reportEvery time.Duration) (*loop, error) {
	address, err := netip.ParseAddrPort(target)
	if err != nil || !address.Addr().Is4() || !address.Addr().IsLoopback() {
		return nil, fmt.Errorf("-target %q: want 127.0.0.1:PORT", target)
	}
	l := &loop{
		target: address, reportNs: int64(reportEvery), authority: target, commands: make(chan command, 16),
		buf: make([]byte, readBuffer), blocks: map[uint32]*blocks{}, stats: stats{Problems: map[string]int64{}}, now: monotonic(),
	}
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if err = syscall.Pipe2(l.wake[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		return nil, err
	}
	return l, l.watch(syscall.EPOLL_CTL_ADD, l.wake[0], syscall.EPOLLIN)
}

func (l *loop) watch(op, fd int, events uint32) error {
	return syscall.EpollCtl(l.epoll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

// problem counts what should not happen, by its name.
func (l *loop) problem(name string) { l.stats.Problems[name]++ }

// run never returns. Commands come by channel, with a byte in the pipe to wake it.
func (l *loop) run() {
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, mostEvents)
	for {
		wait := 1000
		if len(l.timers) > 0 {
			wait = int(min(max((l.timers[0].at-monotonic()+999_999)/1e6, 0), 1000))
		}
		if len(l.waits) > 0 {
			wait = min(wait, lookEveryNs/1e6)
		}
		n, err := syscall.EpollWait(l.epoll, events, wait)
		if err != nil && err != syscall.EINTR {
			fail(err)
		}
		l.now = monotonic()
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == l.wake[0] {
				l.take()
			} else if s := l.byFd[e.Fd]; s != nil {
				s.ready(e.Events)
			}
		}
		l.now = monotonic()
		for t, ok := l.timers.due(l.now); ok; t, ok = l.timers.due(l.now) {
			t.of.fire(t)
		}
		l.checkWaits()
	}
}

func (l *loop) take() {
	var bytes [64]byte
	n, _ := syscall.Read(l.wake[0], bytes[:])
	for range n {
		l.do(<-l.commands)
	}
}

// source is where a sidecar connects from: ports of one address are few.
func (l *loop) source(index int) [4]byte { return [4]byte{127, 0, 0, byte(2 + index/perSource)} }

// dial opens a socket; it is connected at the latest when it can be written to.
func (l *loop) dial(index int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, sockBindLate, 1)
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: l.source(index)})
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(l.target.Port()), Addr: l.target.Addr().As4()})
	}
	if err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// jitter is a time between 0 and most.
func jitter(most time.Duration) int64 { return rand.Int64N(int64(most)) }
