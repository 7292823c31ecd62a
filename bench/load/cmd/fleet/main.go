// Command fleet simulates thousands of sidecars towards a config service, each with a connection of its own: a Watch stream whose
// snapshots it answers, and a Report now and then. See proto/contender/v1 for what they say.
//
// It is told what to do by JSON objects, one a line, on standard input, and answers each with one on standard output:
//
//	{"do":"connect","sidecars":10000,"rampMs":5000}     {"event":"settled",…} when all are up to date
//	{"do":"mark"}                                       forgets earlier answers
//	{"do":"expect","revision":7,"sinceNs":1,"withinMs":30000}   {"event":"applied",…} when all have answered it, or later ones
//	{"do":"drop"}                                       closes all connections; they come back as sidecars do
//	{"do":"settle","sinceNs":1,"withinMs":60000}        {"event":"settled",…} when all streams since then are up to date
//	{"do":"stats"}                                      {"event":"stats",…}
//
// Times are those of CLOCK_MONOTONIC in nanoseconds, which Node's process.hrtime tells too; 0 is when the command came. It ends
// when standard input closes.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// command is one line of standard input.
type command struct {
	Do       string `json:"do"`
	Sidecars int    `json:"sidecars"`
	RampMs   int64  `json:"rampMs"`
	Revision int64  `json:"revision"`
	SinceNs  int64  `json:"sinceNs,string"`
	WithinMs int64  `json:"withinMs"`
}

func main() {
	target := flag.String("target", "", "127.0.0.1:PORT of the service")
	report := flag.Duration("report", 0, "time between reports of a sidecar; as the service says where it is 0")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	l, err := newLoop(*target, *report)
	if err != nil {
		fail(err)
	}
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			var c command
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				fail(err)
			}
			l.commands <- c
			syscall.Write(l.wake[1], []byte{1})
		}
		os.Exit(0)
	}()
	l.run()
}

func print(v map[string]any) {
	line, _ := json.Marshal(v)
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "fleet:", err)
	os.Exit(1)
}
