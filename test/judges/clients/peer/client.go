package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	longestCall = 30 * time.Second
	// Where a call is to end early: short against a call's limit, long against what a busy machine takes to send one.
	earlyDeadline = 300 * time.Millisecond
	largeMessage  = 64 << 20
	// More than most servers allow on one connection at once, this project's and grpc-js's defaults among them.
	crowd = 1_200
)

// record is what a client has to say of one kind of call. `Seen` must be the same whoever stands in between.
type record struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
	Detail  string `json:"detail"`
	Seen    any    `json:"seen"`
}

// answer is all that a caller sees of a unary call.
type answer struct {
	Body     string      `json:"body"`
	Code     codes.Code  `json:"code"`
	Message  string      `json:"message"`
	Initial  [][2]string `json:"initial"`
	Trailing [][2]string `json:"trailing"`
}

type caller struct {
	connection *grpc.ClientConn
	answers    *answerCompressions
}

func dial(address string) caller {
	answers := &answerCompressions{}
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(answers),
		// A second try would hide what this judge looks for.
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(longestMessage), grpc.MaxCallSendMsgSize(longestMessage)))
	must(err)
	return caller{connection, answers}
}

// call makes every kind of call once, and prints a record of each.
func call(models, echoAddress, predictFile string) {
	predict, err := os.ReadFile(predictFile)
	must(err)
	model, echo := dial(models), dial(echoAddress)
	for _, judged := range []struct {
		name string
		run  func() (detail string, seen any, err error)
	}{
		{"Predict", func() (string, any, error) { return model.predict(predict) }},
		{"messages of many sizes", echo.sizes},
		{"metadata", echo.metadata},
		{"what the server hears", echo.heard},
		{"statuses", echo.statuses},
		{"client stream", echo.collect},
		{"server stream", echo.spread},
		{"late failure", echo.lateFailure},
		{"conversation", echo.converse},
		{"gzip", echo.gzip},
		{"deadline", echo.deadline},
		{"cancellation", echo.cancel},
		{"cancelled stream", echo.cancelStream},
		{"1,200 calls at once", echo.crowd},
		{"64 MiB", echo.large},
	} {
		detail, seen, err := judged.run()
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		printLine(record{judged.name, problem, detail, seen})
	}
}

func (c caller) unary(ctx context.Context, method string, request []byte, options ...grpc.CallOption) (answer, []byte) {
	ctx, cancel := context.WithTimeout(ctx, longestCall)
	defer cancel()
	var response []byte
	var initial, trailing metadata.MD
	options = append(options, grpc.Header(&initial), grpc.Trailer(&trailing))
	failed := status.Convert(c.connection.Invoke(ctx, method, &request, &response, options...))
	return answer{digest(response), failed.Code(), failed.Message(), sorted(initial), sorted(trailing)}, response
}

func (c caller) predict(request []byte) (string, any, error) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-user-id", "u-1")
	got, body := c.unary(ctx, "/tensorflow.serving.PredictionService/Predict", request)
	// Of the answer of a grpc-js server, whose date is another each second.
	got.Initial = without(got.Initial, "date")
	if got.Code != codes.OK || len(body) == 0 {
		return "", got, fmt.Errorf("%v %s", got.Code, got.Message)
	}
	return fmt.Sprintf("%d bytes of scores", len(body)), got, nil
}

func (c caller) sizes() (string, any, error) {
	var seen []answer
	sizes := []int{0, 1, 16_379, 16_384, 65_535, 262_145, 1_000_003}
	for _, size := range sizes {
		request := noise(size)
		got, body := c.unary(context.Background(), method("Unary"), request)
		seen = append(seen, got)
		if !bytes.Equal(body, request) {
			return "", seen, fmt.Errorf("of %d bytes came back %d, %v %s", size, len(body), got.Code, got.Message)
		}
	}
	return fmt.Sprintf("%d sizes to %d bytes", len(sizes), sizes[len(sizes)-1]), seen, nil
}

func (c caller) metadata() (string, any, error) {
	ctx := metadata.AppendToOutgoingContext(context.Background(),
		"x-initial", "one", "x-initial", "two, three", "x-initial-empty", "", "x-initial-spaces", " at both ends ",
		"x-initial-bin", "\x00\xff\xab",
		"x-initial-bin", "\x80", "x-trailing-long", strings.Repeat("long ", 800), "x-trailing-bin", string(noise(1_000)))
	got, _ := c.unary(ctx, method("Unary"), []byte("m"))
	values := len(got.Initial) + len(got.Trailing)
	if values < 7 {
		return "", got, fmt.Errorf("only %d values came back: %v %s", values, got.Code, got.Message)
	}
	return "repeated, empty, long and binary", got, nil
}

func (c caller) heard() (string, any, error) {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "x-user-id", "u-1", "traceparent",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "authorization", "Bearer "+strings.Repeat("t", 600),
		"k-bin", string([]byte{0, 1, 2, 253}))
	got, body := c.unary(ctx, method("Heard"), nil)
	var told struct {
		Metadata    [][2]string
		RemainingMs int64
		Compression string
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return "", got, err
	}
	limit := longestCall.Milliseconds()
	if told.RemainingMs > limit || told.RemainingMs < limit-5_000 {
		return "", got, fmt.Errorf("of a deadline of %d ms the server heard %d", limit, told.RemainingMs)
	}
	return fmt.Sprintf("%d fields", len(told.Metadata)), map[string]any{"heard": told.Metadata}, nil
}

func (c caller) statuses() (string, any, error) {
	var seen []answer
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		message := fmt.Sprintf("naïve 100 %% – ✓ \t of %d ", code)
		got, _ := c.unary(context.Background(), method("Fail"), document(asked{Code: code, Message: message, Details: "why"}))
		seen = append(seen, got)
		if got.Code != code || got.Message != message || len(got.Trailing) == 0 {
			return "", seen, fmt.Errorf("%v %q became %v %q", code, message, got.Code, got.Message)
		}
	}
	return fmt.Sprintf("all %d codes, with message and details", len(seen)), seen, nil
}

func (c caller) gzip() (string, any, error) {
	c.answers.forget()
	request := bytes.Repeat([]byte("compresses well "), 20_000)
	got, body := c.unary(context.Background(), method("Unary"), request, grpc.UseCompressor(gzip.Name))
	heard, told := c.unary(context.Background(), method("Heard"), nil, grpc.UseCompressor(gzip.Name))
	way := c.answers.last.Load()
	switch {
	case !bytes.Equal(body, request):
		return "", got, fmt.Errorf("%d bytes came back: %v %s", len(body), got.Code, got.Message)
	case !bytes.Contains(told, []byte(`"compression":"gzip"`)):
		return "", heard, fmt.Errorf("the server heard %s", told)
	case way == nil || *way != gzip.Name || c.answers.saved.Load() < int64(len(request))/2:
		return "", got, fmt.Errorf("the answer came uncompressed")
	}
	return fmt.Sprintf("both ways, %d bytes saved", c.answers.saved.Load()), got, nil
}

func (c caller) deadline() (string, any, error) {
	why := ""
	for range 3 {
		id := fmt.Sprint("deadline ", time.Now().UnixNano())
		ctx, cancel := context.WithTimeout(context.Background(), earlyDeadline)
		got, _ := c.unary(ctx, method("Wait"), []byte(id))
		cancel()
		gone, reason := c.unary(context.Background(), method("Gone"), []byte(id))
		why = string(reason)
		if got.Code != codes.DeadlineExceeded || gone.Code != codes.OK {
			return "", nil, fmt.Errorf("%v %s; at the server %v %s", got.Code, got.Message, gone.Code, gone.Message)
		}
	}
	return fmt.Sprintf("after %v, the server too: %s", earlyDeadline, why), nil, nil
}

func (c caller) cancel() (string, any, error) {
	id := fmt.Sprint("cancel ", time.Now().UnixNano())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan answer)
	go func() {
		got, _ := c.unary(ctx, method("Wait"), []byte(id))
		ended <- got
	}()
	c.unary(context.Background(), method("Arrived"), []byte(id))
	cancel()
	got := <-ended
	_, why := c.unary(context.Background(), method("Gone"), []byte(id))
	if got.Code != codes.Canceled || string(why) != context.Canceled.Error() {
		return "", got, fmt.Errorf("%v %s; at the server %q", got.Code, got.Message, why)
	}
	return "reaches the server", []any{got.Code, string(why)}, nil
}

func (c caller) crowd() (string, any, error) {
	var wait sync.WaitGroup
	var failed atomic.Value
	for i := range crowd {
		wait.Go(func() {
			request := numbered(i, 100)
			if got, body := c.unary(context.Background(), method("Unary"), request); !bytes.Equal(body, request) {
				failed.Store(fmt.Errorf("%v %s", got.Code, got.Message))
			}
		})
	}
	wait.Wait()
	err, _ := failed.Load().(error)
	return "on one connection", nil, err
}

func (c caller) large() (string, any, error) {
	request := bytes.Repeat(noise(1<<20), largeMessage>>20)
	got, body := c.unary(context.Background(), method("Unary"), request)
	if !bytes.Equal(body, request) {
		return "", got, fmt.Errorf("%d bytes came back: %v %s", len(body), got.Code, got.Message)
	}
	return "there and back in one message", got, nil
}

func method(name string) string { return "/" + serviceName + "/" + name }

// noise is bytes without a pattern, the same every time.
func noise(length int) []byte {
	var all []byte
	for i := 0; len(all) < length; i++ {
		block := sha256.Sum256([]byte(fmt.Sprint(i)))
		all = append(all, block[:]...)
	}
	return all[:length]
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%d bytes, %s", len(data), hex.EncodeToString(sum[:8]))
}

func document(value any) []byte {
	text, err := json.Marshal(value)
	must(err)
	return text
}

// sorted lists metadata by name, values of one name in their order.
func sorted(all metadata.MD) [][2]string {
	fields := [][2]string{}
	for name, values := range all {
		for _, value := range values {
			if strings.HasSuffix(name, "-bin") {
				value = hex.EncodeToString([]byte(value))
			}
			fields = append(fields, [2]string{name, value})
		}
	}
	sort.SliceStable(fields, func(i, j int) bool { return fields[i][0] < fields[j][0] })
	return fields
}

func without(fields [][2]string, name string) [][2]string {
	kept := [][2]string{}
	for _, field := range fields {
		if field[0] != name {
			kept = append(kept, field)
		}
	}
	return kept
}

// answerCompressions notes how answers came.
type answerCompressions struct {
	last  atomic.Pointer[string]
	saved atomic.Int64
}

func (a *answerCompressions) forget() {
	a.last.Store(nil)
	a.saved.Store(0)
}

func (a *answerCompressions) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return ctx
}

func (a *answerCompressions) HandleRPC(_ context.Context, seen stats.RPCStats) {
	switch event := seen.(type) {
	case *stats.InHeader:
		a.last.Store(&event.Compression)
	case *stats.InPayload:
		a.saved.Add(int64(event.Length - event.CompressedLength))
	}
}

func (a *answerCompressions) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (a *answerCompressions) HandleConn(context.Context, stats.ConnStats) {}
