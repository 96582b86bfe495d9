package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// figure is a line of the table.
type figure struct {
	key, title, unit string
	rated            bool // it stands beside the floor's: a ratio is reported
}

var figures = []figure{
	{"idle", "idle connection, token and user of its own, in a room, heartbeat armed: memory", "B", false},
	{"idle_settled", "the same, after a collection", "B", false},
	{"native", "idle native connection, token and user of its own, in three rooms: memory", "B", false},
	{"native_presence", "the same in rooms with presence: memory", "B", false},
	{"native_delivery", "delivery of 128 B to 5,000 native members, 10 messages a second (the floor: as many bytes as theirs have): CPU", "µs", true},
	{"gc", "full collection beside 15,000 idle connections: CPU", "ms", false},
	{"gc_empty", "full collection beside none: CPU", "ms", false},
	{"echo", "echo of 128 B, 1,000 connections: CPU", "µs", true},
	{"delivery", "delivery of 128 B to 5,000 members, 10 messages a second: CPU", "µs", true},
	{"backlog", "the same at 100 a second: CPU", "µs", true},
	{"tls_idle", "idle connection by TLS 1.3, token and user of its own, in a room: memory", "B", false},
	{"tls_settled", "the same, after a collection", "B", false},
	{"tls_echo", "echo of 128 B by TLS 1.3, 1,000 connections: CPU", "µs", false},
	{"tls_delivery", "delivery of 128 B to 5,000 members by TLS 1.3, 10 messages a second: CPU", "µs", false},
	{"tls_upgrade", "upgrade with a full handshake of TLS 1.3, ECDSA P-256, no authentication: CPU", "µs", false},
	{"upgrade", "upgrade, no authentication: CPU", "µs", true},
	{"upgrade_jwt", "upgrade with an HS256 token: CPU", "µs", true},
}

func findFigure(key string) (figure, bool) {
	i := slices.IndexFunc(figures, func(f figure) bool { return f.key == key })
	if i < 0 {
		return figure{}, false
	}
	return figures[i], true
}

// table has the values by figure, column and round.
type table struct {
	values map[string]map[string]map[int]float64
}

func newTable() *table { return &table{map[string]map[string]map[int]float64{}} }

func (t *table) add(key, column string, round int, v float64) {
	if t.values[key] == nil {
		t.values[key] = map[string]map[int]float64{}
	}
	if t.values[key][column] == nil {
		t.values[key][column] = map[int]float64{}
	}
	t.values[key][column][round] = v
}

// column is the values of one, in the order of rounds.
func (t *table) column(key, column string) []float64 {
	byRound := t.values[key][column]
	var rounds []int
	for r := range byRound {
		rounds = append(rounds, r)
	}
	slices.Sort(rounds)
	var v []float64
	for _, r := range rounds {
		v = append(v, byRound[r])
	}
	return v
}

// ratio is of roost to the floor: the median of the rounds', within each of which
// both were measured one after the other; and of the least values, which other
// load on the machine moves less.
type ratio struct {
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Rounds []float64 `json:"rounds"`
}

func (t *table) ratio(key string) (r ratio, ok bool) {
	ours, theirs := t.values[key]["roost"], t.values[key]["floor"]
	var rounds []int
	for round := range ours {
		if theirs[round] > 0 {
			rounds = append(rounds, round)
		}
	}
	if len(rounds) == 0 {
		return ratio{}, false
	}
	slices.Sort(rounds)
	for _, round := range rounds {
		r.Rounds = append(r.Rounds, ours[round]/theirs[round])
	}
	r.Median = median(r.Rounds)
	r.Least = slices.Min(t.column(key, "roost")) / slices.Min(t.column(key, "floor"))
	return r, true
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// markdown has the medians, and in brackets the least and the most.
func (t *table) markdown(machine string, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s; rounds: %d; medians, and their range in brackets.\n", machine, o.rounds)
	if o.sizes.scale != 1 {
		fmt.Fprintf(&b, "All connection counts are times %g.\n", o.sizes.scale)
	}
	b.WriteString("\n| what | roost | floor | ratio: median of rounds; of the least | measured by |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range figures {
		ours := t.column(f.key, "roost")
		if len(ours) == 0 && len(t.column(f.key, "floor")) == 0 {
			continue
		}
		rates := "–"
		if r, ok := t.ratio(f.key); ok && f.rated {
			rates = fmt.Sprintf("%.2f; %.2f", r.Median, r.Least)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `go run ./bench/numbers --modes %s` |\n",
			f.title, cell(ours, f.unit), cell(t.column(f.key, "floor"), f.unit), rates, modeOf(f.key))
	}
	return b.String()
}

// modeOf is the mode that yields a figure: named like it, or like its first word.
func modeOf(key string) string {
	name, _, _ := strings.Cut(key, "_")
	return name
}

func cell(v []float64, unit string) string {
	if len(v) == 0 {
		return "–"
	}
	text := number(median(v)) + " " + unit
	if lo, hi := slices.Min(v), slices.Max(v); hi > lo {
		text += " (" + number(lo) + "–" + number(hi) + ")"
	}
	return text
}

// number has three digits that count, or all before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// report is what --json writes.
type report struct {
	Machine string                  `json:"machine"`
	Rounds  int                     `json:"rounds"`
	Scale   float64                 `json:"scale"`
	Figures map[string]figureReport `json:"figures"`
}

type figureReport struct {
	Title string    `json:"title"`
	Unit  string    `json:"unit"`
	Roost []float64 `json:"roost,omitempty"`
	Floor []float64 `json:"floor,omitempty"`
	Ratio *ratio    `json:"ratio,omitempty"`
}

func (t *table) report(machine string, o options) report {
	all := report{machine, o.rounds, o.sizes.scale, map[string]figureReport{}}
	for _, f := range figures {
		r := figureReport{Title: f.title, Unit: f.unit, Roost: t.column(f.key, "roost"), Floor: t.column(f.key, "floor")}
		if len(r.Roost)+len(r.Floor) == 0 {
			continue
		}
		if rates, ok := t.ratio(f.key); ok && f.rated {
			r.Ratio = &rates
		}
		all.Figures[f.key] = r
	}
	return all
}
