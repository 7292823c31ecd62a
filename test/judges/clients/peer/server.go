package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	serviceName = "contender.judge.Echo"
	// Room for the largest message of the judge and its frame.
	longestMessage = 65 << 20
)

// asked is what a request asks of the methods that take JSON; each reads what it needs.
type asked struct {
	// Of the call, for Arrived and Gone.
	ID      string
	Count   int
	Size    int
	Code    codes.Code
	Message string
	Details string
}

// serve answers until standard input ends: a judge that dies takes its server along.
func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(
		grpc.ForceServerCodec(raw{}),
		grpc.MaxRecvMsgSize(longestMessage),
		grpc.MaxSendMsgSize(longestMessage),
		grpc.StatsHandler(compressions{}),
	)
	lives := &lives{}
	unary := func(name string, answer func(context.Context, []byte) ([]byte, error)) grpc.MethodDesc {
		return grpc.MethodDesc{
			MethodName: name,
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var request []byte
				if err := decode(&request); err != nil {
					return nil, err
				}
				response, err := answer(ctx, request)
				return &response, err
			},
		}
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			unary("Unary", echo),
			unary("Heard", heard),
			unary("Fail", fail),
			unary("Wait", lives.wait),
			unary("Arrived", lives.arrived),
			unary("Gone", lives.gone),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Collect", ClientStreams: true, Handler: collect},
			{StreamName: "Spread", ServerStreams: true, Handler: lives.spread},
			{StreamName: "Chat", ClientStreams: true, ServerStreams: true, Handler: chat},
		},
	}, nil)
	printLine(map[string]any{"event": "ready", "port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	must(server.Serve(listener))
}

// echo gives the message back, metadata that begins with x-initial in the answer's head, and x-trailing in its trailers.
func echo(ctx context.Context, request []byte) ([]byte, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	initial, trailing := metadata.MD{}, metadata.MD{}
	for name, values := range incoming {
		switch {
		case strings.HasPrefix(name, "x-initial"):
			initial.Append(name, values...)
		case strings.HasPrefix(name, "x-trailing"):
			trailing.Append(name, values...)
		}
	}
	if err := grpc.SetHeader(ctx, initial); err != nil {
		return nil, err
	}
	return request, grpc.SetTrailer(ctx, trailing)
}

// heard tells what came with the call.
func heard(ctx context.Context, _ []byte) ([]byte, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	fields := [][2]string{}
	for name, values := range incoming {
		for _, value := range values {
			if strings.HasSuffix(name, "-bin") {
				value = hex.EncodeToString([]byte(value))
			}
			fields = append(fields, [2]string{name, value})
		}
	}
	sort.SliceStable(fields, func(i, j int) bool { return fields[i][0] < fields[j][0] })
	remaining := int64(-1)
	if deadline, ok := ctx.Deadline(); ok {
		remaining = time.Until(deadline).Milliseconds()
	}
	return json.Marshal(map[string]any{"metadata": fields, "remainingMs": remaining, "compression": compressionOf(ctx)})
}

func fail(_ context.Context, request []byte) ([]byte, error) {
	var want asked
	if err := json.Unmarshal(request, &want); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return nil, want.status()
}

// status is the error with details, or nil for OK.
func (want asked) status() error {
	failed := &spb.Status{Code: int32(want.Code), Message: want.Message}
	if want.Details != "" {
		failed.Details = []*anypb.Any{{TypeUrl: "type.judge/Text", Value: []byte(want.Details)}}
	}
	return status.ErrorProto(failed)
}

// collect tells how many messages came, and a digest of them in their order.
func collect(_ any, stream grpc.ServerStream) error {
	count, digest := 0, sha256.New()
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		count++
		_ = binary.Write(digest, binary.BigEndian, uint32(len(message)))
		digest.Write(message)
	}
	answer, err := json.Marshal(map[string]any{"count": count, "digest": hex.EncodeToString(digest.Sum(nil))})
	must(err)
	return stream.SendMsg(&answer)
}

func chat(_ any, stream grpc.ServerStream) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// numbered is a message that tells its place in a stream.
func numbered(i, size int) []byte {
	message := make([]byte, max(4, size))
	binary.BigEndian.PutUint32(message, uint32(i))
	return message
}

type compressionKey struct{}

// compressions notes for each call how its request was compressed; grpc-go hides it from handlers.
type compressions struct{}

func (compressions) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, compressionKey{}, new(string))
}

func (compressions) HandleRPC(ctx context.Context, seen stats.RPCStats) {
	if header, ok := seen.(*stats.InHeader); ok {
		*ctx.Value(compressionKey{}).(*string) = header.Compression
	}
}

func (compressions) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (compressions) HandleConn(context.Context, stats.ConnStats) {}

func compressionOf(ctx context.Context) string {
	return *ctx.Value(compressionKey{}).(*string)
}
