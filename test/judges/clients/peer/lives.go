package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// longestWait is beyond every deadline of the judge: what lasts this long has not been told of its caller's end.
const longestWait = 20 * time.Second

// lives follows calls by their id, for whoever must know from outside that one has begun or ended.
type lives struct {
	calls sync.Map
}

type life struct {
	begun, ended chan struct{}
	how          string
}

func (l *lives) of(id string) *life {
	one, _ := l.calls.LoadOrStore(id, &life{begun: make(chan struct{}), ended: make(chan struct{})})
	return one.(*life)
}

func (one *life) end(how string) {
	one.how = how
	close(one.ended)
}

// wait lasts until the call is cancelled or its deadline passes; the request is the call's id.
func (l *lives) wait(ctx context.Context, id []byte) ([]byte, error) {
	one := l.of(string(id))
	close(one.begun)
	ctx, cancel := context.WithTimeoutCause(ctx, longestWait, status.Error(codes.Internal, "nobody ended this call"))
	defer cancel()
	<-ctx.Done()
	one.end(context.Cause(ctx).Error())
	return nil, status.FromContextError(ctx.Err()).Err()
}

// arrived answers when the call with this id is here.
func (l *lives) arrived(ctx context.Context, id []byte) ([]byte, error) {
	select {
	case <-l.of(string(id)).begun:
		return id, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// gone answers when the call with this id has ended, with the reason.
func (l *lives) gone(ctx context.Context, id []byte) ([]byte, error) {
	one := l.of(string(id))
	select {
	case <-one.ended:
		return []byte(one.how), nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// spread sends as many messages as it is asked for, then the status that it is asked for.
func (l *lives) spread(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	var want asked
	if err := json.Unmarshal(request, &want); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	for i := range want.Count {
		message := numbered(i, want.Size)
		if err := stream.SendMsg(&message); err != nil {
			if want.ID != "" {
				l.of(want.ID).end(stream.Context().Err().Error())
			}
			return err
		}
	}
	return want.status()
}
