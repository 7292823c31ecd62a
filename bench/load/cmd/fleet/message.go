package main

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// The few messages of contender.v1 that a sidecar sends and reads, by field number: see proto/contender/v1/config.proto and
// report.proto. Written by hand, since a snapshot is only looked into as far as it decides what the sidecar answers.

func appendTag(b []byte, field, kind int) []byte {
	return binary.AppendUvarint(b, uint64(field<<3|kind))
}

func appendUint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, field, 0), v)
}

func appendText(b []byte, field int, v string) []byte {
	if v == "" {
		return b
	}
	return append(binary.AppendUvarint(appendTag(b, field, 2), uint64(len(v))), v...)
}

func appendDouble(b []byte, field int, v float64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, field, 1), math.Float64bits(v))
}

// appendMessage appends a message of less than 16 KiB, whose length is written when it is known.
func appendMessage(b []byte, field int, write func([]byte) []byte) []byte {
	b = append(appendTag(b, field, 2), 0, 0)
	at := len(b)
	b = write(b)
	n := len(b) - at
	b[at-2], b[at-1] = byte(n)|0x80, byte(n>>7)
	return b
}

func appendTime(b []byte, field int, ns int64) []byte {
	return appendMessage(b, field, func(b []byte) []byte {
		return appendUint(appendUint(b, 1, uint64(ns/1e9)), 2, uint64(ns%1e9))
	})
}

// appendFramed appends gRPC's five bytes and a message.
func appendFramed(b []byte, write func([]byte) []byte) []byte {
	b = append(b, 0, 0, 0, 0, 0)
	at := len(b)
	b = write(b)
	binary.BigEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}

// capabilities of this release: src/api/capabilities.ts.
var capabilities = []string{"md5-100", "model-override", "upstream-tls", "insured", "warmup", "ttl"}

// appendHello appends the first WatchRequest of a stream.
func appendHello(b []byte, s *sidecar) []byte {
	return appendFramed(b, func(b []byte) []byte {
		b = appendMessage(b, 1, func(b []byte) []byte {
			b = appendText(b, 1, s.instance)
			b = appendTime(b, 2, s.startedAt)
			b = appendText(b, 3, "fraud")
			b = appendText(b, 4, "scorer")
			b = appendText(b, 5, s.pod)
			b = appendText(b, 6, "0.2.0")
			for _, name := range capabilities {
				b = appendText(b, 7, name)
			}
			return b
		})
		return appendText(b, 2, s.version)
	})
}

// appendAnswer appends an ACK, or a NACK where there is a problem.
func appendAnswer(b []byte, nonce, problem string) []byte {
	return appendFramed(b, func(b []byte) []byte {
		b = appendText(b, 3, nonce)
		if problem == "" {
			return b
		}
		return appendMessage(b, 4, func(b []byte) []byte { return appendText(appendText(b, 1, "snapshot"), 2, problem) })
	})
}

// response is what of a WatchResponse matters to the simulator.
type response struct {
	version, nonce string
	hasSnapshot    bool
	routes         int
	heartbeatNs    int64
	reportNs       int64
}

var errMessage = errors.New("not a message")

// eachField calls visit for every field of a message: v is the number of a varint, body what is of a length.
func eachField(b []byte, visit func(field int, v uint64, body []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errMessage
		}
		b = b[n:]
		var v uint64
		var body []byte
		switch tag & 7 {
		case 0:
			if v, n = binary.Uvarint(b); n <= 0 {
				return errMessage
			}
			b = b[n:]
		case 1, 5:
			n = 8 - int(tag&4)
			if len(b) < n {
				return errMessage
			}
			b = b[n:]
		case 2:
			v, n = binary.Uvarint(b)
			if n <= 0 || v > uint64(len(b)-n) {
				return errMessage
			}
			body, b = b[n:n+int(v)], b[n+int(v):]
		default:
			return errMessage
		}
		if err := visit(int(tag>>3), v, body); err != nil {
			return err
		}
	}
	return nil
}

func duration(b []byte) (ns int64, err error) {
	err = eachField(b, func(field int, v uint64, _ []byte) error {
		switch field {
		case 1:
			ns += int64(v) * 1e9
		case 2:
			ns += int64(v)
		}
		return nil
	})
	return ns, err
}

func readResponse(b []byte) (r response, err error) {
	err = eachField(b, func(field int, _ uint64, body []byte) (err error) {
		switch field {
		case 1:
			r.version = string(body)
		case 2:
			r.nonce = string(body)
		case 3:
			r.hasSnapshot = true
			err = eachField(body, func(field int, _ uint64, _ []byte) error {
				if field == 1 {
					r.routes++
				}
				return nil
			})
		case 4:
			r.heartbeatNs, err = duration(body)
		case 5:
			r.reportNs, err = duration(body)
		}
		return err
	})
	return r, err
}

// version is the text that src/api/version.ts writes: store, revision, digest.
type version struct {
	store, digest string
	revision      int64
}

func parseVersion(text string) (v version, ok bool) {
	const store, digest = 12, 8
	if len(text) < store+digest+3 || text[store] != '-' || text[len(text)-digest-1] != '-' {
		return v, false
	}
	middle := text[store+1 : len(text)-digest-1]
	v.store, v.digest = text[:store], text[len(text)-digest:]
	if !isHex(v.store) || !isHex(v.digest) || len(middle) > 15 {
		return v, false
	}
	revision, err := strconv.ParseUint(middle, 10, 63)
	v.revision = int64(revision)
	return v, err == nil
}

func isHex(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
