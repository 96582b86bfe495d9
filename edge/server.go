package edge

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/proxyproto"
	"github.com/roostws/roost/rate"
	"github.com/roostws/roost/rooms"
)

// A Server is a push server. Its methods may be called from any goroutine.
type Server struct {
	// Static after construction.
	cfg        Config
	handler    Handler
	drainer    Drainer // handler, where it is one; else nil
	group      *poller.Group
	sessions   *poller.Table[session]
	allowances *poller.Table[allowance] // of what connections may still send; nil where that is not limited
	loops      []*loop
	directory  *rooms.Directory
	broker     *broker.Memory
	presence   *broker.Presence
	trusted    proxyproto.Trusted
	proxies    bool // some are trusted
	origins    *auth.Origins
	workers    *pool // for what takes the processor's time
	askers     *pool // for what waits for the Decider
	askSet     uint16
	eventSet   uint16
	began      time.Time
	nameKey    uint64       // what ConnIDs are mixed with to make names
	seed       maphash.Seed // of the users' hashes

	// Own locks.
	users     *users
	addresses *rate.Addresses
	admission admission
	closings  closings
	tickets   tickets

	// Atomic.
	policies     atomic.Pointer[[]*policy] // of rooms
	connections  atomic.Int64              // upgraded connections
	publishBytes atomic.Int64              // published, and not yet gone out to all
	readBytes    atomic.Int64              // of messages that have not arrived whole
	parked       atomic.Int64              // connections whose next command waits for the one before
	published    atomic.Uint64
	asked        [numOutcomes]atomic.Uint64
	sequence     atomic.Uint64 // of the last publication
	cut          atomic.Int64  // connections that a drain left when its time was up
	draining     atomic.Bool
	running      atomic.Bool
	ran          atomic.Bool

	// Guarded by once.
	once    sync.Once
	drained chan struct{}
	ended   chan struct{} // closed when no loop runs any more
}

// New makes a Server and opens its listeners; clients are served once Run runs.
// Handler may be nil: then there are rooms and, where configured, /echo.
func New(cfg Config, handler Handler) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	cfg.MaxConnections = min(cfg.MaxConnections, DefaultMaxConnections())
	origins, err := auth.NewOrigins(cfg.Origins)
	if err != nil {
		return nil, err // Validate has looked
	}
	trusted, err := proxyproto.NewTrusted(cfg.TrustedProxies)
	if err != nil {
		return nil, err // Validate has looked
	}
	var key [8]byte
	_, _ = rand.Read(key[:]) // never fails
	s := &Server{
		cfg: cfg, handler: handler, origins: origins, began: time.Now(),
		directory: rooms.NewDirectory(cfg.Loops), presence: broker.NewPresence(broker.PresenceConfig{}),
		trusted: trusted, proxies: len(cfg.TrustedProxies) > 0, addresses: rate.NewAddresses(cfg.MaxConnections + overflow()),
		askSet: setOf(cfg.Asks), eventSet: setOf(cfg.Events), seed: maphash.MakeSeed(),
		nameKey: binary.LittleEndian.Uint64(key[:]), drained: make(chan struct{}), ended: make(chan struct{}),
	}
	s.drainer, _ = handler.(Drainer)
	s.policies.Store(newPolicies(cfg.Rooms))
	s.broker = broker.NewMemory(broker.Config{
		HistoryMemory: cfg.HistoryMemory, DocumentMemory: cfg.DocumentMemory,
		Needed: func(room string) bool { return s.directory.Members(room) > 0 },
	})
	fault := func(v any) { cfg.Logger.Error("panic off the loops", "panic", v, "stack", string(debug.Stack())) }
	s.workers = newPool(cfg.Verifiers, cfg.Verifiers*tasksPerWorker, fault)
	s.askers = newPool(cfg.Askers, cfg.Askers*tasksPerWorker, fault)
	var failed error
	s.group, err = poller.NewGroup(poller.Config{
		Listen: cfg.Listen, Loops: cfg.Loops, MaxOpen: cfg.MaxConnections + overflow(),
		Refusal: protocol.AppendReject(nil, rejectFull),
		TLS:     cfg.TLS, Handshakes: cfg.TLSHandshakes, NotTLS: protocol.AppendReject(nil, rejectPlain),
		Outbox: cfg.Outbox, OutboxMemory: cfg.OutboxMemory, Logger: cfg.Logger,
		New: func(pl *poller.Loop) (poller.Handler, poller.Worker) {
			l, err := newLoop(s, pl)
			if err != nil {
				failed = err
			}
			s.loops = append(s.loops, l)
			return l, l
		},
	})
	if err != nil {
		return nil, err
	}
	if s.sessions, err = poller.NewTable[session](poller.FileLimit()); err == nil {
		err = failed
	}
	if err == nil {
		s.users, err = newUsers(poller.FileLimit())
	}
	if err == nil && (cfg.MessagesPerSecond > 0 || cfg.BytesPerSecond > 0) {
		s.allowances, err = poller.NewTable[allowance](poller.FileLimit())
	}
	if err != nil {
		s.group.Discard()
		s.free()
		return nil, err
	}
	return s, nil
}

// free gives the tables back, once no loop runs any more.
func (s *Server) free() {
	if s.sessions != nil {
		s.sessions.Free()
	}
	if s.users != nil {
		s.users.links.Free()
	}
	if s.allowances != nil {
		s.allowances.Free()
	}
	for _, l := range s.loops {
		if l.strings != nil {
			l.strings.units.Free()
		}
	}
}

func defaultVerifiers() int { return runtime.GOMAXPROCS(0) }

// sinceBegan is the time on the loops' clock.
func (s *Server) sinceBegan() int64 { return int64(time.Since(s.group.Began())) }

// tellOften tells of presence, until stopped is closed. The channel that it returns is
// closed when it has ended.
func (s *Server) tellOften(stopped <-chan struct{}) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(presenceTick)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				s.tellPresence()
			}
		}
	}()
	return done
}

// presenceTick is how often it is looked whether there is presence to tell of.
const presenceTick = 100 * time.Millisecond

// Addrs are the addresses that clients connect to, in the order of Config.Listen.
func (s *Server) Addrs() []net.Addr { return s.group.Addrs() }

// Run serves until ctx ends, then drains as Shutdown does within DrainTimeout;
// or until Shutdown was called elsewhere and is done. It returns nil when
// stopped so, and an error when a loop failed.
func (s *Server) Run(ctx context.Context) error {
	if s.ran.Swap(true) {
		return errors.New("a Server runs once: another one would be right")
	}
	stopped := make(chan struct{})
	s.running.Store(true)
	defer s.running.Store(false)
	tidied := s.tidy(stopped)
	told := s.tellOften(stopped)
	go func() {
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
			defer cancel()
			_ = s.Shutdown(end)
		case <-stopped:
		}
	}()
	err := s.group.Run()
	close(stopped)
	close(s.ended)
	<-tidied
	<-told
	s.workers.stop()
	s.askers.stop()
	s.free()
	return err
}

// Ready says whether the server takes clients: nil, or why not.
func (s *Server) Ready() error {
	switch {
	case s.draining.Load():
		return ErrDraining
	case !s.running.Load():
		return ErrClosed
	}
	return nil
}

// ConnName gives the name under which clients and services know a connection,
// as in the header Roost-Connection.
func (s *Server) ConnName(id ConnID) string {
	var b [16]byte
	return string(s.appendName(b[:0], id))
}

const nameDigits = "0123456789abcdefghijklmnopqrstuv"

// appendName writes 13 digits of base 32. The key makes the names of another
// run of the server name nobody in this one.
func (s *Server) appendName(b []byte, id ConnID) []byte {
	v := mix(uint64(id) ^ s.nameKey)
	for i := range 13 {
		b = append(b, nameDigits[v>>(60-5*i)&31])
	}
	return b
}

// ParseConn gives the connection of a name; false where it is no name. Whether
// the connection is still there, the call that uses the ID tells.
func (s *Server) ParseConn(name string) (ConnID, bool) {
	if len(name) != 13 {
		return 0, false
	}
	var v uint64
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'v':
			c -= 'a' - 10
		default:
			return 0, false
		}
		if i == 0 && c > 15 {
			return 0, false
		}
		v = v<<5 | uint64(c)
	}
	return ConnID(unmix(v) ^ s.nameKey), true
}

// mix and unmix are a bijection of 64 bits and its inverse: multiplication by
// an odd number, between two foldings.
func mix(v uint64) uint64 {
	v ^= v >> 32
	v *= mixer
	return v ^ v>>32
}

func unmix(v uint64) uint64 {
	v ^= v >> 32
	v *= unmixer
	return v ^ v>>32
}

const mixer = 0x9e3779b97f4a7c15

var unmixer = func() uint64 {
	m, inverse := uint64(mixer), uint64(1)
	for range 6 { // each step of Newton's method doubles the bits that are right
		inverse *= 2 - m*inverse
	}
	return inverse
}()
