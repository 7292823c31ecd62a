package main

import (
	"encoding/hex"
	"strconv"

	"contender.dev/bench/load/internal/predict"
	"golang.org/x/net/http2/hpack"
)

// chance is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): seeded, so that
// every peer gets the same users in the same order.
type chance uint64

func (c *chance) next() uint64 {
	*c += 0x9e3779b97f4a7c15
	z := uint64(*c)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hexDigits fills b with random lower-case hex digits; len(b) is a multiple of 16.
func (c *chance) hexDigits(b []byte) {
	var raw [8]byte
	for len(b) > 0 {
		v := c.next()
		for i := range raw {
			raw[i] = byte(v >> (8 * i))
		}
		hex.Encode(b, raw[:])
		b = b[16:]
	}
}

// header writes request headers the way grpc-go does: the encoder of golang.org/x/net indexes every field that fits,
// the ones that never repeat too, so the long authorization falls out of the table every dozen calls and is sent anew.
type header struct {
	authority     string
	authorization string
	chance        chance
	scratch       [48]byte
}

func newHeader(authority string, seed uint64) *header {
	token := make([]byte, 600)
	copy(token, "Bearer ")
	c := chance(41)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len("Bearer "); i < len(token); i++ {
		token[i] = alphabet[c.next()%64]
	}
	return &header{authority: authority, authorization: string(token), chance: chance(seed)}
}

func (h *header) write(enc *hpack.Encoder, userID string) {
	field := func(name, value string) { enc.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", "POST")
	field(":scheme", "http")
	field(":path", predict.Path)
	field(":authority", h.authority)
	field("content-type", "application/grpc")
	field("user-agent", "grpc-go/1.78.0")
	field("te", "trailers")
	// A deadline of 30 s less what the caller spent before sending.
	field("grpc-timeout", strconv.FormatUint(30_000_000-h.chance.next()%5_000, 10)+"u")
	field("authorization", h.authorization)
	field("x-user-id", userID)
	b := h.scratch[:]
	h.chance.hexDigits(b)
	field("traceparent", "00-"+string(b[:32])+"-"+string(b[32:48])+"-01")
	h.chance.hexDigits(b[:32])
	field("x-request-id", string(b[:8])+"-"+string(b[8:12])+"-"+string(b[12:16])+"-"+string(b[16:20])+"-"+string(b[20:32]))
}
