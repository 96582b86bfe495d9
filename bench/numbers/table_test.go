package main

import (
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
)

func sample() *table {
	t := newTable()
	for round, v := range []float64{10, 8, 12, 20} {
		t.add("echo", "floor", round, v)
	}
	for round, v := range []float64{11, 10, 12, 18} { // 1.1, 1.25, 1, 0.9
		t.add("echo", "roost", round, v)
	}
	t.add("idle", "roost", 0, 200)
	t.add("idle", "roost", 2, 220)
	return t
}

func TestTable_Ratio_WithinRounds(t *testing.T) {
	r, ok := sample().ratio("echo")
	if !ok || math.Abs(r.Median-1.05) > 1e-9 || math.Abs(r.Least-1.25) > 1e-9 || len(r.Rounds) != 4 {
		t.Errorf("%+v, %v", r, ok)
	}
	if _, ok := sample().ratio("idle"); ok {
		t.Error("a ratio to nothing")
	}
	part := newTable()
	part.add("echo", "roost", 0, 2)
	part.add("echo", "floor", 1, 1)
	if _, ok := part.ratio("echo"); ok {
		t.Error("a ratio across rounds")
	}
}

func TestTable_Markdown(t *testing.T) {
	got := sample().markdown("a machine", options{rounds: 4, sizes: sizes{scale: 0.5}})
	for _, want := range []string{
		"Measured on a machine; rounds: 4",
		"times 0.5",
		"| 210 B (200–220) | – | – | `go run ./bench/numbers --modes idle` |",
		"| 11.5 µs (10–18) | 11 µs (8–20) | 1.05; 1.25 | `go run ./bench/numbers --modes echo` |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "upgrade") {
		t.Errorf("a line for what was not measured:\n%s", got)
	}
}

func TestTable_Report_JSON(t *testing.T) {
	b, err := json.Marshal(sample().report("m", options{rounds: 4, sizes: sizes{scale: 1}}))
	if err != nil || !strings.Contains(string(b), `"roost":[200,220]`) || !strings.Contains(string(b), `"least":1.25`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRequirement_Check(t *testing.T) {
	for text, want := range map[string]bool{
		"echo<=1.05": true, "echo <= 1.04": false, "echo>=1.0": true, "echo>=1.06": false,
		"idle<=210": true, "idle<=209": false, "upgrade<=9": false,
	} {
		r, err := parseRequirement(text)
		if err != nil {
			t.Fatal(err)
		}
		if holds, said := r.check(sample()); holds != want {
			t.Errorf("%s: %s", text, said)
		}
	}
	for _, bad := range []string{"", "echo", "echo<1", "nothing<=1", "echo<=fast"} {
		if _, err := parseRequirement(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFigures_EachHasItsMode(t *testing.T) {
	for _, f := range figures {
		if _, ok := findMode(modeOf(f.key)); !ok {
			t.Errorf("%s is of no mode", f.key)
		}
	}
}

func TestNumber_Digits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 7: "7", 1.234: "1.23", 12.34: "12.3", 1234.5: "1234", -0.5: "-0.50"} {
		if got := number(v); got != want {
			t.Errorf("%g is %q, not %q", v, got, want)
		}
	}
}

func TestParse_Usage(t *testing.T) {
	for _, args := range []string{"--modes dance", "--rounds 0", "--scale 0", "--scale 11", "--duration 1ms", "more", "--require x", "--colour"} {
		if code := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); code != 2 {
			t.Errorf("%s: status %d", args, code)
		}
	}
	o, err := parse([]string{"--modes", "echo, idle", "--require", "echo<=1.15", "--require", "idle<=256"}, io.Discard)
	if err != nil || len(o.modes) != 2 || o.modes[1].name != "idle" || len(o.require) != 2 || o.rounds != 4 {
		t.Errorf("%+v, %v", o, err)
	}
}
