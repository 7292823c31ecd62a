package main

import (
	"encoding/binary"

	"contender.dev/bench/load/internal/wire"
	"golang.org/x/net/http2/hpack"
)

// frame acts on one frame; ended means that the connection is of no more use, and why, where that is a fault.
func (s *sidecar) frame(f *wire.Frame) (why string, ended bool) {
	switch f.Type {
	case wire.Settings:
		if f.Has(wire.FlagAck) {
			return "", false
		}
		s.out = wire.AppendAck(s.out, f)
		if s.header == nil {
			s.hello(f.Payload)
		}
	case wire.Ping:
		if !f.Has(wire.FlagAck) {
			s.out = wire.AppendAck(s.out, f)
		}
	case wire.WindowUpdate:
		if f.Stream == 0 {
			s.credit += wire.Increment(f.Payload)
		}
	case wire.Headers:
		return s.headers(f)
	case wire.Data:
		return s.data(f)
	case wire.RstStream:
		if f.Stream == s.report {
			s.endReport(false)
			return "", false
		}
		return "", f.Stream == watchStream
	case wire.Continuation:
		return "continuation", true
	}
	return "", false
}

func (s *loop) field(f hpack.HeaderField) {
	switch f.Name {
	case ":status":
		s.http = f.Value
	case "grpc-status":
		s.grpc = f.Value
	}
}

// hello opens the Watch stream, when the service's settings are known.
func (s *sidecar) hello(settings []byte) {
	tableSize := uint32(4096)
	wire.EachSetting(settings, func(id uint16, value uint32) {
		if id == wire.SettingHeaderTableSize {
			tableSize = min(value, tableSize)
		}
	})
	if s.header = s.blocks[tableSize]; s.header == nil {
		s.header = newBlocks(s.authority, tableSize)
		s.blocks[tableSize] = s.header
	}
	s.state = open
	s.call(watchStream, s.header.watch)
	at := s.head(watchStream, 0)
	s.out = appendHello(s.out, s)
	s.body(at)
}

func (s *sidecar) call(stream uint32, block []byte) {
	s.out = wire.AppendHead(s.out, len(block), wire.Headers, wire.FlagEndHeaders, stream)
	s.out = append(s.out, block...)
}

// head begins a DATA frame whose length body fills in.
func (s *sidecar) head(stream uint32, flags byte) int {
	s.out = wire.AppendHead(s.out, 0, wire.Data, flags, stream)
	return len(s.out)
}

func (s *sidecar) body(at int) {
	n := len(s.out) - at
	s.out[at-wire.HeadLen], s.out[at-wire.HeadLen+1], s.out[at-wire.HeadLen+2] = byte(n>>16), byte(n>>8), byte(n)
	s.credit -= int64(n)
}

func (s *sidecar) headers(f *wire.Frame) (why string, ended bool) {
	block, err := f.Body()
	if err != nil || !f.Has(wire.FlagEndHeaders) {
		return "header block", true
	}
	s.http, s.grpc = "", ""
	if _, err := s.dec.Write(block); err != nil || s.dec.Close() != nil {
		return "header block", true
	}
	last := f.Has(wire.FlagEndStream)
	switch {
	case s.http != "" && s.http != "200":
		return "status " + s.http, true
	case f.Stream == watchStream && last:
		if s.grpc != "0" && s.grpc != "14" {
			return "watch ended with " + s.grpc, true
		}
		return "", true
	case f.Stream == s.report && last:
		s.endReport(s.grpc == "0")
	}
	return "", false
}

func (s *sidecar) data(f *wire.Frame) (why string, ended bool) {
	body, err := f.Body()
	if err != nil {
		return "data", true
	}
	if s.used += len(f.Payload); s.used >= giveBackAt {
		s.out = wire.AppendWindowUpdate(s.out, 0, s.used)
		s.used = 0
	}
	if f.Stream == s.report {
		s.answer = append(s.answer, body...)
		return "", false
	}
	if f.Stream != watchStream {
		return "", false
	}
	if s.usedW += len(f.Payload); s.usedW >= giveBackAt {
		s.out = wire.AppendWindowUpdate(s.out, watchStream, s.usedW)
		s.usedW = 0
	}
	if len(s.message) > 0 {
		s.message = append(s.message, body...)
		body = s.message
	}
	for len(body) >= 5 {
		n := 5 + int(binary.BigEndian.Uint32(body[1:]))
		if len(body) < n {
			break
		}
		if why := s.told(body[5:n]); why != "" {
			return why, true
		}
		body = body[n:]
	}
	if len(body) == 0 {
		s.message = nil
	} else {
		s.message = append([]byte(nil), body...)
	}
	return "", f.Has(wire.FlagEndStream)
}

// told acts on a WatchResponse as a sidecar does; what should not be in one is counted as a problem.
func (s *sidecar) told(b []byte) (why string) {
	r, err := readResponse(b)
	if err != nil {
		return "watch message"
	}
	s.heardAt = s.now
	if r.heartbeatNs > 0 {
		if s.heartbeatNs == 0 {
			s.later(3*r.heartbeatNs, timerSilence)
		}
		s.heartbeatNs = r.heartbeatNs
	}
	if r.reportNs > 0 {
		s.reportNs = r.reportNs
	}
	if r.nonce == "" {
		s.stats.Heartbeats++
		// It may have crossed our answer, and tell the version before. On a new stream nothing has.
		if r.version == s.version {
			s.confirm()
		} else if s.confirmedAt == 0 {
			s.problem("first heartbeat of another version")
		}
		return ""
	}
	now, ok := parseVersion(r.version)
	before, had := parseVersion(s.version)
	refusal := ""
	switch {
	case !ok:
		refusal = "version"
	case had && before.store == now.store && now.revision < before.revision:
		refusal = "lower revision"
	case r.hasSnapshot && r.routes == 0:
		refusal = "no route"
	case r.hasSnapshot:
		s.stats.Snapshots++
		s.stats.SnapshotBytes += int64(len(b))
	case !had || before.digest != now.digest:
		refusal = "label of other contents"
	default:
		s.stats.Labels++
	}
	if refusal == "" {
		s.version = r.version
	}
	at := s.head(watchStream, 0)
	s.out = appendAnswer(s.out, r.nonce, refusal)
	s.body(at)
	s.flush()
	if refusal != "" {
		s.stats.Nacks++
		s.problem("refused: " + refusal)
		return ""
	}
	s.stats.Acks++
	s.acks = append(s.acks, ack{s, now.revision, monotonic()})
	s.confirm()
	return ""
}

// confirm notes that this stream is up to date, and begins with reports, spread over their interval.
func (s *sidecar) confirm() {
	if s.confirmedAt != 0 {
		return
	}
	s.confirmedAt = monotonic()
	s.failures = 0
	s.later(jitter(s.reportEvery()), timerReport)
}
