// Package wire reads and writes HTTP/2 frames on plain byte slices.
//
// The bench runs on machines with two cores, where the load generator and the model server share the processor with the
// proxy under test. Whatever they spend is missing there, so frames are parsed in place in one large read buffer and
// answers leave in one write per read; no object is made per frame.
package wire

import (
	"encoding/binary"
	"errors"
	"io"
)

// Frame types of RFC 9113, section 6.
const (
	Data         = 0x0
	Headers      = 0x1
	RstStream    = 0x3
	Settings     = 0x4
	Ping         = 0x6
	GoAway       = 0x7
	WindowUpdate = 0x8
	Continuation = 0x9
)

// Frame flags of RFC 9113, section 6.
const (
	FlagAck        = 0x1
	FlagEndStream  = 0x1
	FlagEndHeaders = 0x4
	FlagPadded     = 0x8
	FlagPriority   = 0x20
)

// Settings of RFC 9113, section 6.5.2.
const (
	SettingHeaderTableSize      = 0x1
	SettingEnablePush           = 0x2
	SettingMaxConcurrentStreams = 0x3
	SettingInitialWindowSize    = 0x4
	SettingMaxFrameSize         = 0x5
)

const (
	// Preface opens every client connection.
	Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	// DefaultWindow is the credit of a connection, and of a stream unless SETTINGS say otherwise.
	DefaultWindow = 65535
	// DefaultMaxFrame is the largest frame payload a peer must take without having said so.
	DefaultMaxFrame = 16384
	// HeadLen is the length of a frame's head.
	HeadLen = 9
)

// Frame is one frame; Payload lies in the reader's buffer and is valid until the next call of Reader.Fill.
type Frame struct {
	Type    byte
	Flags   byte
	Stream  uint32
	Payload []byte
}

// Has tells whether a flag is set.
func (f *Frame) Has(flag byte) bool { return f.Flags&flag != 0 }

// Body is the payload of a DATA or HEADERS frame without padding and priority.
func (f *Frame) Body() ([]byte, error) {
	p := f.Payload
	pad := 0
	if f.Has(FlagPadded) {
		if len(p) < 1 {
			return nil, errors.New("padded frame without pad length")
		}
		pad = int(p[0])
		p = p[1:]
	}
	if f.Type == Headers && f.Has(FlagPriority) {
		if len(p) < 5 {
			return nil, errors.New("short priority")
		}
		p = p[5:]
	}
	if pad > len(p) {
		return nil, errors.New("padding longer than frame")
	}
	return p[:len(p)-pad], nil
}

// Reader cuts a byte stream into frames.
type Reader struct {
	src      io.Reader
	buf      []byte
	from, to int
}

// NewReader reads with a buffer of size bytes, which must exceed the largest frame.
func NewReader(src io.Reader, size int) *Reader {
	return &Reader{src: src, buf: make([]byte, size)}
}

// Fill reads once from the source, after moving what is left of a partial frame to the front.
func (r *Reader) Fill() error {
	if r.from > 0 {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
	}
	if r.to == len(r.buf) {
		return errors.New("frame longer than the read buffer")
	}
	n, err := r.src.Read(r.buf[r.to:])
	r.to += n
	if n > 0 {
		return nil
	}
	return err
}

// Take removes n bytes from the front, if they are there already.
func (r *Reader) Take(n int) ([]byte, bool) {
	if r.to-r.from < n {
		return nil, false
	}
	b := r.buf[r.from : r.from+n]
	r.from += n
	return b, true
}

// Next cuts the next frame off what has been read; false when it is not complete yet.
func (r *Reader) Next(f *Frame) bool {
	n := Cut(r.buf[r.from:r.to], f)
	r.from += n
	return n > 0
}

// Cut reads the frame at the front of b and tells how long it is with its head; 0 when it is not complete.
func Cut(b []byte, f *Frame) int {
	if len(b) < HeadLen {
		return 0
	}
	n := HeadLen + (int(b[0])<<16 | int(b[1])<<8 | int(b[2]))
	if len(b) < n {
		return 0
	}
	f.Type = b[3]
	f.Flags = b[4]
	f.Stream = binary.BigEndian.Uint32(b[5:]) & 0x7fffffff
	f.Payload = b[HeadLen:n]
	return n
}

// AppendHead appends a frame head for a payload of n bytes.
func AppendHead(b []byte, n int, kind, flags byte, stream uint32) []byte {
	return append(b, byte(n>>16), byte(n>>8), byte(n), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// AppendWindowUpdate appends a WINDOW_UPDATE of n bytes; stream 0 is the connection.
func AppendWindowUpdate(b []byte, stream uint32, n int) []byte {
	b = AppendHead(b, 4, WindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// AppendRst appends an RST_STREAM with an error code.
func AppendRst(b []byte, stream, code uint32) []byte {
	b = AppendHead(b, 4, RstStream, 0, stream)
	return binary.BigEndian.AppendUint32(b, code)
}

// AppendSettings appends a SETTINGS frame of (id, value) pairs.
func AppendSettings(b []byte, pairs ...uint32) []byte {
	b = AppendHead(b, len(pairs)*3, Settings, 0, 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		b = binary.BigEndian.AppendUint16(b, uint16(pairs[i]))
		b = binary.BigEndian.AppendUint32(b, pairs[i+1])
	}
	return b
}

// AppendAck appends the acknowledgement of a SETTINGS or PING frame.
func AppendAck(b []byte, f *Frame) []byte {
	if f.Type == Settings {
		return AppendHead(b, 0, Settings, FlagAck, 0)
	}
	b = AppendHead(b, len(f.Payload), Ping, FlagAck, 0)
	return append(b, f.Payload...)
}

// EachSetting calls visit for every setting of a SETTINGS frame.
func EachSetting(payload []byte, visit func(id uint16, value uint32)) {
	for len(payload) >= 6 {
		visit(binary.BigEndian.Uint16(payload), binary.BigEndian.Uint32(payload[2:]))
		payload = payload[6:]
	}
}

// Increment is the credit of a WINDOW_UPDATE frame.
func Increment(payload []byte) int64 {
	if len(payload) != 4 {
		return 0
	}
	return int64(binary.BigEndian.Uint32(payload) & 0x7fffffff)
}
