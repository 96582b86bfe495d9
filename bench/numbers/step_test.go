package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/bench"
)

// small is all that is run, built for the test.
func small(t *testing.T) programs {
	t.Helper()
	if testing.Short() {
		t.Skip("builds programs and runs them for some seconds")
	}
	dir := t.TempDir()
	p, err := newPrograms(filepath.Join(dir, "roost"), dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, out := range map[string]string{"../../cmd/roost": p.roost, "../floor": p.floor, "../load": p.load} {
		if said, err := exec.Command("go", "build", "-o", out, path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	return p
}

var quick = sizes{scale: 0.02, duration: 300 * time.Millisecond}

// A round of every mode at a small scale yields every figure.
func TestMeasure_AllModes(t *testing.T) {
	p := small(t)
	table := newTable()
	var said strings.Builder
	o := options{modes: modes, rounds: 1, sizes: quick}
	if err := measure(t.Context(), o, p, table, &said); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	for _, f := range figures {
		ours, theirs := table.column(f.key, "roost"), table.column(f.key, "floor")
		if len(ours) != 1 || f.rated && len(theirs) != 1 {
			t.Errorf("%s: %v, %v", f.key, ours, theirs)
		}
		if _, ok := table.ratio(f.key); ok != f.rated && f.key != "idle" {
			t.Errorf("%s: a ratio: %v", f.key, ok)
		}
	}
	t.Log(table.markdown(machine(), o))
}

func TestStep_Do_ServerFails(t *testing.T) {
	p := small(t)
	s, _ := findMode("echo")
	p.roost = filepath.Join(t.TempDir(), "absent")
	if _, err := s.steps[1].do(t.Context(), p, quick); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("absent: %v", err)
	}
	p.roost = "/bin/ls" // ends at once, with a complaint
	if _, err := s.steps[1].do(t.Context(), p, quick); err == nil || !strings.Contains(err.Error(), "it ended: exit status") || !strings.Contains(err.Error(), "it said: ") {
		t.Errorf("ls: %v", err)
	}
}

func TestFlawless_NamesWhatIsWrong(t *testing.T) {
	one, none := int64(1), int64(0)
	if err := flawless(bench.Result{Lost: &none, Doubled: &none}); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]bench.Result{
		"1 lost": {Lost: &one}, "1 doubled": {Doubled: &one}, "1 reordered": {Reordered: &one},
		"3 failed": {Failed: 3}, "2 dropped": {Dropped: 2},
	} {
		if err := flawless(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}
