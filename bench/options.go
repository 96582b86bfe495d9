package bench

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mode is what is done with the connections.
type Mode string

// The modes.
const (
	Idle   Mode = "idle"   // opens all and holds them: what does one cost in memory?
	Echo   Mode = "echo"   // each has one message under way: what does a message cost?
	Fanout Mode = "fanout" // publishes to all of them: what does a delivery cost, and does each arrive?
	Churn  Mode = "churn"  // opens, upgrades and closes without end: what does an upgrade cost?
)

// Options say what Run measures. The zero value of a field is its default.
type Options struct {
	// What is measured.
	Mode     Mode
	URL      string        // ws://HOST[:PORT]/PATH
	Conns    int           // 1000; in churn the number under way at a time
	Duration time.Duration // 2s; how long it measures, of idle: how long it holds. Longer is steadier.

	// The traffic.
	Size    int              // 128; bytes of a message's payload, at least MinSize
	Rate    float64          // 10; fanout: messages published a second
	Publish string           // fanout: "POST http://HOST/PATH" sends each as a request's body; "": as a message on one more connection to URL
	Header  func(int) string // lines for the i-th upgrade request, each ended by CRLF; called once for each i from 0, from Run's goroutine

	// What a protocol asks for before that.
	First []string // text messages to send after the upgrade; {i} is the connection's number
	Ready string   // a connection is up when a message holds this; "": with its upgrade

	// The way there.
	Warmup  time.Duration // 500ms; traffic that is not measured, before (echo, churn)
	Opening int           // 128; upgrades under way at a time while opening. Fewer where a server's backlog is short.
	Timeout time.Duration // 10s; for an upgrade, and for anything at all to arrive while something is awaited

	// The server, where it runs on this machine.
	Pid  int    // its process: CPU and memory are measured of it and its descendants
	Free string // a URL: a POST to it makes the server collect garbage and give memory back; idle measures again after it
	GC   bool   // idle: also measure what a POST to Free costs with no connection and with all
}

// MinSize is the least payload of a message: it holds a mark, a number and a time.
const MinSize = stampSize

// maxSize bounds a message, and with it what a server can make this side keep.
const maxSize = 16 << 20

// filesReserve is how many descriptors are left to everything but the measured connections.
const filesReserve = 64

func (o Options) withDefaults() Options {
	if o.Conns == 0 {
		o.Conns = 1000
	}
	if o.Duration == 0 {
		o.Duration = 2 * time.Second
	}
	if o.Size == 0 {
		o.Size = 128
	}
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.Warmup == 0 {
		o.Warmup = 500 * time.Millisecond
	}
	if o.Opening == 0 {
		o.Opening = 128
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return o
}

// Validate says what is wrong with o, every field of it.
func (o Options) Validate() error {
	o = o.withDefaults()
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
	}
	switch o.Mode {
	case Idle, Echo, Fanout, Churn:
	default:
		wrong("Mode", "%q is none: idle, echo, fanout or churn", o.Mode)
	}
	if _, err := parseTarget(o.URL); err != nil {
		wrong("URL", "%w", err)
	}
	if o.Conns < 1 {
		wrong("Conns", "%d is too few: at least 1", o.Conns)
	} else if limit := openFiles(); o.Conns > limit-filesReserve {
		wrong("Conns", "%d do not fit: this process may have %d files open, so at most %d", o.Conns, limit, limit-filesReserve)
	}
	if o.Size < MinSize || o.Size > maxSize {
		wrong("Size", "%d: from %d to %d bytes", o.Size, MinSize, maxSize)
	}
	if o.Rate < 0.1 || o.Rate > 1e6 {
		wrong("Rate", "%g: from 0.1 to 1000000 messages a second", o.Rate)
	}
	for field, d := range map[string]time.Duration{"Duration": o.Duration, "Warmup": o.Warmup, "Timeout": o.Timeout} {
		if d < 0 {
			wrong(field, "%v is negative", d)
		}
	}
	if o.Opening < 1 {
		wrong("Opening", "%d is too few: at least 1", o.Opening)
	}
	if address, ok := strings.CutPrefix(o.Publish, "POST "); ok {
		wrongURL(wrong, "Publish", address)
	} else if o.Publish != "" {
		wrong("Publish", `%q: "POST http://HOST/PATH", or nothing`, o.Publish)
	}
	if o.Free != "" {
		wrongURL(wrong, "Free", o.Free)
	}
	if o.GC && (o.Pid == 0 || o.Free == "") {
		wrong("GC", "needs Pid and Free")
	}
	return errors.Join(errs...)
}

func wrongURL(wrong func(string, string, ...any), field, address string) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		wrong(field, "%q is not an http URL", address)
	}
}

// openFiles is how many files this process may have open; the runtime has
// raised the soft limit to the hard one by the time anything asks.
func openFiles() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 1024
	}
	return int(min(r.Cur, 1<<30))
}
