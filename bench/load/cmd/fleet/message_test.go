package main

import (
	"strings"
	"testing"
)

func TestVersionIsReadAsTheServiceWritesIt(t *testing.T) {
	v, ok := parseVersion("0123456789ab-120-deadbeef")
	if !ok || v.store != "0123456789ab" || v.revision != 120 || v.digest != "deadbeef" {
		t.Errorf("got %+v, %v", v, ok)
	}
	for _, text := range []string{"", "0123456789ab--deadbeef", "0123456789AB-1-deadbeef", "0123456789ab-1-deadbee", "0123456789ab-+1-deadbeef",
		"0123456789ab-" + strings.Repeat("1", 16) + "-deadbeef"} {
		if _, ok := parseVersion(text); ok {
			t.Errorf("%q passed", text)
		}
	}
}

func TestResponseIsReadAndACutOneIsRefused(t *testing.T) {
	whole := appendText(nil, 1, "0123456789ab-7-deadbeef")
	whole = appendText(whole, 2, "n")
	whole = appendMessage(whole, 3, func(b []byte) []byte { return appendText(appendText(b, 1, "route"), 1, "route") })
	whole = appendMessage(whole, 4, func(b []byte) []byte { return appendUint(appendUint(b, 1, 3), 2, 5e8) })
	r, err := readResponse(whole)
	if err != nil || r.version != "0123456789ab-7-deadbeef" || r.nonce != "n" || r.routes != 2 || r.heartbeatNs != 3_500_000_000 {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := readResponse(whole[:len(whole)-1]); err == nil {
		t.Error("a cut message passed")
	}
}

func TestReportHasTheSizeOfARealOne(t *testing.T) {
	s := &sidecar{instance: "00000000-5eed-4bad-8ace-000000000000", version: "0123456789ab-7-deadbeef", sequence: 100}
	series := 0
	err := eachField(appendReport(nil, s, 1)[5:], func(field int, _ uint64, _ []byte) error {
		if field == 7 {
			series++
		}
		return nil
	})
	if n := len(appendReport(nil, s, 1)); err != nil || series != 8 || n < 1024 || n > 2048 {
		t.Errorf("%d series in %d bytes, %v", series, n, err)
	}
}
