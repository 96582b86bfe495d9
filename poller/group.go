package poller

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// Config is what a Group is made of. The zero value of a field means its default.
type Config struct {
	Listen  []string // host:port of each listener, behind tls:// where it speaks TLS; none is allowed
	Loops   int      // default: see DefaultLoops; at most 64
	MaxOpen int      // connections at once; past it a peer gets Refusal. Default: the limit on open files less 64
	Refusal []byte   // what a peer is told for whom there is no room

	Outbox       int   // bytes that may wait for one connection, behind the message under way. Default 64 KiB
	OutboxMemory int64 // the same for all. Default 256 MiB
	MaxPosts     int   // posts that may wait for one loop. Default 1,048,576

	// Of listeners that speak TLS. What is accepted there waits for StartTLS.
	TLS            *tls.Config // what handshakes are made by; see tlsrecord.NewConfig
	NotTLS         []byte      // what a peer is told, in the clear, that does not speak it
	Handshakes     int         // that are under way at once; others wait. Default 1,024
	Computing      int         // of those, that compute. Default GOMAXPROCS less one, one at least
	FragmentMemory int64       // bytes of records that have not arrived whole, of all connections. Default 64 MiB

	Logger *slog.Logger

	// New makes the Handler and the Worker of a loop, before it runs.
	New func(l *Loop) (Handler, Worker)
}

func (c Config) withDefaults() Config {
	c.Loops = min(cmp.Or(c.Loops, DefaultLoops()), maxLoops)
	c.MaxOpen = cmp.Or(c.MaxOpen, max(FileLimit()-64, 1))
	c.Outbox = cmp.Or(c.Outbox, 64<<10)
	c.OutboxMemory = cmp.Or(c.OutboxMemory, 256<<20)
	c.MaxPosts = cmp.Or(c.MaxPosts, 1<<20)
	c.Handshakes = cmp.Or(c.Handshakes, 1024)
	c.Computing = cmp.Or(c.Computing, max(runtime.GOMAXPROCS(0)-1, 1))
	c.FragmentMemory = cmp.Or(c.FragmentMemory, 64<<20)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// DefaultLoops is one on a machine of one or two processors, half of
// GOMAXPROCS, rounded up, beyond: the kernel's own work on the sockets takes
// the rest.
func DefaultLoops() int {
	n := runtime.GOMAXPROCS(0)
	if n <= 2 {
		return 1
	}
	return min((n+1)/2, maxLoops)
}

// FileLimit is how many descriptors the process may have, up to MaxSlots: a bound
// for tables by Slot.
func FileLimit() int {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 1024
	}
	return int(min(lim.Cur, MaxSlots))
}

// A Group is a set of loops that share listeners, bounds and the table of connections.
type Group struct {
	// Static after construction.
	cfg   Config
	began time.Time
	recs  *Table[record]
	tls   *secrecy // nil: no listener speaks TLS
	loops []*Loop
	addrs []net.Addr

	// Atomic.
	open      atomic.Int64  // connections of all loops
	outbox    atomic.Int64  // bytes that wait for slow readers
	fragments atomic.Int64  // bytes of TLS records that have not arrived whole
	highest   atomic.Uint32 // the highest slot that a connection ever had
	pauseLog  atomic.Int64  // when a pause was last logged, in seconds since began
}

// NewGroup opens the listeners and makes the loops. Connections are accepted
// once Run runs. ErrPort is wrapped where a port is taken.
func NewGroup(cfg Config) (_ *Group, err error) {
	cfg = cfg.withDefaults()
	g := &Group{cfg: cfg, began: time.Now()}
	if g.recs, err = NewTable[record](FileLimit()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			g.Discard()
		}
	}()
	if slices.ContainsFunc(cfg.Listen, SpeaksTLS) {
		if cfg.TLS == nil {
			return nil, ErrNoTLS
		}
		if g.tls, err = newSecrecy(cfg.TLS, FileLimit(), cfg.Computing); err != nil {
			return nil, err
		}
	}
	for i := range cfg.Loops {
		l, err := newLoop(g, i)
		if err != nil {
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	for _, addr := range cfg.Listen {
		if err := g.listen(addr); err != nil {
			return nil, err
		}
	}
	for _, l := range g.loops {
		l.handler, l.worker = cfg.New(l)
	}
	return g, nil
}

// ErrNoTLS says that there is a listener of TLS, and no tls.Config.
var ErrNoTLS = errors.New("a listener is to speak TLS: certificates would be right")

// SchemeTLS is what the address of a listener begins with that speaks TLS.
const SchemeTLS = "tls://"

// SpeaksTLS says whether an address of Config.Listen is of a listener that speaks TLS.
func SpeaksTLS(addr string) bool { return strings.HasPrefix(addr, SchemeTLS) }

// ErrPort says that another process listens already.
var ErrPort = errors.New("address is in use")

// listen gives each loop a listener of its own at addr.
func (g *Group) listen(addr string) error {
	fail := func(err error) error {
		if errors.Is(err, unix.EADDRINUSE) {
			err = ErrPort
		}
		return fmt.Errorf("listen at %s: %w", addr, err)
	}
	var flags uint8
	if SpeaksTLS(addr) {
		addr, flags = addr[len(SchemeTLS):], viaTLS
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fail(err)
	}
	if port != "0" {
		// With SO_REUSEPORT a second server would share the port in silence, so one
		// bind without it comes first.
		probe, err := net.Listen("tcp", addr)
		if err != nil {
			return fail(err)
		}
		_ = probe.Close()
	}
	opts := []socket.Option[int]{
		{SetSockOpt: socket.SetReuseport, Opt: 1},
		{SetSockOpt: socket.SetReuseAddr, Opt: 1},
		{SetSockOpt: socket.SetNoDelay, Opt: 1}, // what is accepted inherits it
	}
	var bound net.Addr
	for _, l := range g.loops {
		fd, _, err := socket.TCPSocket("tcp", net.JoinHostPort(host, port), true, opts, nil)
		if err != nil {
			return fail(err)
		}
		if fd >= g.recs.Len() {
			closeFD(Slot(fd))
			return fail(unix.EMFILE)
		}
		l.listeners = append(l.listeners, Slot(fd))
		if e := l.watch(Slot(fd), listener); e != 0 {
			return fail(e)
		}
		g.recs.At(Slot(fd)).flags = flags
		if bound == nil { // the first may have been given any port: the others share it
			bound = net.TCPAddrFromAddrPort(ownAddress(Slot(fd)))
			port = strconv.Itoa(bound.(*net.TCPAddr).Port)
		}
	}
	g.addrs = append(g.addrs, bound)
	return nil
}

// Addrs are the addresses of the listeners, in the order of Config.Listen.
func (g *Group) Addrs() []net.Addr { return g.addrs }

// Loops gives the loops, by index.
func (g *Group) Loops() []*Loop { return g.loops }

// Began is when Second was 1.
func (g *Group) Began() time.Time { return g.began }

// Open is the number of connections of all loops.
func (g *Group) Open() int { return int(g.open.Load()) }

// Reached is one more than the highest slot that a connection ever had: what
// the tables by Slot have touched.
func (g *Group) Reached() int { return int(g.highest.Load()) + 1 }

func (g *Group) reached(s Slot) {
	for {
		h := g.highest.Load()
		if s <= h || g.highest.CompareAndSwap(h, s) {
			return
		}
	}
}

// OutboxBytes is what waits for slow readers, of all loops.
func (g *Group) OutboxBytes() int64 { return g.outbox.Load() }

// RecordSize is what the poller keeps for a connection, in bytes.
func (g *Group) RecordSize() int {
	if g.tls != nil {
		return g.recs.Size() + g.tls.sessions.Size()
	}
	return g.recs.Size()
}

// Post hands p to the loop of id; see Loop.Post. ErrClosed where id cannot be a
// connection's; whether it still is one, the loop finds out.
func (g *Group) Post(id ConnID, p Post) error {
	if id == 0 || id.loop() >= len(g.loops) {
		return ErrClosed
	}
	p.ID = id
	return g.loops[id.loop()].Post(p)
}

// Run runs the loops and returns when all have ended: nil after Stop.
func (g *Group) Run() error {
	errs := make([]error, len(g.loops))
	var wg sync.WaitGroup
	for i, l := range g.loops {
		wg.Go(func() {
			if errs[i] = l.run(); errs[i] != nil {
				g.Stop()
			}
		})
	}
	wg.Wait()
	g.free()
	return errors.Join(errs...)
}

// Discard gives back what a Group holds that will never Run.
func (g *Group) Discard() {
	for _, l := range g.loops {
		l.destroy()
	}
	g.free()
}

// free gives the tables back.
func (g *Group) free() {
	if g.tls != nil {
		g.tls.running.Wait() // they have heard that their connections ended
		g.tls.sessions.Free()
	}
	g.recs.Free()
}

// Stop ends all connections, with CauseStop, and the loops.
func (g *Group) Stop() {
	for _, l := range g.loops {
		l.stop.Store(true)
		l.inbox.ring()
	}
}

// logPause says, at most once a second, that accepting rests.
func (g *Group) logPause(e unix.Errno) {
	now := int64(time.Since(g.began) / time.Second)
	if last := g.pauseLog.Load(); now > last && g.pauseLog.CompareAndSwap(last, now) {
		g.cfg.Logger.Warn("accepting rests: the system gives no more connections", "error", e, "connections", g.Open())
	}
}
