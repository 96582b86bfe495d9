package bench

import "math"

// Result is what Run found. What a mode does not measure is nil, and absent from its JSON.
type Result struct {
	// What was asked for, and what became of it.
	Mode    Mode           `json:"mode"`
	URL     string         `json:"url"`
	Conns   int            `json:"conns"`
	Up      int            `json:"up"`      // upgraded; in churn all that ever were
	Failed  int            `json:"failed"`  // never upgraded
	Dropped int            `json:"dropped"` // ended by the server while they were in use
	Errors  map[string]int `json:"errors,omitempty"`

	// The work, within the measured time.
	Seconds      float64  `json:"seconds"`
	Ops          *int64   `json:"ops,omitempty"` // messages echoed, deliveries, or upgrades
	OpsPerSecond *float64 `json:"ops_per_second,omitempty"`
	Published    *int64   `json:"published,omitempty"`
	Lost         *int64   `json:"lost,omitempty"`
	Doubled      *int64   `json:"doubled,omitempty"`
	Reordered    *int64   `json:"reordered,omitempty"`
	Latency      *Latency `json:"latency_ms,omitempty"`

	// The processes.
	Server *ServerFigures `json:"server,omitempty"`
	Client ClientFigures  `json:"client"`
}

// Latency is in milliseconds: of an echo there and back, of a delivery from before its publish.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// ServerFigures are of the server's process and its descendants. Bytes, but for what is named otherwise.
type ServerFigures struct {
	// CPU, in µs of user and system time.
	CPUPerOp   *float64 `json:"cpu_us_per_op,omitempty"`
	QuietPerOp *float64 `json:"quiet_cpu_us_per_op,omitempty"` // the 20th percentile over short windows: other load moves it less than the mean
	UserPerOp  *float64 `json:"user_us_per_op,omitempty"`

	// Memory. Per connection: what was added since before the first.
	RSS            int64  `json:"rss"`
	RSSPerConn     *int64 `json:"rss_per_conn,omitempty"`
	AnonPerConn    *int64 `json:"anon_per_conn,omitempty"`
	SettledPerConn *int64 `json:"settled_rss_per_conn,omitempty"` // RSS after a POST to Free

	// CPU-ms of a POST to Free, the least of three: with no connection, and with all.
	FreeEmpty *float64 `json:"free_cpu_ms_empty,omitempty"`
	FreeFull  *float64 `json:"free_cpu_ms_full,omitempty"`

	Fds int `json:"fds"`
}

// ClientFigures are of this process, within the measured time.
type ClientFigures struct {
	CPU       float64 `json:"cpu"`       // processors kept busy
	Saturated bool    `json:"saturated"` // its loop never rested: rates and latencies may be its own
}

func ptr[T any](v T) *T { return &v }

// round keeps a number's first places behind the point: more would be noise in JSON.
func round(v float64, places int) float64 {
	p := math.Pow10(places)
	return math.Round(v*p) / p
}
