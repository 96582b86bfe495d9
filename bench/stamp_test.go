package bench

import (
	"bytes"
	"testing"
)

func TestStamp_Next_WhereverItStands(t *testing.T) {
	a, b := stamp{7, 1, 99}, stamp{7, 1 << 31, 1 << 60}
	text := append([]byte(`{"data":"~roost~zz`), appendPayload(nil, a, MinSize+3)...)
	text = append(append(text, `"}{"x":"~roost~`...), appendPayload(nil, b, 200)...)
	first, rest, ok := nextStamp(text)
	if !ok || first != a {
		t.Fatalf("%+v, %v", first, ok)
	}
	second, rest, ok := nextStamp(rest)
	if !ok || second != b || len(rest) != 200-MinSize {
		t.Fatalf("%+v, %v, %d after it", second, ok, len(rest))
	}
	if _, _, ok := nextStamp(rest); ok {
		t.Error("a third")
	}
}

func TestFiller_Is_WhatAppendMakes(t *testing.T) {
	for n := range 300 {
		b := appendFiller(nil, n)
		if len(b) != n || !isFiller(b) {
			t.Fatalf("%d: %q", n, b)
		}
		if n > 0 {
			b[n/2] ^= 1
			if isFiller(b) {
				t.Fatalf("%q", b)
			}
		}
	}
}

func FuzzStamp_Next(f *testing.F) {
	f.Add(appendPayload([]byte("{"), stamp{1, 2, 3}, 50))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			s, rest, ok := nextStamp(b)
			if !ok {
				return
			}
			if len(rest) > len(b)-stampSize || !bytes.Contains(bytes.ToLower(b), appendPayload(nil, s, stampSize)) {
				t.Fatalf("%+v is not in %q", s, b)
			}
			b = rest
		}
	})
}
