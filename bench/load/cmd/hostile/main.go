// Command hostile is a model server that misbehaves in one way; the bench uses it as a shadow to see whether the
// primary's callers notice.
//
//	dead       accepts connections and never reads
//	slow       answers every call properly, after -delay
//	flooding   answers every call with data that never ends, as fast as the caller's credit allows, and with PINGs
//	resetting  resets every stream, with changing error codes
//
// It ends when standard input closes. A line `counts` prints calls seen and bytes sent as JSON.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

const (
	readBuffer = 256 << 10
	// burst is what the flood writes at a time.
	burst = 256 << 10
	// pingEvery is how many bursts lie between two PINGs of the flood.
	pingEvery = 4
)

var (
	calls, connections, bytesSent atomic.Int64
	resetCodes                    = []uint32{2, 7, 8, 11} // INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM
)

type peer struct {
	nc     net.Conn
	mu     sync.Mutex
	more   *sync.Cond
	credit int64
	first  int64
	open   map[uint32]int64 // stream to its credit
	closed bool
}

func main() {
	mode := flag.String("mode", "dead", "dead, slow, flooding or resetting")
	listen := flag.String("listen", "127.0.0.1:0", "address")
	delay := flag.Duration("delay", 5*time.Second, "of slow answers")
	flag.Parse()
	serve := map[string]func(*peer){
		"dead":      func(*peer) { select {} },
		"slow":      func(p *peer) { p.read(func(id uint32) { time.AfterFunc(*delay, func() { p.answer(id) }) }, nil) },
		"flooding":  func(p *peer) { go p.flood(); p.read(p.join, p.leave) },
		"resetting": func(p *peer) { p.read(p.reset, nil) },
	}[*mode]
	if serve == nil {
		fail(fmt.Errorf("-mode %q is none of dead, slow, flooding, resetting", *mode))
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fail(err)
	}
	print(map[string]any{"event": "listening", "addresses": map[string]string{*mode: listener.Addr().String()}})
	go func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				fail(err)
			}
			connections.Add(1)
			p := &peer{nc: nc, credit: wire.DefaultWindow, first: wire.DefaultWindow, open: map[uint32]int64{}}
			p.more = sync.NewCond(&p.mu)
			go serve(p)
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "counts" {
			print(map[string]any{"event": "counts", "counts": map[string]int64{
				"calls": calls.Load(), "connections": connections.Load(), "bytes": bytesSent.Load(),
			}})
		}
	}
}

func print(v any) {
	line, _ := json.Marshal(v)
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "hostile:", err)
	os.Exit(1)
}

func (p *peer) write(b []byte) {
	bytesSent.Add(int64(len(b)))
	p.nc.Write(b) // an error shows in the next read
}

// read does what HTTP/2 asks of a server and hands on what a mode needs: started once a request is complete, gone when
// the caller resets a stream.
func (p *peer) read(started, gone func(id uint32)) {
	defer func() {
		p.nc.Close()
		p.mu.Lock()
		p.closed = true
		p.more.Broadcast()
		p.mu.Unlock()
	}()
	r := wire.NewReader(p.nc, readBuffer)
	for _, ok := r.Take(len(wire.Preface)); !ok; _, ok = r.Take(len(wire.Preface)) {
		if r.Fill() != nil {
			return
		}
	}
	p.write(wire.AppendSettings(nil))
	var f wire.Frame
	received := 0
	for {
		var out []byte
		for r.Next(&f) {
			switch f.Type {
			case wire.Headers, wire.Data:
				if f.Type == wire.Data {
					received += len(f.Payload)
				}
				if f.Has(wire.FlagEndStream) {
					calls.Add(1)
					started(f.Stream)
				}
			case wire.Settings:
				if !f.Has(wire.FlagAck) {
					out = wire.AppendAck(out, &f)
					wire.EachSetting(f.Payload, func(id uint16, value uint32) {
						if id == wire.SettingInitialWindowSize {
							p.mu.Lock()
							p.first = int64(value)
							p.mu.Unlock()
						}
					})
				}
			case wire.Ping:
				if !f.Has(wire.FlagAck) {
					out = wire.AppendAck(out, &f)
				}
			case wire.WindowUpdate:
				p.mu.Lock()
				if n := wire.Increment(f.Payload); f.Stream == 0 {
					p.credit += n
				} else if _, ok := p.open[f.Stream]; ok {
					p.open[f.Stream] += n
				}
				p.more.Broadcast()
				p.mu.Unlock()
			case wire.RstStream:
				if gone != nil {
					gone(f.Stream)
				}
			case wire.GoAway:
				return
			}
		}
		if received > wire.DefaultWindow/4 {
			out = wire.AppendWindowUpdate(out, 0, received)
			received = 0
		}
		if len(out) > 0 {
			p.write(out)
		}
		if r.Fill() != nil {
			return
		}
	}
}

// plain encodes header fields without touching the table, so that answers may be written in any order.
func plain(b []byte, id uint32, flags byte, fields ...string) []byte {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(fields); i += 2 {
		enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1], Sensitive: true})
	}
	b = wire.AppendHead(b, block.Len(), wire.Headers, flags|wire.FlagEndHeaders, id)
	return append(b, block.Bytes()...)
}

func (p *peer) answer(id uint32) {
	message := predict.NewResponse(43, 0.5)
	out := plain(nil, id, 0, ":status", "200", "content-type", "application/grpc")
	out = append(wire.AppendHead(out, len(message), wire.Data, 0, id), message...)
	p.write(plain(out, id, wire.FlagEndStream, "grpc-status", "0"))
}

func (p *peer) reset(id uint32) {
	p.write(wire.AppendRst(nil, id, resetCodes[int(id/2)%len(resetCodes)]))
}

func (p *peer) join(id uint32) {
	p.write(plain(nil, id, 0, ":status", "200", "content-type", "application/grpc"))
	p.mu.Lock()
	p.open[id] = p.first
	p.more.Broadcast()
	p.mu.Unlock()
}

func (p *peer) leave(id uint32) {
	p.mu.Lock()
	delete(p.open, id)
	p.mu.Unlock()
}

// flood fills all the credit there is: one message announced as 4 GiB long per stream.
func (p *peer) flood() {
	filler := make([]byte, wire.DefaultMaxFrame)
	copy(filler, []byte{0, 0xff, 0xff, 0xff, 0xff})
	out := make([]byte, 0, burst+wire.DefaultMaxFrame)
	for round := 0; ; round++ {
		out = out[:0]
		p.mu.Lock()
		for len(out) == 0 && !p.closed {
			for id, credit := range p.open {
				n := min(credit, p.credit, wire.DefaultMaxFrame)
				if n <= 0 {
					continue
				}
				out = append(wire.AppendHead(out, int(n), wire.Data, 0, id), filler[:n]...)
				p.open[id] -= n
				p.credit -= n
				if len(out) >= burst {
					break
				}
			}
			if len(out) == 0 {
				p.more.Wait()
			}
		}
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
		if round%pingEvery == 0 {
			out = append(wire.AppendHead(out, 8, wire.Ping, 0, 0), "flooding"...)
		}
		p.write(out)
	}
}
