package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stream opens one; `read` gives each further message, and the status once there is none.
func (c caller) stream(ctx context.Context, name string) (grpc.ClientStream, func() ([]byte, error)) {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	opened, err := c.connection.NewStream(ctx, description, method(name))
	if err != nil {
		return nil, func() ([]byte, error) { return nil, err }
	}
	return opened, func() ([]byte, error) {
		var message []byte
		return message, opened.RecvMsg(&message)
	}
}

// send ignores failures: reading tells the status.
func send(stream grpc.ClientStream, messages ...[]byte) {
	for _, message := range messages {
		if stream == nil || stream.SendMsg(&message) != nil {
			return
		}
	}
}

func closeSend(stream grpc.ClientStream) {
	if stream != nil {
		_ = stream.CloseSend()
	}
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), longestCall)
}

func (c caller) collect() (string, any, error) {
	ctx, cancel := limited()
	defer cancel()
	stream, read := c.stream(ctx, "Collect")
	for i := range 500 {
		send(stream, numbered(i, i*7%40_000))
	}
	closeSend(stream)
	told, err := read()
	if err != nil {
		return "", nil, err
	}
	if !bytes.Contains(told, []byte(`"count":500`)) {
		return "", nil, fmt.Errorf("the server counted %s", told)
	}
	return "500 messages", string(told), nil
}

func (c caller) spread() (string, any, error) {
	got, err := c.spreadOf(asked{Count: 2_000, Size: 3_000})
	if err != io.EOF || got != 2_000 {
		return "", nil, fmt.Errorf("after %d messages: %v", got, err)
	}
	return fmt.Sprintf("%d messages in order", got), got, nil
}

func (c caller) lateFailure() (string, any, error) {
	got, err := c.spreadOf(asked{Count: 3, Code: codes.ResourceExhausted, Message: "no more ✓", Details: "late"})
	failed := status.Convert(err)
	if got != 3 || failed.Code() != codes.ResourceExhausted || len(failed.Proto().GetDetails()) != 1 {
		return "", nil, fmt.Errorf("after %d messages: %v", got, err)
	}
	return "after 3 messages, with details", []any{failed.Message(), failed.Code()}, nil
}

// spreadOf counts the messages that come in order, to the stream's end.
func (c caller) spreadOf(want asked) (int, error) {
	ctx, cancel := limited()
	defer cancel()
	stream, read := c.stream(ctx, "Spread")
	send(stream, document(want))
	closeSend(stream)
	for i := 0; ; i++ {
		message, err := read()
		if err != nil {
			return i, err
		}
		if !bytes.Equal(message, numbered(i, want.Size)) {
			return i, fmt.Errorf("message %d is another", i)
		}
	}
}

// converse waits for each answer before it says more.
func (c caller) converse() (string, any, error) {
	ctx, cancel := limited()
	defer cancel()
	stream, read := c.stream(ctx, "Chat")
	for i := range 200 {
		said := numbered(i, i*97)
		send(stream, said)
		if heard, err := read(); err != nil || !bytes.Equal(heard, said) {
			return "", nil, fmt.Errorf("turn %d: %d bytes, %v", i, len(heard), err)
		}
	}
	closeSend(stream)
	if _, err := read(); err != io.EOF {
		return "", nil, fmt.Errorf("the end: %v", err)
	}
	return "200 turns, each waits for the other", nil, nil
}

func (c caller) cancelStream() (string, any, error) {
	id := fmt.Sprint("stream ", time.Now().UnixNano())
	ctx, cancel := limited()
	stream, read := c.stream(ctx, "Spread")
	send(stream, document(asked{ID: id, Count: 1 << 30, Size: 10_000}))
	closeSend(stream)
	for i := range 3 {
		if message, err := read(); err != nil || binary.BigEndian.Uint32(message) != uint32(i) {
			cancel()
			return "", nil, fmt.Errorf("message %d: %v", i, err)
		}
	}
	cancel()
	_, why := c.unary(context.Background(), method("Gone"), []byte(id))
	if string(why) != context.Canceled.Error() {
		return "", nil, fmt.Errorf("at the server: %q", why)
	}
	return "an endless one ends at the server", string(why), nil
}
