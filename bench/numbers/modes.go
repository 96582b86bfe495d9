package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/roostws/roost/bench"
)

// mode is what one round measures, one server after the other.
type mode struct {
	name  string
	steps []step
}

// step is one server under one load.
type step struct {
	server server
	load   func(in *instance, z sizes) []string
	take   func(bench.Result) map[string]*float64 // nil values were not measured: an error
}

// The sizes of the README's figures.
const (
	idleConns  = 15000
	tlsConns   = 9000 // whose gate has two files for each
	echoConns  = 1000
	fanMembers = 5000
	fanCount   = 25 // messages
	churnSlots = 64

	usualDuration = 3 * time.Second
)

var modes = []mode{
	{"idle", []step{
		{floor, idle(), takeIdle},
		{roostJWT, idle("--jwt-secret", secret), takeIdle},
	}},
	{"gc", []step{
		{roostJWT, idle("--jwt-secret", secret, "--gc"), func(r bench.Result) map[string]*float64 {
			return map[string]*float64{"gc": r.Server.FreeFull, "gc_empty": r.Server.FreeEmpty}
		}},
	}},
	{"native", []step{
		{roostJWT, nativeIdle, takeAs("native")},
		{roostPresence, nativeIdle, takeAs("native_presence")},
		{floor, delivery(10, nativeSize), takeSteady("native_delivery")},
		{roost, nativeDelivery, takeSteady("native_delivery")},
	}},
	{"echo", both(echoLoad, func(r bench.Result) map[string]*float64 {
		return map[string]*float64{"echo": steady(r)}
	})},
	{"delivery", both(delivery(10, usualSize), takeSteady("delivery"))},
	// Of a backlog only the whole is a measure: what is published in a window is delivered in a later one.
	{"backlog", both(delivery(100, usualSize), func(r bench.Result) map[string]*float64 {
		return map[string]*float64{"backlog": r.Server.CPUPerOp}
	})},
	{"tls", []step{
		{roostTLSJWT, tlsIdle, func(r bench.Result) map[string]*float64 {
			return map[string]*float64{"tls_idle": whole(r.Server.RSSPerConn), "tls_settled": whole(r.Server.SettledPerConn)}
		}},
		{roostTLS, echoLoad, takeSteady("tls_echo")},
		{roostTLS, delivery(10, usualSize), takeSteady("tls_delivery")},
		{roostTLS, churn(), takeSteady("tls_upgrade")},
	}},
	{"upgrade", []step{
		{floor, churn(), func(r bench.Result) map[string]*float64 {
			return map[string]*float64{"upgrade": steady(r), "upgrade_jwt": steady(r)}
		}},
		{roost, churn(), func(r bench.Result) map[string]*float64 {
			return map[string]*float64{"upgrade": steady(r)}
		}},
		{roostJWT, churn("--jwt-secret", secret), func(r bench.Result) map[string]*float64 {
			return map[string]*float64{"upgrade_jwt": steady(r)}
		}},
	}},
}

func findMode(name string) (mode, bool) {
	i := slices.IndexFunc(modes, func(m mode) bool { return m.name == name })
	if i < 0 {
		return mode{}, false
	}
	return modes[i], true
}

func modeNames() string {
	var names []string
	for _, m := range modes {
		names = append(names, m.name)
	}
	return strings.Join(names, ",")
}

// both measures the floor and roost alike.
func both(load func(*instance, sizes) []string, take func(bench.Result) map[string]*float64) []step {
	return []step{{floor, load, take}, {roost, load, take}}
}

func (in *instance) room() string { return "ws://" + in.address(in.clients) + "/rooms/bench" }

// sizes are how much of everything.
type sizes struct {
	scale    float64       // of connection counts
	duration time.Duration // of each measurement
}

func (z sizes) conns(n int) string { return fmt.Sprint(max(int(float64(n)*z.scale), 1)) }

func idle(more ...string) func(*instance, sizes) []string {
	return func(in *instance, z sizes) []string {
		args := []string{"idle", "--url", in.room(), "--conns", z.conns(idleConns), "--duration", z.duration.String()}
		if in.admin != 0 {
			args = append(args, "--free", "http://"+in.address(in.admin)+"/debug/freemem")
		}
		return append(args, more...)
	}
}

// tlsIdle holds idle connections by TLS.
func tlsIdle(in *instance, z sizes) []string {
	return append(idle("--jwt-secret", secret)(in, z), "--conns", z.conns(tlsConns))
}

func takeIdle(r bench.Result) map[string]*float64 {
	found := map[string]*float64{"idle": whole(r.Server.RSSPerConn)}
	if r.Server.SettledPerConn != nil {
		found["idle_settled"] = whole(r.Server.SettledPerConn)
	}
	return found
}

// steady is the figure that other load moves least; a run too short for a window
// has the mean alone.
func steady(r bench.Result) *float64 {
	if r.Server.QuietPerOp != nil {
		return r.Server.QuietPerOp
	}
	return r.Server.CPUPerOp
}

func whole(n *int64) *float64 {
	if n == nil {
		return nil
	}
	v := float64(*n)
	return &v
}

func echoLoad(in *instance, z sizes) []string {
	return []string{"echo", "--url", "ws://" + in.address(in.clients) + "/echo", "--conns", z.conns(echoConns), "--duration", z.duration.String(), "--warmup", (z.duration / 4).String()}
}

func takeAs(key string) func(bench.Result) map[string]*float64 {
	return func(r bench.Result) map[string]*float64 { return map[string]*float64{key: whole(r.Server.RSSPerConn)} }
}

func takeSteady(key string) func(bench.Result) map[string]*float64 {
	return func(r bench.Result) map[string]*float64 { return map[string]*float64{key: steady(r)} }
}

const (
	usualSize = 128 // bytes of a message
	// nativeSize is how many the native message of one has, in the room bench.
	nativeSize = usualSize + len(`{"type":"message","room":"bench","offset":10,"data":""}`)
)

func (in *instance) native() string { return "ws://" + in.address(in.clients) + "/ws" }

// nativeIdle holds native clients, each with a user of its own and in three rooms.
func nativeIdle(in *instance, z sizes) []string {
	return append(idle("--jwt-secret", secret)(in, z), "--url", in.native(),
		"--first", `{"type":"join","id":1,"rooms":["a","b","c"]}`, "--ready", `"room":"c"`)
}

// nativeDelivery publishes to native members.
func nativeDelivery(in *instance, z sizes) []string {
	return append(delivery(10, usualSize)(in, z), "--url", in.native(),
		"--first", `{"type":"join","id":1,"room":"bench"}`, "--ready", `"joined"`)
}

func delivery(rate, size int) func(*instance, sizes) []string {
	return func(in *instance, z sizes) []string {
		args := []string{"fanout", "--url", in.room(), "--conns", z.conns(fanMembers),
			"--size", fmt.Sprint(size), "--rate", fmt.Sprint(rate), "--duration", (fanCount * z.duration / usualDuration * time.Second / time.Duration(rate)).String()}
		if in.admin != 0 {
			args = append(args, "--publish", "POST http://"+in.address(in.admin)+"/v1/rooms/bench/publish")
		}
		return args
	}
}

func churn(more ...string) func(*instance, sizes) []string {
	return func(in *instance, z sizes) []string {
		return append([]string{"churn", "--url", in.room(), "--conns", fmt.Sprint(churnSlots),
			"--duration", z.duration.String(), "--warmup", (z.duration / 4).String()}, more...)
	}
}

// do starts the server, puts the load on it and returns the figures found.
func (s step) do(ctx context.Context, p programs, z sizes) (map[string]float64, error) {
	in, err := s.server.start(ctx, p)
	if err != nil {
		return nil, err
	}
	defer in.stop()
	args := append(s.load(in, z), "--pid", fmt.Sprint(in.cmd.Process.Pid))
	c := exec.CommandContext(ctx, p.load, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said tail
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s; the server said: %s", err, said.text(), in.said.text())
	}
	var r bench.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return nil, err
	}
	if err := flawless(r); err != nil {
		return nil, fmt.Errorf("%w; the server said: %s", err, in.said.text())
	}
	found := map[string]float64{}
	for key, v := range s.take(r) {
		if v == nil {
			return nil, fmt.Errorf("%s was not measured", key)
		}
		found[key] = *v
	}
	return found, nil
}

// flawless is an error where something went wrong on the way: to compare what a
// server costs, it has to have done the same work.
func flawless(r bench.Result) error {
	lost := map[string]int64{"failed": int64(r.Failed), "dropped": int64(r.Dropped)}
	for what, n := range map[string]*int64{"lost": r.Lost, "doubled": r.Doubled, "reordered": r.Reordered} {
		if n != nil {
			lost[what] = *n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(lost)) {
		if lost[what] > 0 {
			return fmt.Errorf("%d %s: %v", lost[what], what, r.Errors)
		}
	}
	return nil
}

// words are for the eye, while it goes on.
func words(found map[string]float64) string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(found)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", key, number(found[key]))
	}
	return b.String()
}
