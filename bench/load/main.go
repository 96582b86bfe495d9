// Load puts one load on a WebSocket server and prints what it found, one JSON
// object, to standard output. It is a process of its own so that its CPU, memory
// and open files are not the server's.
//
//	load idle|echo|fanout|churn --url ws://HOST:PORT/PATH [flags]
//
// Exit status: 0, 1 where the run failed (the JSON then has what there was until
// then, the reason is on standard error), 2 for wrong usage.
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
	"strings"
	"syscall"

	"github.com/roostws/roost/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 2
	}
	result, err := bench.Run(ctx, o)
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	if errOut := out.Encode(result); err == nil {
		err = errOut
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (o bench.Options, err error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{""}, args...)
	}
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: load idle|echo|fanout|churn --url ws://HOST:PORT/PATH [flags]")
		f.PrintDefaults()
	}
	f.StringVar(&o.URL, "url", "", "where to connect, `ws://HOST:PORT/PATH`")
	f.IntVar(&o.Conns, "conns", 1000, "connections; churn: how many are under way at a time")
	f.DurationVar(&o.Duration, "duration", 0, "how long to measure (2s); longer is steadier")
	f.DurationVar(&o.Warmup, "warmup", 0, "echo, churn: traffic before that (500ms)")
	f.DurationVar(&o.Timeout, "timeout", 0, "for an upgrade, and for anything to arrive (10s)")
	f.IntVar(&o.Opening, "opening", 0, "upgrades under way at a time (128); fewer where the server's backlog is short")
	f.IntVar(&o.Size, "size", 0, "bytes of a message (128)")
	f.Float64Var(&o.Rate, "rate", 0, "fanout: messages a second (10)")
	f.StringVar(&o.Publish, "publish", "", "fanout: how to publish: `'POST http://…'`; else as a message to --url")
	f.IntVar(&o.Pid, "pid", 0, "the server's process, whose CPU and memory to measure")
	f.StringVar(&o.Free, "free", "", "idle: a `URL` to POST to, which makes the server give memory back")
	f.BoolVar(&o.GC, "gc", false, "idle: measure what that POST costs with no connection and with all")
	f.Func("first", "a text `message` to send after the upgrade; {i} is the connection's number; repeatable", func(text string) error {
		o.First = append(o.First, text)
		return nil
	})
	f.StringVar(&o.Ready, "ready", "", "a connection is up when a message holds this `text`; else with its upgrade")
	header := f.String("header", "", "lines for each upgrade, `'K: V'`, apart by \\n; {i} is its number")
	secret := f.String("jwt-secret", "", "give each upgrade an HS256 token of its own, its sub user-0, user-1, …")
	room := f.String("jwt-room", "*", "the pattern of rooms in those tokens")
	if err := f.Parse(args[1:]); err != nil {
		return o, err
	}
	o.Mode = bench.Mode(args[0])
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	o.Header = headers(*header, *secret, *room)
	return o, nil
}

// headers makes what --header and --jwt-secret ask for; nil where neither does.
func headers(lines, secret, room string) func(int) string {
	if lines != "" {
		lines = strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\r\n") + "\r\n"
	}
	if lines == "" && secret == "" {
		return nil
	}
	mint := newMinter(secret, room)
	return func(i int) string {
		text := strings.ReplaceAll(lines, "{i}", fmt.Sprint(i))
		if secret != "" {
			text += "Authorization: Bearer " + mint.token(i) + "\r\n"
		}
		return text
	}
}
