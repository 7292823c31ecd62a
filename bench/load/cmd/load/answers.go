// What comes back on a connection: frames, and the verdict on each answer.

package main

import (
	"fmt"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

// frame takes one frame; a text that is not empty is the reason to give up the connection.
func (c *conn) frame(f *wire.Frame, now int64) string {
	switch f.Type {
	case wire.Headers:
		body, err := f.Body()
		if err != nil {
			return "protocol"
		}
		c.headersOf, c.headersEnd = f.Stream, f.Has(wire.FlagEndStream)
		if f.Has(wire.FlagEndHeaders) {
			return c.headerBlock(body, now)
		}
		c.headers = append(c.headers[:0], body...)
	case wire.Continuation:
		c.headers = append(c.headers, f.Payload...)
		if f.Has(wire.FlagEndHeaders) {
			return c.headerBlock(c.headers, now)
		}
	case wire.Data:
		c.received += len(f.Payload)
		if c.received >= wire.DefaultWindow/4 {
			c.out = wire.AppendWindowUpdate(c.out, 0, c.received)
			c.received = 0
		}
		k := c.calls[f.Stream]
		if k == nil {
			return ""
		}
		body, err := f.Body()
		if err != nil {
			return "protocol"
		}
		k.body = append(k.body, body...)
		if f.Has(wire.FlagEndStream) {
			c.end(k, now, "no_trailers")
		} else if len(k.body) > wire.DefaultWindow/2 {
			c.out = wire.AppendRst(c.out, k.id, 8)
			c.end(k, now, "answer_too_long")
		}
	case wire.RstStream:
		if k := c.calls[f.Stream]; k != nil {
			c.end(k, now, fmt.Sprintf("reset_%d", wire.Increment(f.Payload)))
		}
	case wire.Settings:
		if f.Has(wire.FlagAck) {
			return ""
		}
		wire.EachSetting(f.Payload, c.setting)
		c.out = wire.AppendAck(c.out, f)
	case wire.Ping:
		if !f.Has(wire.FlagAck) {
			c.out = wire.AppendAck(c.out, f)
		}
	case wire.WindowUpdate:
		if f.Stream == 0 {
			c.credit += wire.Increment(f.Payload)
		} else if k := c.calls[f.Stream]; k != nil {
			k.window += wire.Increment(f.Payload)
		}
	case wire.GoAway:
		return "goaway"
	}
	return ""
}

func (c *conn) setting(id uint16, value uint32) {
	switch id {
	case wire.SettingHeaderTableSize:
		c.enc.SetMaxDynamicTableSizeLimit(value)
		c.enc.SetMaxDynamicTableSize(min(value, 4096))
	case wire.SettingMaxConcurrentStreams:
		c.maxStreams = int(value)
	case wire.SettingInitialWindowSize:
		for _, k := range c.calls {
			k.window += int64(value) - c.initial
		}
		c.initial = int64(value)
	case wire.SettingMaxFrameSize:
		c.maxFrame = int(value)
	}
}

// headerBlock decodes a complete header block; every block is decoded, also of streams that are gone, to keep the table.
func (c *conn) headerBlock(block []byte, now int64) string {
	id := c.headersOf
	c.headersOf = 0
	c.current = c.calls[id]
	if _, err := c.dec.Write(block); err != nil {
		return "hpack"
	}
	if err := c.dec.Close(); err != nil {
		return "hpack"
	}
	if k := c.current; k != nil && c.headersEnd {
		c.end(k, now, "")
	}
	c.current = nil
	return ""
}

func (c *conn) field(f hpack.HeaderField) {
	k := c.current
	if k == nil {
		return
	}
	switch f.Name {
	case ":status":
		k.http = f.Value
	case "grpc-status":
		k.status = f.Value
	case "grpc-message":
		k.text = f.Value
	case "x-contender-variant":
		k.variant = f.Value
	}
}

// end judges a call, counts it, and starts the next one in its place.
func (c *conn) end(k *call, now int64, problem string) {
	delete(c.calls, k.id)
	c.ended.Add(1)
	var version byte
	if problem == "" {
		version, problem = judge(k)
	}
	at := phase(c.phase.Load())
	if problem != "" {
		c.tally.errors[problem]++
	} else if at == measuring {
		c.tally.calls++
		c.tally.latency.Record(now - k.startedAt)
		c.tally.versions[version]++
		c.tally.masks[k.user] |= 1 << (version % 64)
		if k.variant != "" {
			c.tally.variants[k.variant]++
		}
	}
	if k.sent == len(c.request.Bytes) {
		c.free = append(c.free, k)
	} else {
		k.sent = len(c.request.Bytes)
		for i, other := range c.sending {
			if other == k {
				c.sending = append(c.sending[:i], c.sending[i+1:]...)
				break
			}
		}
	}
	if len(c.backlog) > 0 {
		next := c.backlog[0]
		c.backlog = c.backlog[:copy(c.backlog, c.backlog[1:])]
		c.begin(next)
	} else if c.streams > 0 && at != ending {
		c.begin(now)
	}
	if c.inline && !c.batch {
		c.pump()
		c.flush()
	}
	if at == ending {
		c.checkDrained()
	}
}

// judge reads the version out of a good answer and names what is wrong with any other.
func judge(k *call) (byte, string) {
	if k.http != "200" {
		return 0, "http_" + k.http
	}
	if k.status != "0" {
		if k.status == "" {
			return 0, "no_grpc_status"
		}
		return 0, "grpc_" + k.status + ": " + k.text
	}
	version, err := predict.Version(k.body)
	if err != nil {
		return 0, err.Error()
	}
	return version, ""
}
