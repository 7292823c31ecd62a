package predict

import "testing"

func TestRequestsAreCloseToTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{512, 4096, 1 << 20} {
		got := len(NewRequest(size).Bytes)
		if got > size+8 || got < size-48 {
			t.Errorf("asked for %d bytes, got %d", size, got)
		}
	}
}

func TestCheckSeesEveryBytesChangeButTheUserIDs(t *testing.T) {
	request := NewRequest(512)
	for i := range request.Bytes {
		changed := append([]byte(nil), request.Bytes...)
		changed[i] ^= 1
		inUser := i >= request.UserAt && i < request.UserAt+UserDigits
		if err := request.Check(changed); (err == nil) != inUser {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if request.Check(request.Bytes[1:]) == nil {
		t.Error("a missing byte passed")
	}
}

func TestVersionComesBackFromEveryAnswer(t *testing.T) {
	for _, want := range []byte{1, 41, 127} {
		for _, score := range []float32{0, 0.25, 1} {
			if got, err := Version(NewResponse(want, score)); err != nil || got != want {
				t.Errorf("version %d, score %v: got %d, %v", want, score, got, err)
			}
		}
	}
	if _, err := Version(NewResponse(41, 0)[1:]); err == nil {
		t.Error("a cut answer passed")
	}
}
