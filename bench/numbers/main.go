// Numbers measures roost beside the floor (see bench/floor), one after the other
// in each round, and prints a table in Markdown: every figure of the README.
//
//	go run ./bench/numbers [--modes idle,echo] [--rounds 4] [--require 'echo<=1.15'] [--json FILE]
//
// It builds what it runs, from the module that it is started in. On a machine
// with other things to do, ratios say more than figures, and more rounds help.
//
// Exit status: 0, 1 where a run failed or a requirement does not hold, 2 for wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	// Children are told to end when the thread that started them does: so it must be one that stays.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type options struct {
	modes    []mode
	rounds   int
	sizes    sizes
	jsonFile string
	require  []requirement
}

// errFailed is for what was reported already.
var errFailed = errors.New("failed")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "numbers:", err)
		return 2
	}
	dir, err := os.MkdirTemp("", "roost-numbers")
	if err == nil {
		defer os.RemoveAll(dir)
		err = compare(ctx, o, dir, stdout, stderr)
	}
	if err != nil {
		if err != errFailed {
			fmt.Fprintln(stderr, "numbers:", err)
		}
		return 1
	}
	return 0
}

func compare(ctx context.Context, o options, dir string, stdout, stderr io.Writer) error {
	programs, err := build(ctx, dir, stderr)
	if err != nil {
		return err
	}
	t := newTable()
	err = measure(ctx, o, programs, t, stderr)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	fmt.Fprint(stdout, t.markdown(machine(), o))
	for _, r := range o.require {
		holds, text := r.check(t)
		fmt.Fprintln(stdout, text)
		if !holds {
			err = errFailed
		}
	}
	if o.jsonFile == "" {
		return err
	}
	b, errJSON := json.MarshalIndent(t.report(machine(), o), "", "  ")
	if errJSON == nil {
		errJSON = os.WriteFile(o.jsonFile, append(b, '\n'), 0o644)
	}
	if errJSON != nil {
		return errJSON
	}
	return err
}

// measure does all rounds. What fails is reported and left out.
func measure(ctx context.Context, o options, p programs, t *table, stderr io.Writer) (err error) {
	for _, m := range o.modes {
		for round := range o.rounds {
			for _, s := range m.steps {
				if ctx.Err() != nil {
					return errFailed
				}
				found, errStep := s.do(ctx, p, o.sizes)
				if errStep != nil {
					fmt.Fprintf(stderr, "%s, round %d, %s: %v\n", m.name, round+1, s.server, errStep)
					err = errFailed
					continue
				}
				for key, v := range found {
					t.add(key, s.server.column(), round, v)
				}
				fmt.Fprintf(stderr, "%s, round %d of %d, %s: %s\n", m.name, round+1, o.rounds, s.server, words(found))
			}
		}
	}
	return err
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("numbers", flag.ContinueOnError)
	f.SetOutput(stderr)
	names := f.String("modes", modeNames(), "what to measure, by comma")
	f.IntVar(&o.rounds, "rounds", 4, "how often each server is measured; more where the machine is busy")
	f.Float64Var(&o.sizes.scale, "scale", 1, "of all connection counts: 0.1 for a quick look, 1 for figures to quote")
	f.DurationVar(&o.sizes.duration, "duration", usualDuration, "of each measurement; longer is steadier")
	f.StringVar(&o.jsonFile, "json", "", "write every value to this `file`")
	f.Func("require", "exit with status 1 unless it holds: `'echo<=1.15'` (repeatable).\nA figure beside the floor's is taken as the lesser of its two ratios", func(text string) error {
		r, err := parseRequirement(text)
		o.require = append(o.require, r)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("--rounds %d: at least 1", o.rounds)
	}
	if o.sizes.scale <= 0 || o.sizes.scale > 10 {
		return o, fmt.Errorf("--scale %g: above 0, at most 10", o.sizes.scale)
	}
	if o.sizes.duration < 100*time.Millisecond {
		return o, fmt.Errorf("--duration %v: at least 100ms", o.sizes.duration)
	}
	for name := range strings.SplitSeq(*names, ",") {
		m, ok := findMode(strings.TrimSpace(name))
		if !ok {
			return o, fmt.Errorf("--modes: no mode %q: %s", name, modeNames())
		}
		o.modes = append(o.modes, m)
	}
	return o, nil
}
