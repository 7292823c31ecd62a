// One connection of a caller, and the answers to its calls.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

type stream struct {
	received int
	prefix   [5]byte
	problem  string
	body     []byte
}

type answer struct {
	stream  uint32
	problem string
}

type conn struct {
	nc        net.Conn
	version   *version
	want      predict.Request
	streams   map[uint32]*stream
	free      []*stream
	out       []byte
	enc       *hpack.Encoder
	block     bytes.Buffer
	dec       *hpack.Decoder
	seen      map[string]string
	checked   int
	credit    int64
	waiting   []answer
	unaccount int
	count     int
	headers   []byte
	headersOf uint32
	endStream bool
}

func serve(nc net.Conn, v *version) {
	defer nc.Close()
	c := &conn{
		nc: nc, version: v, want: predict.NewRequest(*size), streams: map[uint32]*stream{}, credit: wire.DefaultWindow,
		seen: map[string]string{},
	}
	c.enc = hpack.NewEncoder(&c.block)
	c.dec = hpack.NewDecoder(4096, func(f hpack.HeaderField) { c.seen[f.Name] = f.Value })
	if err := c.run(); err != nil {
		fmt.Fprintf(os.Stderr, "upstream: version %d: %v\n", v.number, err)
	}
}

// run reads until the peer closes; an error is a peer that broke the protocol.
func (c *conn) run() error {
	r := wire.NewReader(c.nc, readBuffer)
	preface, ok := r.Take(len(wire.Preface))
	for ; !ok; preface, ok = r.Take(len(wire.Preface)) {
		if r.Fill() != nil {
			return nil
		}
	}
	if string(preface) != wire.Preface {
		return fmt.Errorf("not HTTP/2: %q", preface)
	}
	// No limit on streams, as gRPC servers have none unless told otherwise.
	c.out = wire.AppendSettings(c.out, wire.SettingInitialWindowSize, streamWindow)
	c.out = wire.AppendWindowUpdate(c.out, 0, connWindow-wire.DefaultWindow)
	var f wire.Frame
	for {
		for r.Next(&f) {
			if err := c.frame(&f); err != nil {
				c.out = wire.AppendHead(c.out, 8, wire.GoAway, 0, 0)
				c.out = append(c.out, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1)
				c.nc.Write(c.out)
				return err
			}
		}
		if len(c.out) > 0 {
			if _, err := c.nc.Write(c.out); err != nil {
				return nil
			}
			c.out = c.out[:0]
		}
		if r.Fill() != nil {
			return nil
		}
	}
}

func (c *conn) frame(f *wire.Frame) error {
	if c.headersOf != 0 && f.Type != wire.Continuation {
		return fmt.Errorf("frame type %d inside a header block", f.Type)
	}
	switch f.Type {
	case wire.Headers:
		body, err := f.Body()
		if err != nil {
			return err
		}
		c.headersOf, c.endStream = f.Stream, f.Has(wire.FlagEndStream)
		c.headers = append(c.headers[:0], body...)
		return c.endHeaders(f)
	case wire.Continuation:
		c.headers = append(c.headers, f.Payload...)
		return c.endHeaders(f)
	case wire.Data:
		return c.data(f)
	case wire.Settings:
		if f.Has(wire.FlagAck) {
			return nil
		}
		wire.EachSetting(f.Payload, func(id uint16, value uint32) {
			if id == wire.SettingHeaderTableSize {
				c.enc.SetMaxDynamicTableSizeLimit(value)
				c.enc.SetMaxDynamicTableSize(min(value, 4096))
			}
		})
		c.out = wire.AppendAck(c.out, f)
	case wire.Ping:
		if !f.Has(wire.FlagAck) {
			c.out = wire.AppendAck(c.out, f)
		}
	case wire.WindowUpdate:
		if f.Stream == 0 {
			c.credit += wire.Increment(f.Payload)
			c.sendWaiting()
		}
	case wire.RstStream:
		if s := c.streams[f.Stream]; s != nil {
			c.release(f.Stream, s)
		}
	}
	return nil
}

func (c *conn) endHeaders(f *wire.Frame) error {
	if !f.Has(wire.FlagEndHeaders) {
		return nil
	}
	id := c.headersOf
	c.headersOf = 0
	var s *stream
	if n := len(c.free); n > 0 {
		s, c.free = c.free[n-1], c.free[:n-1]
		*s = stream{}
	} else {
		s = &stream{}
	}
	c.streams[id] = s
	if c.checked < *checkCalls {
		c.checked++
		clear(c.seen)
		if _, err := c.dec.Write(c.headers); err != nil {
			return err
		}
		if err := c.dec.Close(); err != nil {
			return err
		}
		s.problem = c.problemOfHeaders()
		s.body = make([]byte, 0, len(c.want.Bytes))
	}
	if c.endStream {
		c.end(id, s)
	}
	return nil
}

// problemOfHeaders names the first header that is not as the load generator sends it; empty when all are.
func (c *conn) problemOfHeaders() string {
	for name, want := range map[string]string{
		":method": "POST", ":path": predict.Path, "content-type": "application/grpc", "te": "trailers",
	} {
		if c.seen[name] != want {
			return fmt.Sprintf("%s is %q", name, c.seen[name])
		}
	}
	for name, length := range map[string]int{"authorization": 600, "traceparent": 55, "x-request-id": 36} {
		// A shadow is not given the caller's authorization unless a route asks for it.
		if got := len(c.seen[name]); got != length && !(name == "authorization" && got == 0) {
			return fmt.Sprintf("%s has %d bytes", name, got)
		}
	}
	if c.seen["x-user-id"] == "" {
		return "no x-user-id"
	}
	return ""
}

func (c *conn) data(f *wire.Frame) error {
	n := len(f.Payload)
	c.unaccount += n
	if c.unaccount >= connWindow/4 {
		c.out = wire.AppendWindowUpdate(c.out, 0, c.unaccount)
		c.unaccount = 0
	}
	s := c.streams[f.Stream]
	if s == nil {
		return nil
	}
	body, err := f.Body()
	if err != nil {
		return err
	}
	if s.received < 5 {
		copy(s.prefix[s.received:], body)
	}
	before := s.received
	s.received += len(body)
	if s.body != nil {
		s.body = append(s.body, body...)
	}
	if f.Has(wire.FlagEndStream) {
		c.end(f.Stream, s)
	} else if step := streamWindow / 4; before/step != s.received/step {
		c.out = wire.AppendWindowUpdate(c.out, f.Stream, step)
	}
	return nil
}

func (c *conn) release(id uint32, s *stream) {
	delete(c.streams, id)
	c.free = append(c.free, s)
}

// end answers a request that has come in whole.
func (c *conn) end(id uint32, s *stream) {
	problem := s.problem
	if problem == "" && s.received != len(c.want.Bytes) {
		problem = fmt.Sprintf("%d bytes of request, %d expected", s.received, len(c.want.Bytes))
	}
	if problem == "" && int(binary.BigEndian.Uint32(s.prefix[1:])) != s.received-5 {
		problem = "the gRPC prefix does not tell the length"
	}
	if problem == "" && s.body != nil {
		if err := c.want.Check(s.body); err != nil {
			problem = err.Error()
		}
	}
	c.release(id, s)
	c.waiting = append(c.waiting, answer{stream: id, problem: problem})
	c.sendWaiting()
}

// sendWaiting writes answers as far as the connection's credit goes. A stream's own credit is never less than one
// answer needs, with any peer that leaves the initial window as it is or raises it.
func (c *conn) sendWaiting() {
	sent := 0
	for _, a := range c.waiting {
		if c.credit < int64(predict.ResponseLen) {
			break
		}
		c.reply(a)
		sent++
		if !*batch {
			c.nc.Write(c.out)
			c.out = c.out[:0]
		}
	}
	if sent > 0 {
		c.waiting = c.waiting[:copy(c.waiting, c.waiting[sent:])]
	}
}

func (c *conn) reply(a answer) {
	c.count++
	total := c.version.calls.Add(1)
	message := c.version.answers[c.count%answerKinds]
	status, text := "0", ""
	if a.problem != "" {
		status, text = "13", "upstream: "+a.problem
	}
	if *fault != "" && total%int64(*faultEvery) == 0 {
		switch *fault {
		case "status":
			status, text = "13", "upstream: fault asked for"
		case "short":
			message = message[:len(message)-3]
		case "reset":
			c.out = wire.AppendRst(c.out, a.stream, 2)
			return
		case "hang":
			return
		}
	}
	c.fields(a.stream, wire.FlagEndHeaders, ":status", "200", "content-type", "application/grpc")
	if status == "0" {
		c.out = wire.AppendHead(c.out, len(message), wire.Data, 0, a.stream)
		c.out = append(c.out, message...)
		c.credit -= int64(len(message))
	}
	c.fields(a.stream, wire.FlagEndHeaders|wire.FlagEndStream, "grpc-status", status, "grpc-message", text)
}

func (c *conn) fields(id uint32, flags byte, name1, value1, name2, value2 string) {
	c.block.Reset()
	c.enc.WriteField(hpack.HeaderField{Name: name1, Value: value1})
	c.enc.WriteField(hpack.HeaderField{Name: name2, Value: value2})
	c.out = wire.AppendHead(c.out, c.block.Len(), wire.Headers, flags, id)
	c.out = append(c.out, c.block.Bytes()...)
}
