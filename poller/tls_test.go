package poller

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestSecured_Size(t *testing.T) {
	if n := unsafe.Sizeof(secured{}); n != 128 {
		t.Errorf("a connection by TLS costs %d bytes more, not the 128 that docs and comments say", n)
	}
}

// both are the versions.
var both = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func TestLoop_TLS_Echo(t *testing.T) {
	s := (&server{data: func(l *Loop, c Slot, b []byte) {
		l.Throttle(c)
		l.Write(c, b)
	}}).startTLS(t, Config{Loops: 1})
	for _, version := range both {
		cfg := clientTLS()
		cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		for range 2 {
			c := s.dialTLS(cfg)
			for _, n := range []int{1, 16384, 16385, 1 << 20} {
				want := make([]byte, n)
				_, _ = rand.Read(want)
				go func() { _, _ = c.Write(want) }()
				if !bytes.Equal(must(t, c, n), want) {
					t.Fatalf("%s: %d bytes came back otherwise", tls.VersionName(version), n)
				}
			}
			_ = c.Close()
		}
	}
	s.until("all are closed", func() bool { return s.Open() == 0 })
	if ok, resumed := s.tlsResult(TLSOK), s.tlsResult(TLSResumed); ok != 2 || resumed != 2 {
		t.Errorf("%d handshakes and %d resumed: 2 and 2 would be right", ok, resumed)
	}
	if n := s.cause(CauseEOF); n != 4 {
		t.Errorf("%d of 4 connections ended by the client's goodbye", n)
	}
}

// However a client's records are cut into segments, they say the same.
func TestLoop_TLS_TornAtEveryByte(t *testing.T) {
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1})
	for _, version := range both {
		raw := s.dial()
		cfg := clientTLS()
		cfg.MaxVersion = version
		c := tls.Client(&slowly{Conn: raw}, cfg)
		want := bytes.Repeat([]byte("piece by piece "), 10)
		if _, err := c.Write(want); err != nil {
			t.Fatal(err)
		}
		if got := must(t, c, len(want)); !bytes.Equal(got, want) {
			t.Errorf("%s: %q", tls.VersionName(version), got)
		}
		_ = c.Close()
	}
	s.until("nothing is kept", func() bool { return s.tlsLeft() == 0 })
}

// slowly writes a byte at a time.
type slowly struct{ net.Conn }

func (w *slowly) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := w.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// What waits for a slow reader waits unsealed and shared, and comes in order once it reads.
func TestLoop_TLS_SlowReader(t *testing.T) {
	s := (&server{}).startTLS(t, Config{Loops: 1, Outbox: 32 << 20})
	for _, version := range both {
		cfg := clientTLS()
		cfg.MaxVersion = version
		c := s.dialTLS(cfg)
		id := s.lastID()
		shared := make([]byte, 100_000)
		_, _ = rand.Read(shared)
		const times = 100
		s.on(func(l *Loop) {
			slot, _ := l.Lookup(id)
			for range times {
				if !l.WriteShared(slot, shared) || !l.Write(slot, []byte("own")) {
					t.Error("a write is refused")
				}
			}
			if most := 2 * times * (len(shared) + partCost); l.Waiting(slot) == 0 || l.Waiting(slot) > most {
				t.Errorf("%d bytes wait", l.Waiting(slot))
			}
			l.Finish(slot, CauseUser)
		})
		for i := range times {
			if !bytes.Equal(must(t, c, len(shared)), shared) || string(must(t, c, 3)) != "own" {
				t.Fatalf("%s: message %d came otherwise", tls.VersionName(version), i)
			}
		}
		// Behind all of it stands the goodbye of TLS: nothing was cut off.
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: at the end: %v", tls.VersionName(version), err)
		}
		_ = c.Close()
	}
}

// lastID is the latest connection's.
func (s *server) lastID() ConnID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[len(s.ids)-1]
}

// What waits can be truncated to whole messages, with a record of them torn.
func TestLoop_TLS_Truncate(t *testing.T) {
	const size = 1000 // of a message
	boundary := func(_ []byte, off int) int { return (off + size - 1) / size * size }
	s := &server{}
	s.full = func(l *Loop, c Slot, cause Cause) {
		l.Truncate(c, boundary)
		l.Write(c, []byte("bye"))
		l.Finish(c, cause)
	}
	s.startTLS(t, Config{Loops: 1, Outbox: 1 << 20})
	for _, run := range []int{1, 50} { // messages of a write
		c := s.dialTLS(nil)
		id := s.lastID()
		s.on(func(l *Loop) {
			slot, _ := l.Lookup(id)
			for n := byte(0); l.WriteShared(slot, bytes.Repeat([]byte{n}, run*size)); n++ {
			}
		})
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		body, found := bytes.CutSuffix(got, []byte("bye"))
		if !found || len(body)%size != 0 {
			t.Fatalf("writes of %d messages: %d bytes came, which end with %q", run, len(got), got[max(0, len(got)-5):])
		}
		for i := 0; i < len(body); i += size {
			if want := byte(i / size / run); body[i] != want || body[i+size-1] != want {
				t.Fatalf("message %d came otherwise", i/size)
			}
		}
	}
	s.until("all are closed", func() bool { return s.Open() == 0 })
}

func TestLoop_TLS_ForgedRecord(t *testing.T) {
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1})
	for _, version := range both {
		cfg := clientTLS()
		cfg.MaxVersion = version
		raw := s.dial()
		c := tls.Client(raw, cfg)
		if _, err := c.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
		must(t, c, 4)
		if _, err := raw.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("%s: the client is told %v", tls.VersionName(version), err)
		}
		_ = raw.Close()
	}
	s.until("all are closed", func() bool { return s.Open() == 0 })
	if n := s.cause(CauseTLS); n != 2 {
		t.Errorf("%d of 2 ended for it", n)
	}
}

func TestLoop_TLS_NoHandshake(t *testing.T) {
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1})
	for _, r := range []struct {
		name, say, want string
		result          TLSResult
	}{
		{"plain HTTP", "GET / HTTP/1.1\r\n\r\n", "speak TLS\n", TLSPlain},
		{"a hello that is none", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", "\x15\x03\x03\x00\x02\x02\x0a", TLSFailed},
		{"nobody's version", "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x00" + strings.Repeat("x", 32) + "\x00\x00\x02\x13\x01\x01\x00", "\x15\x03\x01\x00\x02\x02\x46", TLSFailed},
	} {
		before := s.tlsResult(r.result)
		c := s.dial()
		if _, err := c.Write([]byte(r.say)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != r.want {
			t.Errorf("%s is answered %q, %v: %q would be right", r.name, got, err, r.want)
		}
		if n := s.tlsResult(r.result); n != before+1 {
			t.Errorf("%s counts as %v %d times", r.name, r.result, n-before)
		}
		_ = c.Close()
	}
	_ = s.dial().Close()
	s.until("it is gone", func() bool { return s.tlsResult(TLSGone) == 1 })
	s.until("all are closed", func() bool { return s.Open() == 0 })
	if n := s.tlsLeft(); n != 0 {
		t.Errorf("%d is left", n)
	}
}

// A write before the handshake is done is refused: nothing goes out in the clear.
func TestLoop_TLS_NothingInTheClear(t *testing.T) {
	s := &server{}
	s.open = func(l *Loop, c Slot) {
		if l.Write(c, []byte("in the clear")) || l.WriteShared(c, []byte("in the clear")) {
			t.Error("a write goes through")
		}
		if !l.Secure(c) {
			t.Error("it came by TLS")
		}
	}
	s.startTLS(t, Config{Loops: 1})
	c := s.dial()
	s.id(0)
	s.on(func(l *Loop) {
		slot, _ := l.Lookup(s.lastID())
		l.Write(slot, []byte("in the clear"))
		l.Finish(slot, CauseUser)
	})
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Who is in a handshake and does nothing keeps its place, as long as nobody wants it.
func TestLoop_TLS_PlacesOfTheSlow(t *testing.T) {
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1, Handshakes: 2})
	slow := []net.Conn{s.stall(), s.stall()}
	s.until("both are under way", func() bool { return s.Loops()[0].Stats.TLSUnderWay.Load() == 2 })
	time.Sleep(2 * time.Second) // longer than it is waited where somebody wants the place
	if n := s.tlsResult(TLSEvicted); n != 0 {
		t.Fatalf("%d of those nobody is waiting for are ended", n)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			c := tls.Client(s.dial(), clientTLS())
			if _, err := c.Write([]byte("me too")); err != nil {
				t.Error(err)
				return
			}
			if got := make([]byte, 6); readAll(c, got) != nil || string(got) != "me too" {
				t.Errorf("%q", got)
			}
		})
	}
	wg.Wait()
	if n := s.tlsResult(TLSEvicted); n == 0 {
		t.Error("nobody had to give up its place")
	}
	for _, c := range slow {
		_ = c.Close()
	}
	s.until("nothing is left", func() bool { return s.tlsLeft() == 0 })
}

// Who has not sent the whole of its hello takes no place.
func TestLoop_TLS_HalfHellosTakeNoPlace(t *testing.T) {
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1, Handshakes: 1})
	for range 20 {
		c := s.dial()
		if _, err := c.Write([]byte{22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3}); err != nil {
			t.Fatal(err)
		}
	}
	s.until("they have begun", func() bool { return s.Loops()[0].Stats.Fragments.Load() == 20*11 })
	c := s.dialTLS(nil)
	if _, err := c.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	must(t, c, 4)
	if n := s.tlsResult(TLSEvicted); n != 0 {
		t.Errorf("%d were ended for it", n)
	}
}

func TestLoop_TLS_FragmentsAreBounded(t *testing.T) {
	s := &server{data: echo}
	s.full = func(l *Loop, c Slot, cause Cause) { l.Finish(c, cause) }
	s.startTLS(t, Config{Loops: 1, FragmentMemory: 64 << 10})
	header := []byte{23, 3, 3, 0x40, 0x10}
	var clients []*net.TCPConn
	for range 8 {
		raw := s.dial()
		c := tls.Client(raw, clientTLS())
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, raw)
	}
	for _, c := range clients {
		_, _ = c.Write(append(header, make([]byte, 16000)...))
	}
	s.until("some are ended", func() bool { return s.cause(CauseFragments) > 0 })
	s.until("the rest is within its bound", func() bool { return s.Loops()[0].Stats.Fragments.Load() <= 64<<10 })
	if n := s.cause(CauseFragments); n > 4 {
		t.Errorf("%d of 8 are ended: 4 have room", n)
	}
	s.on(func(l *Loop) {
		slot, _ := l.Lookup(s.ids[0])
		if since, n, ok := l.Unfinished(slot); !ok || n != 16005 || since == 0 || since > l.Second() {
			t.Errorf("it is not seen that a record is unfinished: %d, %d, %v", since, n, ok)
		}
	})
	for _, c := range clients {
		_ = c.Close()
	}
	s.until("nothing is left", func() bool { return s.tlsLeft() == 0 })
}

// A goodbye to all ends handshakes, too.
func TestGroup_Stop_EndsHandshakes(t *testing.T) {
	s := (&server{}).startTLS(t, Config{Loops: 2, Handshakes: 4})
	for range 10 {
		s.stall()
	}
	s.until("they are under way", func() bool { return s.tlsLeft() >= 4 })
}

// The program's own callback may fail, panic, or take its time: that is one client's
// affair.
func TestLoop_TLS_Callbacks(t *testing.T) {
	release := make(chan struct{})
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1, Computing: 1, TLS: &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch hello.ServerName {
		case "panics":
			panic("no certificate")
		case "fails":
			return nil, errors.New("no certificate")
		case "waits":
			<-release
		}
		if hello.Conn.RemoteAddr().(*net.TCPAddr).Port == 0 {
			t.Error("the client has no address")
		}
		return &identity().TLS, nil
	}}})
	waits := make(chan error)
	waiting := clientTLS()
	waiting.ServerName, waiting.InsecureSkipVerify = "waits", true
	go func() { waits <- tls.Client(s.dial(), waiting).Handshake() }()
	for _, name := range []string{"panics", "fails"} {
		cfg := clientTLS()
		cfg.ServerName = name
		if err := tls.Client(s.dial(), cfg).Handshake(); err == nil {
			t.Errorf("%s: the handshake goes well", name)
		}
	}
	c := s.dialTLS(nil)
	if _, err := c.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	must(t, c, 4)
	close(release)
	if err := <-waits; err != nil {
		t.Errorf("who waited for its certificate: %v", err)
	}
}

// What a client sends ahead of its handshake is bounded.
func TestLoop_TLS_InputAheadIsBounded(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := (&server{data: echo}).startTLS(t, Config{Loops: 1, TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		<-release
		return &identity().TLS, nil
	}}})
	c := s.stall()
	s.until("it waits for its certificate", func() bool { return s.Loops()[0].Stats.TLSUnderWay.Load() == 1 })
	if _, err := c.Write(make([]byte, maxShakeInput)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if n := s.tlsResult(TLSFailed); n != 0 {
		t.Fatal("as much as may be is too much")
	}
	_, _ = c.Write(make([]byte, 1<<10))
	s.until("it is ended", func() bool { return s.tlsResult(TLSFailed) == 1 && s.Open() == 0 })
}

// The ciphers of those who speak are kept, and those of nobody else.
func TestLoop_KeysOf(t *testing.T) {
	rig := newRig(t, &server{})
	l, a, b := rig.Loop, rig.slot, rig.slot+keptKeys
	l.second = 100
	for i := range 5 {
		if kept := l.keysOf(a) != &l.passing; kept != (i >= keysAfter) {
			t.Errorf("use %d: kept %v", i+1, kept)
		}
	}
	mine := l.keysOf(a)
	l.second += keysIdle - 1
	if l.keysOf(a) != mine {
		t.Error("they are forgotten too early")
	}
	l.second += keysIdle
	if l.keysOf(a) != &l.passing {
		t.Error("they are kept for one who has said nothing for a while")
	}
	for range keysAfter {
		l.keysOf(a)
	}
	l.keysOf(b)
	if l.keysOf(a) != &l.passing {
		t.Error("another one has the place, and they are kept")
	}
	l.second += keysIdle
	l.forgetIdleKeys()
	if l.keys[a%keptKeys] != nil || len(l.usedKeys) != 0 {
		t.Error("idle ones are not given back")
	}
}

// Clients that come, go, break the protocol and stay silent, at random and by TLS: each
// opens once and closes once, and nothing is left.
func TestGroup_Chaos_TLS(t *testing.T) {
	total := 2_000
	if testing.Short() {
		total = 200
	}
	s := &server{data: echo}
	s.full = func(l *Loop, c Slot, cause Cause) { l.Finish(c, cause) }
	s.startTLS(t, Config{Loops: 2, Outbox: 64 << 10, Handshakes: 8})
	cache := tls.NewLRUClientSessionCache(8)
	var wg sync.WaitGroup
	const clients = 16
	for k := range clients {
		wg.Go(func() {
			rnd := mathrand.New(mathrand.NewPCG(uint64(k), 2))
			for range total / clients {
				if rnd.IntN(3) == 0 {
					misbehave(t, s.addr, rnd)
					continue
				}
				conn, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				cfg := clientTLS()
				cfg.MaxVersion, cfg.ClientSessionCache = both[rnd.IntN(2)], cache
				misbehaveTLS(t, conn.(*net.TCPConn), cfg, rnd)
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	s.until("all are closed", func() bool { return s.Open() == 0 })
	s.until("nothing is left", func() bool { return s.tlsLeft() == 0 })
	if s.tlsResult(TLSOK) == 0 || s.tlsResult(TLSResumed) == 0 || s.tlsResult(TLSGone) == 0 {
		t.Errorf("handshakes went ok %d, resumed %d, gone %d", s.tlsResult(TLSOK), s.tlsResult(TLSResumed), s.tlsResult(TLSGone))
	}
}

// misbehaveTLS does one of the things that clients do.
func misbehaveTLS(t *testing.T, raw *net.TCPConn, cfg *tls.Config, rnd *mathrand.Rand) {
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(raw, cfg)
	b := make([]byte, 1+rnd.IntN(40000))
	switch rnd.IntN(5) {
	case 0: // echoes and goes
		go func() { _, _ = c.Write(b) }()
		if err := readAll(c, make([]byte, len(b))); err != nil {
			t.Errorf("an echo of %d bytes: %v", len(b), err)
		}
		_ = c.Close()
	case 1: // resets with the answer under way
		_, _ = c.Write(b)
		_ = raw.SetLinger(0)
	case 2: // says goodbye before the answer
		_, _ = c.Write(b)
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	case 3: // goes in the clear on from where it was
		_, _ = c.Write(b)
		_, _ = raw.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		_, _ = io.Copy(io.Discard, raw)
	case 4: // leaves in the middle of the handshake
		_ = raw.SetReadDeadline(time.Now().Add(time.Duration(rnd.IntN(3)) * time.Millisecond))
		_ = c.Handshake()
	}
}
