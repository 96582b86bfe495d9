package poller

import (
	"bytes"
	"net"
	"testing"
	"unsafe"
)

func TestConnSize(t *testing.T) {
	if n := unsafe.Sizeof(record{}); n != 32 {
		t.Errorf("a record has %d bytes; an idle connection must cost no more than 32 here", n)
	}
	if n := unsafe.Sizeof(ConnID(0)); n != 8 {
		t.Errorf("a ConnID has %d bytes", n)
	}
}

// A rig is a loop without a goroutine, with one connection, so that a test can
// turn it by hand.
type rig struct {
	*Loop
	w    *worker
	slot Slot
	peer *net.TCPConn
}

func newRig(t testing.TB, s *server) *rig {
	t.Helper()
	s.t, s.causes = t, map[Cause]int{}
	w := &worker{srv: s}
	g, err := NewGroup(Config{Loops: 1, Listen: []string{"127.0.0.1:0"}, New: func(l *Loop) (Handler, Worker) {
		w.l = l
		return w, w
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Discard)
	c, err := net.Dial("tcp", g.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	r := &rig{Loop: w.l, w: w, peer: c.(*net.TCPConn)}
	for len(s.ids) == 0 {
		r.wait(10)
	}
	r.slot = s.ids[0].slot()
	t.Cleanup(func() { r.Close(r.slot, CauseUser); r.reap() })
	return r
}

// wait is one round of Loop.run, which waits up to ms milliseconds.
func (r *rig) wait(ms int) {
	n, err := r.poll.wait(ms)
	if err != nil {
		panic(err)
	}
	r.turn(n)
}

func TestLoop_Turn_DoesNotAllocate(t *testing.T) {
	s := &server{data: echo}
	r := newRig(t, s)
	msg, back := []byte("sixteen bytes!!!"), make([]byte, 64)
	post := Post{ID: r.ID(r.slot), Arg: func(l *Loop) { l.WriteShared(r.slot, msg) }}
	for name, f := range map[string]func(){
		"read, act, write": func() {
			_, _ = send(r.slotOfPeer(t), msg)
			r.wait(1000)
			recvAll(r.slotOfPeer(t), back[:len(msg)])
		},
		"post, deliver": func() {
			_ = r.Post(post)
			r.wait(0)
			recvAll(r.slotOfPeer(t), back[:len(msg)])
		},
		"timer": func() {
			r.SetTimer(r.slot, 0)
			r.wheel.now--
			r.wait(0)
		},
		"idle turn": func() { r.wait(0) },
	} {
		f() // lists grow to their working size
		f()
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if !bytes.Equal(back[:len(msg)], msg) {
		t.Errorf("the peer got %q", back)
	}
}

// slotOfPeer is the descriptor of the client's side: net's own calls allocate.
func (r *rig) slotOfPeer(t testing.TB) (s Slot) {
	if r.w.srv.peerFD == 0 {
		raw, err := r.peer.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { r.w.srv.peerFD = Slot(fd) })
	}
	return r.w.srv.peerFD
}

func recvAll(s Slot, b []byte) {
	for got := 0; got < len(b); {
		n, e := recv(s, b[got:])
		if e == 0 {
			got += n
		}
	}
}

func BenchmarkLoop_Echo(b *testing.B) {
	r := newRig(b, &server{data: echo})
	msg, back := make([]byte, 128), make([]byte, 128)
	peer := r.slotOfPeer(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = send(peer, msg)
		r.wait(1000)
		recvAll(peer, back)
	}
}

func BenchmarkLoop_Post(b *testing.B) {
	r := newRig(b, &server{})
	post := Post{Arg: func(*Loop) {}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = r.Post(post)
		if i%256 == 255 {
			r.drainInbox()
		}
	}
}
