// Command upstream is the bench's model server: it answers Predict calls as TensorFlow Serving would, at the lowest cost
// we could reach, so that the proxy between it and the load generator stays the thing that is measured.
//
// Each of the -listen addresses is one model version. On every connection the headers and bytes of the first -check
// calls are compared with what the load generator sends (a fault is answered with grpc-status 13 and so counted there);
// after that, header blocks are no longer decoded, only message lengths are looked at. Answers leave in a write each,
// as those of a server whose calls end at their own times. A line `counts` on standard
// input prints the calls answered per version as JSON. It ends when standard input closes.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"contender.dev/bench/load/internal/predict"
	"contender.dev/bench/load/internal/secure"
)

const (
	readBuffer   = 256 << 10
	streamWindow = 1 << 20
	connWindow   = 4 << 20
	answerKinds  = 256
)

var (
	checkCalls   = flag.Int("check", 64, "calls per connection whose headers and bytes are compared with the load generator's")
	size         = flag.Int("size", 512, "bytes of a request message, as given to the load generator")
	batch        = flag.Bool("batch", false, "write answers that are ready together at once, not one by one")
	fault        = flag.String("fault", "", "answer wrongly, to prove that it is noticed: status, short, reset, hang")
	certificates = flag.String("tls", "", "folder of certificates: TLS is spoken; plain text without it")
	faultEvery   = flag.Int("fault-every", 100, "one call in this many is answered wrongly")
)

// version is one listener: a model version, its answers and its count.
type version struct {
	number  byte
	answers [answerKinds][]byte
	calls   atomic.Int64
}

func newVersion(number byte) *version {
	v := &version{number: number}
	for i := range v.answers {
		v.answers[i] = predict.NewResponse(number, (float32(i)+0.5)/answerKinds)
	}
	return v
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "comma-separated VERSION=ADDRESS, one listener each")
	flag.Parse()
	var versions []*version
	addresses := map[string]string{}
	for _, item := range strings.Split(*listen, ",") {
		name, address, found := strings.Cut(item, "=")
		if !found {
			name, address = "1", item
		}
		number, err := strconv.Atoi(name)
		if err != nil || number < 1 || number > 127 {
			fail(fmt.Errorf("-listen %q: the version is a number from 1 to 127", item))
		}
		listener, err := secure.Listen(address, *certificates)
		if err != nil {
			fail(err)
		}
		v := newVersion(byte(number))
		versions = append(versions, v)
		addresses[name] = listener.Addr().String()
		go accept(listener, v)
	}
	print(map[string]any{"event": "listening", "addresses": addresses})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() != "counts" {
			continue
		}
		counts := map[string]int64{}
		for _, v := range versions {
			counts[strconv.Itoa(int(v.number))] = v.calls.Load()
		}
		print(map[string]any{"event": "counts", "counts": counts})
	}
}

func print(v any) {
	line, _ := json.Marshal(v)
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "upstream:", err)
	os.Exit(1)
}

func accept(listener net.Listener, v *version) {
	for {
		nc, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go serve(nc, v)
	}
}
