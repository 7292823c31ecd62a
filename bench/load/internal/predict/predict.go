// Package predict builds and checks the messages of TensorFlow Serving's PredictionService.Predict.
//
// Field numbers are those of tensorflow_serving/apis/predict.proto, model.proto and
// tensorflow/core/framework/tensor.proto. Both ends of the bench build a message of a given size from the same recipe,
// so each can tell whether the other's bytes arrived unharmed.
package predict

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// Path is the method that every call of the bench uses.
	Path = "/tensorflow.serving.PredictionService/Predict"
	// Model is the model that requests name.
	Model = "fraud"
	// Signature is the signature that requests name.
	Signature = "serving_default"
	// UserDigits is the length of the user id in a request's user_id tensor.
	UserDigits = 8

	dtFloat  = 1
	dtString = 7
)

func tag(b []byte, field, kind int) []byte { return binary.AppendUvarint(b, uint64(field<<3|kind)) }

func bytesField(b []byte, field int, v []byte) []byte {
	b = tag(b, field, 2)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func varintField(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(tag(b, field, 0), v)
}

func shape(dims ...int) []byte {
	var b []byte
	for _, d := range dims {
		b = bytesField(b, 2, varintField(nil, 1, uint64(d)))
	}
	return b
}

func mapEntry(key string, value []byte) []byte {
	return bytesField(bytesField(nil, 1, []byte(key)), 2, value)
}

// Request is a PredictRequest behind its gRPC prefix, with the place of the user id, which differs per call.
type Request struct {
	Bytes  []byte
	UserAt int
}

// NewRequest builds a request whose message has close to size bytes: a string tensor `user_id` and a float tensor
// `features` of as many columns as fit.
func NewRequest(size int) Request {
	spec := bytesField(bytesField(nil, 1, []byte(Model)), 3, []byte(Signature))
	user := bytes.Repeat([]byte{'0'}, UserDigits)
	userTensor := bytesField(bytesField(varintField(nil, 1, dtString), 2, shape(1)), 8, user)
	message := bytesField(nil, 1, spec)
	message = bytesField(message, 2, mapEntry("user_id", userTensor))
	overhead := len(message) + 40
	columns := max(1, (size-overhead)/4)
	content := make([]byte, 0, columns*4)
	for i := range columns {
		content = binary.LittleEndian.AppendUint32(content, math.Float32bits(float32(i%997)*0.25-12))
	}
	features := bytesField(bytesField(varintField(nil, 1, dtFloat), 2, shape(1, columns)), 4, content)
	message = bytesField(message, 2, mapEntry("features", features))

	framed := append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	framed = append(framed, message...)
	return Request{Bytes: framed, UserAt: bytes.Index(framed, user)}
}

// Check compares bytes that arrived with this request, the user id apart; the error says what differs.
func (r Request) Check(got []byte) error {
	if len(got) != len(r.Bytes) {
		return fmt.Errorf("request of %d bytes, %d expected", len(got), len(r.Bytes))
	}
	after := r.UserAt + UserDigits
	if !bytes.Equal(got[:r.UserAt], r.Bytes[:r.UserAt]) || !bytes.Equal(got[after:], r.Bytes[after:]) {
		return fmt.Errorf("request bytes differ from what was sent")
	}
	return nil
}

// NewResponse builds a PredictResponse behind its gRPC prefix: scores [1,2] and the version of the model that answered.
// All have one length for versions 1..127, which is what lets Version find the version at a fixed place.
func NewResponse(version byte, score float32) []byte {
	var values []byte
	values = binary.LittleEndian.AppendUint32(values, math.Float32bits(1-score))
	values = binary.LittleEndian.AppendUint32(values, math.Float32bits(score))
	scores := bytesField(bytesField(varintField(nil, 1, dtFloat), 2, shape(1, 2)), 5, values)
	spec := bytesField(nil, 1, []byte(Model))
	spec = bytesField(spec, 2, varintField(nil, 1, uint64(version)))
	spec = bytesField(spec, 3, []byte(Signature))
	message := bytesField(nil, 1, mapEntry("scores", scores))
	message = bytesField(message, 2, spec)
	framed := append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	return append(framed, message...)
}

// ResponseLen is the length of every answer, gRPC prefix included.
var ResponseLen = len(NewResponse(1, 0))

// versionAt is where the version's one byte stands in an answer.
var versionAt = func() int {
	a, b := NewResponse(1, 0), NewResponse(2, 0)
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	panic("versions do not show in the answer")
}()

// Version checks the frame of an answer and reads the version of the model that gave it.
func Version(framed []byte) (byte, error) {
	if len(framed) != ResponseLen {
		return 0, fmt.Errorf("answer of %d bytes, %d expected", len(framed), ResponseLen)
	}
	if framed[0] != 0 || int(binary.BigEndian.Uint32(framed[1:])) != ResponseLen-5 {
		return 0, fmt.Errorf("answer's gRPC prefix is % x", framed[:5])
	}
	return framed[versionAt], nil
}
