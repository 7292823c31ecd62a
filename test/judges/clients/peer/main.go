// grpc-go on both sides of the judge: the server that every client calls, and one of the clients.
//
// Messages are bytes on both sides, so that a method's answer is what a client compares, whatever its language.
//
// Usage: peer serve | peer call MODELS ECHO PREDICT | peer load ADDRESS
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && arguments[0] == "serve":
		serve()
	case len(arguments) == 4 && arguments[0] == "call":
		call(arguments[1], arguments[2], arguments[3])
	case len(arguments) == 2 && arguments[0] == "load":
		load(arguments[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: peer serve | peer call MODELS ECHO PREDICT | peer load ADDRESS")
		os.Exit(2)
	}
}

// raw hands messages over as they are.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) {
	return *message.(*[]byte), nil
}

func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

// Name keeps the content type at what generated clients send.
func (raw) Name() string { return "proto" }

// printLine writes one JSON document to standard output.
func printLine(value any) {
	must(json.NewEncoder(os.Stdout).Encode(value))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
