// An upstream that answers every request with 200 and a body, by Go's own HTTP/2 without TLS.
//
// The body is there so that flow control has something to hold back; the request's is read to its end, as a server does that
// is interested in it. Prints {"event":"ready","port":N}, and ends with its standard input.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

const answer = "a body of some length, for windows that are smaller\n"

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"event": "ready", "port": port}))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(handle), Protocols: protocols}
	must(server.Serve(listener))
}

func handle(writer http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body)
	writer.Header().Set("content-type", "text/plain")
	_, _ = io.WriteString(writer, answer)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
