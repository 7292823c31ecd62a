package main

import (
	"bytes"

	"golang.org/x/net/http2/hpack"
)

// blocks are the header blocks of a connection's calls in their order. All sidecars say the same, so that what an encoder makes for
// one connection, dynamic table and all, is right for every other with the same table size.
type blocks struct {
	watch, firstReport, report []byte
}

func newBlocks(authority string, tableSize uint32) *blocks {
	var out bytes.Buffer
	enc := hpack.NewEncoder(&out)
	enc.SetMaxDynamicTableSizeLimit(tableSize)
	block := func(path string) []byte {
		out.Reset()
		for _, f := range [][2]string{
			{":scheme", "http"}, {":method", "POST"}, {":path", path}, {":authority", authority},
			{"grpc-accept-encoding", "identity,deflate,gzip"}, {"accept-encoding", "identity"},
			{"user-agent", "grpc-node-js/1.14.7"}, {"content-type", "application/grpc"}, {"te", "trailers"},
		} {
			enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		return bytes.Clone(out.Bytes())
	}
	const service = "/contender.v1."
	return &blocks{
		watch:       block(service + "ConfigService/Watch"),
		firstReport: block(service + "ReportService/Report"),
		report:      block(service + "ReportService/Report"),
	}
}
