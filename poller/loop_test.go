package poller

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A handle kept after its close must never reach the descriptor's next owner.
func TestLoop_Lookup_StaleIDFindsNobody(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1})
	for round := range 50 {
		a := s.dial()
		old := s.id(2 * round)
		_ = a.Close()
		s.until("the first is closed", func() bool { return s.closes.Load() == int64(2*round+1) })

		b := s.dial()
		if now := s.id(2*round + 1); now.slot() != old.slot() {
			t.Fatalf("the kernel gave descriptor %d, not %d again: the test shows nothing", now.slot(), old.slot())
		}
		s.on(func(l *Loop) {
			if _, ok := l.Lookup(old); ok {
				t.Error("the old ID finds the new connection")
			}
			if got, ok := l.Lookup(s.id(2*round + 1)); !ok || !l.Write(got, []byte("for b")) {
				t.Error("the new ID does not find its connection")
			}
		})
		if got := must(t, b, 5); string(got) != "for b" {
			t.Fatalf("b got %q", got)
		}
		_ = b.Close()
		s.until("the second is closed", func() bool { return s.closes.Load() == int64(2*round+2) })
	}
}

// The same while the connection is closing, within the turn: its slot takes no
// writes, its ID finds nothing, and its descriptor stays taken.
func TestLoop_Close_SlotIsNotReusedWithinTheTurn(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1})
	s.dial()
	id := s.id(0)
	s.on(func(l *Loop) {
		slot, ok := l.Lookup(id)
		if !ok {
			t.Fatal("not found")
		}
		l.Close(slot, CauseUser)
		l.Close(slot, CauseUser+1)
		if l.Write(slot, []byte("x")) || l.WriteShared(slot, []byte("x")) {
			t.Error("a closing connection takes writes")
		}
		if _, ok := l.Lookup(id); ok {
			t.Error("a closing connection is found")
		}
		l.Finish(slot, CauseUser+2)
		l.SetTimer(slot, 1)
	})
	s.until("it is closed", func() bool { return s.cause(CauseUser) == 1 })
}

// A close inside a write inside a broadcast harms nobody: half of the members
// have reset their connections, so that writes to them fail midway; others are
// closed by a callback during it.
func TestLoop_Write_CloseWithinBroadcast(t *testing.T) {
	const n = 64
	s := &server{}
	members := map[Slot]bool{} // owned by the loop
	broadcasting := false
	s.open = func(_ *Loop, c Slot) { members[c] = true }
	s.closed = func(l *Loop, c Slot, _ Cause) {
		if broadcasting {
			t.Error("Closed ran inside a write")
		}
		if !members[c] {
			t.Error("closed twice, or never opened")
		}
		delete(members, c)
		for m := range members { // closes another from within Closed
			if m%16 == 3 {
				l.Close(m, CauseUser)
				break
			}
		}
	}
	s.start(t, Config{Loops: 1})
	var kept []*net.TCPConn
	for i := range n {
		c := s.dial()
		s.id(i)
		if i%2 == 0 {
			_ = c.SetLinger(0)
			_ = c.Close()
		} else {
			kept = append(kept, c)
		}
	}
	hello := []byte("to everybody")
	for range 20 {
		s.on(func(l *Loop) {
			broadcasting = true
			for m := range members {
				l.WriteShared(m, hello)
				if m%16 == 5 {
					l.Close(m, CauseUser)
				}
				l.Write(m, hello)
			}
			broadcasting = false
		})
	}
	alive := 0
	for _, c := range kept {
		b, err := io.ReadAll(io.LimitReader(c, 40*int64(len(hello))))
		if len(b)%len(hello) != 0 || bytes.Count(b, hello) != len(b)/len(hello) {
			t.Errorf("a member got something else: %q", b)
		}
		if err == nil && len(b) == 40*len(hello) {
			alive++
		}
	}
	if alive == 0 {
		t.Error("nobody got all messages")
	}
}

func TestLoop_Data_PanicEndsOneConnection(t *testing.T) {
	s := &server{}
	s.data = func(l *Loop, c Slot, b []byte) {
		if b[0] == '!' {
			panic("on purpose")
		}
		l.Write(c, b)
	}
	s.fault = func(l *Loop, c Slot, v any) {
		l.Write(c, []byte("bye"))
		l.Finish(c, CausePanic)
	}
	s.start(t, Config{Loops: 1})
	good, bad := s.dial(), s.dial()
	for range 3 {
		_, _ = good.Write([]byte("ping"))
		must(t, good, 4)
	}
	_, _ = bad.Write([]byte("!"))
	if b, err := io.ReadAll(bad); err != nil || string(b) != "bye" {
		t.Errorf("got %q, %v", b, err)
	}
	_ = bad.Close()
	s.until("it is closed", func() bool { return s.cause(CausePanic) == 1 })
	_, _ = good.Write([]byte("ping"))
	must(t, good, 4)
	if n := s.Loops()[0].Stats.Panics.Load(); n != 1 {
		t.Errorf("%d panics counted", n)
	}
}

// A panic in each other callback leaves the loop alive.
func TestLoop_Panic_AnyCallback(t *testing.T) {
	var where string // owned by the loop
	s := &server{}
	blow := func(at string) {
		if where == at {
			where = ""
			panic(at)
		}
	}
	s.open = func(l *Loop, c Slot) { blow("open"); l.SetTimer(c, l.Second()+1) }
	s.data = func(l *Loop, c Slot, b []byte) { l.Write(c, b) }
	s.timer = func(*Loop, Slot) { blow("timer") }
	s.closed = func(*Loop, Slot, Cause) { blow("closed") }
	s.turn = func(*Loop) bool { blow("turn"); return false }
	s.fault = func(*Loop, Slot, any) { panic("the fault's handler panics too") }
	s.start(t, Config{Loops: 1})
	for i, at := range []string{"open", "timer", "closed", "turn", "post"} {
		s.on(func(*Loop) { where = at })
		c := s.dial()
		switch at {
		case "post":
			_ = s.Loops()[0].Post(Post{Arg: func(*Loop) { blow("post") }})
		case "closed":
			_ = c.Close()
		}
		s.until(at+" has panicked", func() bool { return s.Loops()[0].Stats.Panics.Load() == uint64(i+1) })
		live := s.dial()
		_, _ = live.Write([]byte("ping"))
		must(t, live, 4)
	}
}

func TestLoop_Write_ReaderThatNeverReadsStaysWithinItsBound(t *testing.T) {
	const bound = 32 << 10
	s := &server{}
	worst := 0
	s.data = func(l *Loop, c Slot, b []byte) {}
	s.full = func(l *Loop, c Slot, cause Cause) {
		if cause != CauseOutbox {
			t.Errorf("cause %d", cause)
		}
		l.Truncate(c, func(_ []byte, off int) int { return off + 10 })
		if w := l.Waiting(c); w > 10+partCost {
			t.Errorf("%d bytes wait after Truncate", w)
		}
		if !l.Write(c, []byte("the last word")) {
			t.Error("no room for a last word")
		}
		l.Finish(c, cause)
	}
	s.start(t, Config{Loops: 1, Outbox: bound})
	c := s.dial()
	id := s.id(0)
	shared := bytes.Repeat([]byte("s"), 3000)
	for i := 0; s.cause(CauseOutbox) == 0 && s.Open() == 1; i++ {
		s.on(func(l *Loop) {
			slot, ok := l.Lookup(id)
			if !ok {
				return
			}
			if i%2 == 0 {
				l.Write(slot, shared[:700])
			} else {
				l.WriteShared(slot, shared)
			}
			worst = max(worst, l.Waiting(slot))
		})
		if _, ok := lookup(s, id); !ok {
			break
		}
	}
	if worst == 0 || worst > bound+len(shared)+2*partCost {
		t.Errorf("up to %d bytes waited, the bound is %d behind one message", worst, bound)
	}
	b, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(b, []byte("the last word")) {
		t.Errorf("the reader's last bytes: %q, %v", b[max(0, len(b)-20):], err)
	}
}

func lookup(s *server, id ConnID) (slot Slot, ok bool) {
	s.on(func(l *Loop) { slot, ok = l.Lookup(id) })
	return slot, ok
}

// The bytes of all slow readers together have a bound, too: the one with most
// waiting pays first.
func TestLoop_OutboxMemory_LargestPaysFirst(t *testing.T) {
	s := &server{}
	var ended []Slot
	s.full = func(_ *Loop, c Slot, cause Cause) {
		if cause != CauseBudget {
			t.Errorf("cause %d", cause)
		}
		ended = append(ended, c)
	}
	s.start(t, Config{Loops: 1, Outbox: 64 << 20, OutboxMemory: 1 << 20})
	var ids []ConnID
	for i := range 4 {
		s.dial()
		ids = append(ids, s.id(i))
	}
	block := make([]byte, 8<<20)
	s.on(func(l *Loop) {
		for _, id := range ids { // fills the sockets: some megabytes may fit
			slot, _ := l.Lookup(id)
			l.WriteShared(slot, block[:1])
			for l.Waiting(slot) == 0 {
				l.WriteShared(slot, block[:64<<10])
			}
		}
		big, _ := l.Lookup(ids[2])
		l.WriteShared(big, block[:2<<20])
	})
	s.until("the budget's victim is gone", func() bool { return s.closes.Load() > 0 })
	s.on(func(l *Loop) {
		if len(ended) != 1 || ended[0] != ids[2].slot() {
			t.Errorf("ended %v, expected %d alone", ended, ids[2].slot())
		}
	})
	if s.OutboxBytes() > 1<<20 {
		t.Errorf("%d bytes wait", s.OutboxBytes())
	}
}

func TestLoop_Finish_DeliversWhatWaits(t *testing.T) {
	const n = 5 << 20
	s := new(server).start(t, Config{Loops: 1, Outbox: 64 << 20})
	c := s.dial()
	id := s.id(0)
	block := bytes.Repeat([]byte("0123456789abcdef"), n/16)
	s.on(func(l *Loop) {
		slot, _ := l.Lookup(id)
		l.WriteShared(slot, block)
		l.Write(slot, []byte("end"))
		l.Finish(slot, CauseUser)
		if l.Write(slot, []byte("more")) {
			t.Error("a finishing connection takes writes")
		}
	})
	_, _ = c.Write([]byte("nobody reads this, and it must not become a reset"))
	b, err := io.ReadAll(c)
	if err != nil || len(b) != n+3 || !bytes.HasSuffix(b, []byte("end")) || !bytes.Equal(b[:n], block) {
		t.Fatalf("got %d bytes, %v", len(b), err)
	}
	_ = c.Close()
	s.until("it is closed", func() bool { return s.cause(CauseUser) == 1 })
}

func TestLoop_Finish_GivesUpOnAPeerThatStays(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1})
	s.dial()
	id := s.id(0)
	s.on(func(l *Loop) {
		slot, _ := l.Lookup(id)
		l.Finish(slot, CauseUser)
	})
	began := time.Now()
	s.until("it is closed", func() bool { return s.closes.Load() == 1 })
	if d := time.Since(began); d < (lingerSeconds-1)*time.Second {
		t.Errorf("gave up after %v", d)
	}
	if s.cause(CauseUser) != 1 {
		t.Error("the first cause does not count")
	}
}

// Bytes arrive whole and in order, wherever a read tears them.
func TestLoop_Data_TornAtEveryByte(t *testing.T) {
	s := &server{data: echo}
	s.start(t, Config{Loops: 1})
	c := s.dial()
	msg := []byte("a message that is torn at every byte")
	for cut := range msg {
		_, _ = c.Write(msg[:cut])
		if cut > 0 {
			must(t, c, cut)
		}
		_, _ = c.Write(msg[cut:])
		if got := must(t, c, len(msg)-cut); !bytes.Equal(got, msg[cut:]) {
			t.Fatalf("cut at %d: %q", cut, got)
		}
	}
}

func TestLoop_Throttle_ReadsOnWhenTheReaderTookAll(t *testing.T) {
	s := &server{}
	s.data = func(l *Loop, c Slot, b []byte) {
		l.Throttle(c)
		l.Write(c, b[:len(b)/2])
		l.WriteShared(c, bytes.Clone(b[len(b)/2:]))
	}
	s.start(t, Config{Loops: 1, Outbox: 1 << 10}) // less than one read may cause
	c := s.dial()
	id := s.id(0)
	const n = 32 << 20
	sent := make(chan error, 1)
	go func() {
		block := make([]byte, 1<<20)
		for range n / len(block) {
			if _, err := c.Write(block); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	s.until("reading rests", func() bool {
		rests := false
		s.on(func(l *Loop) {
			slot, ok := l.Lookup(id)
			rests = ok && l.recs.At(slot).flags&noRead != 0
		})
		return rests
	})
	if got, err := io.Copy(io.Discard, io.LimitReader(c, n)); got != n || err != nil {
		t.Fatalf("got %d bytes back, %v", got, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestLoop_Throttle_TellsWhenAllHasGoneOut(t *testing.T) {
	const n = 16 << 20
	s := new(server)
	emptied := make(chan bool, 1)
	s.data = func(l *Loop, slot Slot, b []byte) {
		if len(b) == 0 {
			emptied <- l.Waiting(slot) == 0
			l.Write(slot, []byte("."))
			return
		}
		l.Throttle(slot)
		l.Write(slot, make([]byte, n))
	}
	s.start(t, Config{Loops: 1, Outbox: 1 << 10})
	c := s.dial()
	_, _ = c.Write([]byte("x"))
	s.until("something waits", func() bool { return s.OutboxBytes() > 0 })
	select {
	case <-emptied:
		t.Fatal("told too early")
	default:
	}
	if got, err := io.Copy(io.Discard, io.LimitReader(c, n+1)); got != n+1 || err != nil {
		t.Fatalf("got %d bytes, %v", got, err)
	}
	if !<-emptied {
		t.Error("told while something waited")
	}
}

func TestLoop_Pause_ReadsNothingUntilResume(t *testing.T) {
	s := new(server)
	got := make(chan string, 10)
	s.data = func(l *Loop, slot Slot, b []byte) {
		got <- string(b)
		l.Pause(slot)
	}
	s.start(t, Config{Loops: 1})
	c := s.dial()
	_, _ = c.Write([]byte("a"))
	if v := <-got; v != "a" {
		t.Fatal(v)
	}
	_, _ = c.Write([]byte("b"))
	other := s.dial()
	_, _ = other.Write([]byte("c"))
	if v := <-got; v != "c" {
		t.Fatalf("a paused connection was read: %q", v)
	}
	s.on(func(l *Loop) {
		slot, ok := l.Lookup(s.id(0))
		if !ok {
			t.Error("the connection is gone")
			return
		}
		l.Resume(slot)
	})
	if v := <-got; v != "b" {
		t.Fatal(v)
	}
}

func TestLoop_Corked_GathersAndThrottles(t *testing.T) {
	s := new(server)
	s.data = func(l *Loop, slot Slot, b []byte) {}
	s.start(t, Config{Loops: 1, Outbox: 1 << 10})
	c := s.dial()
	id := s.id(0)
	const n = 8 << 20
	s.on(func(l *Loop) {
		slot, _ := l.Lookup(id)
		l.Corked(slot, func() {
			l.Throttle(slot)
			for range 8 { // far over the outbox's bound
				if !l.Write(slot, make([]byte, n/8)) {
					t.Error("a throttled write was refused")
				}
			}
		})
		if l.recs.At(slot).flags&noRead == 0 {
			t.Error("reading goes on")
		}
	})
	if got, err := io.Copy(io.Discard, io.LimitReader(c, n)); got != n || err != nil {
		t.Fatalf("got %d bytes, %v", got, err)
	}
}

func TestGroup_Post_ClosedAndBusy(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1, MaxPosts: 4})
	block := make(chan struct{})
	started := make(chan struct{})
	_ = s.Loops()[0].Post(Post{Arg: func(*Loop) { close(started); <-block }})
	<-started
	var err error
	for i := 0; err == nil && i < 10; i++ {
		err = s.Loops()[0].Post(Post{Arg: func(*Loop) {}})
	}
	close(block)
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a full inbox says %v", err)
	}
	if err := s.Post(0, Post{}); !errors.Is(err, ErrClosed) {
		t.Errorf("no connection: %v", err)
	}
	if err := s.Post(makeID(63, 1, 1), Post{}); !errors.Is(err, ErrClosed) {
		t.Errorf("no such loop: %v", err)
	}
	s.end()
	if err := s.Loops()[0].Post(Post{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// What was taken is handled, though the loop ends.
func TestLoop_Post_AllAreHandledAtTheEnd(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1})
	var handled, taken atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for s.Loops()[0].Post(Post{Arg: func(*Loop) { handled.Add(1) }}) == nil {
				taken.Add(1)
			}
		})
	}
	s.until("posts come", func() bool { return handled.Load() > 1000 })
	s.end()
	wg.Wait()
	if handled.Load() != taken.Load() {
		t.Errorf("%d were taken and %d handled", taken.Load(), handled.Load())
	}
}

func TestLoop_Post_FirstInFirstOut(t *testing.T) {
	s := new(server).start(t, Config{Loops: 1})
	last, seen := -1, 0 // owned by the loop
	for i := range 20000 {
		if err := s.Loops()[0].Post(Post{Arg: func(*Loop) {
			if i != last+1 {
				t.Errorf("%d came after %d", i, last)
			}
			last = i
			seen++
		}}); err != nil {
			t.Fatal(err)
		}
	}
	s.on(func(*Loop) {
		if seen != 20000 {
			t.Errorf("%d of 20000 came", seen)
		}
	})
}
