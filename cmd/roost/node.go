package main

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/roostws/roost/api"
	"github.com/roostws/roost/certs"
	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/webhook"
)

// A node is all that serve runs.
type node struct {
	// Static after construction.
	cfg    *Config
	server *edge.Server
	admin  *adminServer
	dev    *devAccess              // nil without --dev
	hooks  *webhook.Hooks          // nil: no backend is told
	keys   *liveKeys               // nil: no tokens are verified
	certs  *certs.Certificates     // nil: no listener speaks TLS
	again  func() (*parsed, error) // reads the configuration as it was read at the start
	asked  chan time.Duration      // a drain that the API was asked for, and over what time
	log    *slog.Logger

	// Atomic.
	draining atomic.Bool

	// Written once: err before ended is closed.
	ended chan struct{} // closed when the server does not run any more
	err   error
}

// newNode opens the listeners and composes the server. Nothing is served yet.
func newNode(c *Config, cfg edge.Config, hooks *webhookSettings, shown *certs.Certificates, log *slog.Logger) (*node, error) {
	listener, err := listenAdmin(string(c.Admin), c.AdminSecret)
	if err != nil {
		return nil, err
	}
	n := &node{cfg: c, certs: shown, log: log, ended: make(chan struct{}), asked: make(chan time.Duration, 1)}
	if shown != nil {
		cfg.TLS = shown.TLS()
	}
	if c.Dev {
		cfg.Origins = append(devOrigins(c, listener.Addr()), cfg.Origins...)
	}
	fail := func(err error) (*node, error) {
		_ = listener.Close()
		return nil, err
	}
	if hooks != nil {
		if n.hooks, err = hooks.attach(&cfg, log); err != nil {
			return fail(err)
		}
	}
	cfg.AskIdentity = c.Auth == "webhook"
	tuneCollector(bool(c.Debug))
	warm()
	if n.server, err = edge.New(cfg, nil); err != nil {
		return fail(err)
	}
	apiConfig := api.Config{
		Secret:     string(c.AdminSecret),
		Debug:      bool(c.Debug),
		Dev:        bool(c.Dev),
		MaxMessage: int(c.MaxMessage),
		Logger:     log,
		ClientURL:  clientURL(c.Listen[0], n.server.Addrs()[0]),
		Version:    thisBuild().version,
		Drain:      n.askDrain,
	}
	if c.Dev {
		if n.dev, err = newDevAccess(c, apiConfig.ClientURL, "http://"+dialable(string(c.Admin), listener.Addr()), time.Now()); err != nil {
			return fail(err)
		}
		apiConfig.DevToken = n.dev.token
	}
	if n.hooks != nil {
		apiConfig.Webhooks = n.hooks
	}
	if shown != nil {
		apiConfig.Certs = shown
	}
	if keys, ok := cfg.Auth.(api.Keys); ok {
		apiConfig.Keys = keys
	}
	handler, err := api.New(apiConfig, n.server)
	if err != nil {
		return fail(err)
	}
	n.admin = newAdminServer(listener, handler, log)
	return n, nil
}

// tuneCollector has garbage collected earlier than Go would by itself, unless
// GOGC says otherwise: next to nothing of a connection is on the heap, so that a
// collection is cheap, and what a herd of handshakes leaves is a large part of
// what the server takes. What the flags and the file left goes at once.
//
// Nor is the heap sampled for profiles that nobody can ask for: what Go keeps of the
// samples (runtime/mprof.go: 1.4 MB of table, touched all over) is more than most
// servers' heap. With --debug it is, at a rate that fits a heap worth a profile.
//
// Where a cgroup says how much memory there is, Go is told to collect harder before all but a
// tenth of it is in use, unless GOMEMLIMIT says otherwise: else the kernel ends the process.
func tuneCollector(debugging bool) {
	_, _ = memlimit.Set(memlimit.WithProvider(memlimit.FromCgroup), memlimit.WithRatio(0.9)) // an error: there is no limit
	if debugging {
		runtime.MemProfileRate = profileRate
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	debug.FreeOSMemory()
}

// profileRate is how many bytes are allocated for each sample of the heap.
const profileRate = 4 << 20

// clientURL is where clients on this machine reach a listener.
func clientURL(asked string, bound net.Addr) string {
	a, _ := parseListen(asked) // it was checked
	return a.scheme("ws") + "://" + dialable(asked, bound)
}

// dialable is where this machine reaches a listener: the host that was asked
// for, the port that was bound.
func dialable(asked string, bound net.Addr) string {
	a, err := parseListen(asked)
	if err != nil {
		return bound.String() // it was checked
	}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		a.port = tcp.Port
	}
	return a.dialable()
}

// logStart says what is in force, and what will not go as asked.
func (n *node) logStart(files uint64) {
	most := edge.DefaultMaxConnections()
	asked := cmp.Or(int(n.cfg.MaxConnections), most)
	var listen []string
	for i, a := range n.server.Addrs() {
		scheme := ""
		if poller.SpeaksTLS(n.cfg.Listen[i]) {
			scheme = poller.SchemeTLS
		}
		listen = append(listen, scheme+a.String())
	}
	b := thisBuild()
	n.log.Info("serving", "listen", strings.Join(listen, ","), "admin", n.admin.listener.Addr().String(),
		"auth", string(n.cfg.Auth), "loops", cmp.Or(int(n.cfg.Loops), poller.DefaultLoops()),
		"max_connections", min(asked, most), "open_files", files, "version", b.version, "pid", os.Getpid())
	if asked > most {
		n.log.Warn("the limit on open files allows fewer connections than are asked for: raise it (ulimit -n, LimitNOFILE of systemd)",
			"asked", asked, "max_connections", most, "open_files", files)
	}
}

// run serves until a signal, or until something fails, and gives the exit status.
func (n *node) run(signals <-chan os.Signal) int {
	adminEnded := make(chan error, 1)
	go func() { adminEnded <- n.admin.serve() }()
	go func() {
		defer close(n.ended)
		n.err = n.server.Run(context.Background())
	}()
	stopFeed, stopHooks := n.startFeed(), n.startHooks()
	if n.keys != nil {
		defer aside(n.keys.verifier.Run)() // asks the key server, if there is one
	}
	if n.certs != nil {
		defer aside(n.certs.Run)() // looks after the files
	}

	ended := n.ended
	var drained chan error // nil until a drain begins
	begin := func(over time.Duration) {
		stopFeed()
		ended, drained = nil, make(chan error, 1)
		go func() { drained <- n.drain(stopHooks, over) }()
	}
	signaled := false
	for {
		select {
		case over := <-n.asked:
			n.log.Info("stopping: the API was asked to", "over", over.String())
			begin(over)
		case sig := <-signals:
			switch {
			case sig == syscall.SIGHUP:
				n.reload()
			case !signaled && n.draining.Swap(true):
				signaled = true
				n.log.Info("draining already, since the API was asked to; a second signal ends at once", "signal", sig.String())
			case !signaled:
				signaled = true
				n.log.Info("stopping", "signal", sig.String(), "drain_timeout", n.cfg.DrainTimeout.String())
				begin(0)
			default:
				n.log.Error("a second signal: ending at once", "signal", sig.String())
				return statusFailed
			}
		case <-ended:
			n.log.Error("the server ended", "error", n.err)
			return statusFailed
		case err := <-adminEnded:
			if err == nil {
				continue // drain closed it
			}
			n.log.Error("the API ended", "error", err)
			return statusFailed
		case err := <-drained:
			if err != nil {
				n.log.Error("the server ended", "error", err)
				return statusFailed
			}
			n.log.Info("stopped")
			return statusOK
		}
	}
}

// drain sends the clients away and ends the server, then the hooks, which the
// backend hears the goodbyes by, then the API: who watches /readyz and /metrics sees
// the drain to its end.
func (n *node) drain(stopHooks func(), over time.Duration) error {
	most := time.Duration(n.cfg.DrainTimeout)
	if over > 0 {
		most = over + drainTail
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	if err := n.server.Drain(ctx, over); err != nil {
		n.log.Warn("the drain ran out of time", "error", err)
	}
	<-n.ended
	stopHooks()
	n.admin.close()
	return n.err
}

// drainTail is how long those who are said goodbye to last, with the API's drain, may take
// to go.
const drainTail = 10 * time.Second

// askDrain has run begin a drain, unless one has begun.
func (n *node) askDrain(over time.Duration) bool {
	if n.draining.Swap(true) {
		return false
	}
	n.asked <- over
	return true
}

// startFeed publishes to the demo's room until the function it returns is called.
func (n *node) startFeed() (stop func()) {
	if n.dev == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		err := api.Feed(ctx, api.FeedConfig{AdminURL: n.dev.adminURL, Secret: string(n.cfg.AdminSecret), Logger: n.log})
		if err != nil {
			n.log.Warn("the ticker ended", "error", err)
		}
	}()
	return cancel
}

// startHooks delivers events to the backend until the function it returns is
// called, which waits for what is left of them.
func (n *node) startHooks() (stop func()) {
	if n.hooks == nil {
		return func() {}
	}
	return aside(func(ctx context.Context) {
		if err := n.hooks.Run(ctx); err != nil {
			n.log.Warn("not all events reached the backend", "error", err)
		}
	})
}

// aside runs something until the function it returns is called, which waits for its end.
func aside(run func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}
