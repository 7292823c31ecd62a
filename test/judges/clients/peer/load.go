package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// load calls until standard input ends, in the way of a service that must not see a restart: each failed call is told.
func load(address string) {
	c := dial(address)
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	told := tally{failed: []string{}}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() { told.repeat(stop, 5*time.Millisecond, c.short) })
	}
	// Long enough to be open when the sidecar is told to end, short enough to end within its grace.
	for range 2 {
		workers.Go(func() { told.repeat(stop, 0, c.talk) })
	}
	printLine(map[string]any{"event": "ready"})
	workers.Wait()
	printLine(map[string]any{"calls": told.calls, "failed": told.failed})
}

type tally struct {
	mutex  sync.Mutex
	calls  int
	failed []string
}

func (t *tally) repeat(stop <-chan struct{}, pause time.Duration, once func() error) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		err := once()
		t.mutex.Lock()
		t.calls++
		if err != nil {
			t.failed = append(t.failed, err.Error())
		}
		t.mutex.Unlock()
	}
}

func (c caller) short() error {
	if got, body := c.unary(context.Background(), method("Unary"), []byte("short")); string(body) != "short" {
		return fmt.Errorf("short: %v %s", got.Code, got.Message)
	}
	return nil
}

func (c caller) talk() error {
	ctx, cancel := limited()
	defer cancel()
	stream, read := c.stream(ctx, "Chat")
	for i := range 40 {
		said := numbered(i, 1_000)
		send(stream, said)
		if heard, err := read(); err != nil || !bytes.Equal(heard, said) {
			return fmt.Errorf("talk, turn %d: %v", i, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	closeSend(stream)
	if _, err := read(); err != io.EOF {
		return fmt.Errorf("talk, its end: %v", err)
	}
	return nil
}
