package main

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/secure"
	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

const (
	readBuffer = 256 << 10
	// outLimit bounds what waits for the socket, so that large messages take turns.
	outLimit = 256 << 10
	// writeInline is the message size up to which the goroutine that reads also writes: such bursts fit the socket's
	// buffer, so it cannot block both ways at once, and the hand-over to another goroutine is saved.
	writeInline = 8 << 10
)

// phase is where the run stands; calls are counted by the phase in which they end.
type phase int32

const (
	warming phase = iota
	measuring
	ending
)

// shared is what all connections of a run have in common.
type shared struct {
	phase   atomic.Int32
	ended   atomic.Int64 // calls that ended, in any phase
	base    time.Time
	request predict.Request
	users   int
	streams int  // calls in flight per connection, closed loop; 0 when paced
	batch   bool // one write for all calls that start together, else one each
}

func (s *shared) now() int64 { return int64(time.Since(s.base)) }

// call is one stream; reused.
type call struct {
	id        uint32
	startedAt int64
	user      int
	sent      int
	window    int64
	http      string
	status    string
	text      string
	variant   string
	body      []byte
	digits    [predict.UserDigits]byte
}

// tally is what one connection counted while measuring; errors are counted in every phase.
type tally struct {
	calls    int64
	latency  wire.Histogram
	lag      wire.Histogram
	versions [128]int64
	variants map[string]int64
	errors   map[string]int64
	masks    []uint64 // per user, the versions that answered; bit = version mod 64
}

type conn struct {
	*shared
	nc      net.Conn
	header  *header
	chance  chance
	tally   tally
	dead    bool
	inline  bool
	wake    chan struct{}
	drained chan struct{}

	mu         sync.Mutex
	out, spare []byte
	enc        *hpack.Encoder
	block      bytes.Buffer
	dec        *hpack.Decoder
	current    *call
	calls      map[uint32]*call
	free       []*call
	sending    []*call
	backlog    []int64 // start times of calls that wait for the peer's stream limit
	nextID     uint32
	credit     int64
	initial    int64
	maxFrame   int
	maxStreams int
	received   int
	headers    []byte
	headersOf  uint32
	headersEnd bool
}

func dial(s *shared, address, certificates string, seed uint64) (*conn, error) {
	nc, err := secure.Dial(address, certificates)
	if err != nil {
		return nil, err
	}
	c := &conn{
		shared: s, nc: nc, header: newHeader(address, seed), chance: chance(seed * 7919),
		tally:  tally{variants: map[string]int64{}, errors: map[string]int64{}, masks: make([]uint64, s.users)},
		inline: len(s.request.Bytes) <= writeInline, wake: make(chan struct{}, 1), drained: make(chan struct{}),
		calls: map[uint32]*call{}, nextID: 1, credit: wire.DefaultWindow, initial: wire.DefaultWindow,
		maxFrame: wire.DefaultMaxFrame, maxStreams: 100,
	}
	c.enc = hpack.NewEncoder(&c.block)
	c.dec = hpack.NewDecoder(4096, c.field)
	c.out = append(c.out, wire.Preface...)
	c.out = wire.AppendSettings(c.out, wire.SettingEnablePush, 0, wire.SettingInitialWindowSize, wire.DefaultWindow)
	return c, nil
}

// run reads until the connection closes. The first calls start once the peer's SETTINGS are in.
func (c *conn) run() {
	if !c.inline {
		go c.writeLoop()
	}
	c.mu.Lock()
	c.flush()
	c.mu.Unlock()
	r := wire.NewReader(c.nc, readBuffer)
	started := false
	var f wire.Frame
	for {
		err := r.Fill()
		c.mu.Lock()
		if err != nil {
			c.die("connection")
			c.mu.Unlock()
			return
		}
		now := c.now()
		for !c.dead && r.Next(&f) {
			if problem := c.frame(&f, now); problem != "" {
				c.die(problem)
				break
			}
			if f.Type == wire.Settings && !started {
				started = true
				for range c.streams {
					c.begin(now)
				}
			}
		}
		c.pump()
		c.flush()
		c.mu.Unlock()
	}
}

// die gives up the connection and counts what was under way on it.
func (c *conn) die(why string) {
	if c.dead {
		return
	}
	c.dead = true
	c.nc.Close()
	if phase(c.phase.Load()) != ending || len(c.calls) > 0 {
		c.tally.errors[why] += int64(max(1, len(c.calls)))
	}
	clear(c.calls)
	c.sending, c.backlog = nil, nil
	c.checkDrained()
}

func (c *conn) checkDrained() {
	if len(c.calls) == 0 && len(c.backlog) == 0 && (c.dead || phase(c.phase.Load()) == ending) {
		select {
		case <-c.drained:
		default:
			close(c.drained)
		}
	}
}

// begin starts a call whose latency counts from startedAt, or queues it while the peer allows no further stream.
func (c *conn) begin(startedAt int64) {
	if c.dead {
		return
	}
	if len(c.calls) >= c.maxStreams {
		c.backlog = append(c.backlog, startedAt)
		return
	}
	var k *call
	if n := len(c.free); n > 0 {
		k, c.free = c.free[n-1], c.free[:n-1]
		*k = call{body: k.body[:0]}
	} else {
		k = &call{body: make([]byte, 0, 256)}
	}
	k.id, k.startedAt, k.window = c.nextID, startedAt, c.initial
	c.nextID += 2
	k.user = int(c.chance.next() % uint64(c.users))
	for i, rest := predict.UserDigits-1, k.user; i >= 0; i, rest = i-1, rest/10 {
		k.digits[i] = byte('0' + rest%10)
	}
	c.calls[k.id] = k
	c.block.Reset()
	c.header.write(c.enc, "u"+string(k.digits[:]))
	block := c.block.Bytes()
	kind, flags := byte(wire.Headers), byte(0)
	for {
		n := min(len(block), c.maxFrame)
		if n == len(block) {
			flags |= wire.FlagEndHeaders
		}
		c.out = wire.AppendHead(c.out, n, kind, flags, k.id)
		c.out = append(c.out, block[:n]...)
		if block = block[n:]; len(block) == 0 {
			break
		}
		kind, flags = wire.Continuation, 0
	}
	c.sending = append(c.sending, k)
}

// pump writes DATA for calls whose request is not out yet, one frame each in turn, as credit and outLimit allow.
func (c *conn) pump() {
	for progress := true; progress && len(c.sending) > 0; {
		progress = false
		kept := c.sending[:0]
		for _, k := range c.sending {
			n := int(min(int64(len(c.request.Bytes)-k.sent), int64(c.maxFrame), k.window, c.credit))
			if n <= 0 || len(c.out) >= outLimit && !c.inline {
				kept = append(kept, k)
				continue
			}
			progress = true
			c.piece(k, n)
			if k.sent < len(c.request.Bytes) {
				kept = append(kept, k)
			}
		}
		c.sending = kept
	}
}

func (c *conn) piece(k *call, n int) {
	var flags byte
	if k.sent+n == len(c.request.Bytes) {
		flags = wire.FlagEndStream
	}
	c.out = wire.AppendHead(c.out, n, wire.Data, flags, k.id)
	at := len(c.out)
	c.out = append(c.out, c.request.Bytes[k.sent:k.sent+n]...)
	for i, digit := range k.digits {
		if pos := c.request.UserAt + i - k.sent; pos >= 0 && pos < n {
			c.out[at+pos] = digit
		}
	}
	k.sent += n
	k.window -= int64(n)
	c.credit -= int64(n)
}

// flush hands what is written to the socket; the lock is held.
func (c *conn) flush() {
	if len(c.out) == 0 || c.dead {
		return
	}
	if c.inline {
		c.nc.Write(c.out) // an error shows in the next read
		c.out = c.out[:0]
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// writeLoop writes large requests apart from the reading, so that neither waits for the other.
func (c *conn) writeLoop() {
	for {
		c.mu.Lock()
		if c.dead {
			c.mu.Unlock()
			return
		}
		c.pump()
		c.out, c.spare = c.spare[:0], c.out
		c.mu.Unlock()
		if len(c.spare) == 0 {
			select {
			case <-c.wake:
			case <-c.drained:
				return
			}
			continue
		}
		if _, err := c.nc.Write(c.spare); err != nil {
			return
		}
	}
}
