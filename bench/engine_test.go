package bench

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestConn_Size(t *testing.T) {
	if size := unsafe.Sizeof(conn{}); size != 32 {
		t.Errorf("a connection takes %d bytes", size)
	}
}

func TestFanning_Judge_Late(t *testing.T) {
	for _, c := range []struct {
		numbers                     []uint32
		arrived, doubled, reordered int64
	}{
		{[]uint32{0, 1, 2}, 3, 0, 0},
		{[]uint32{0, 2, 1}, 3, 0, 1},
		{[]uint32{2, 1, 0}, 3, 0, 2},
		{[]uint32{0, 0, 1, 0}, 2, 2, 0},
		{[]uint32{0, 3}, 2, 0, 0},
		{[]uint32{63, 0, 0}, 2, 1, 1},
		{[]uint32{0, 64, 0}, 2, 1, 0},
		{[]uint32{0, 64, 1}, 3, 0, 1},
		{[]uint32{0, 65, 1}, 2, 1, 0},
		{[]uint32{1000, 1000, 999, 999}, 2, 2, 1},
	} {
		l, m := &fanning{}, conn{}
		for _, n := range c.numbers {
			l.judge(&m, n)
		}
		if l.arrived != c.arrived || l.doubled != c.doubled || l.reordered != c.reordered {
			t.Errorf("%v: arrived %d, doubled %d, reordered %d", c.numbers, l.arrived, l.doubled, l.reordered)
		}
	}
}

func TestEngine_HotPath_NoAllocs(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(ends[1]) }()
	e, err := newEngine(Options{Mode: Echo, URL: "ws://127.0.0.1:1/", Conns: 1}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer e.finish()
	defer func() { e.release(0) }() // nobody would answer its close frame
	e.conns[0] = conn{fd: int32(ends[0]), state: open}
	echo := &echoing{engine: e}
	e.load = echo
	sink := make([]byte, 4096)
	back := make([]byte, 0, 4096)
	echo.next(0)
	once := func() {
		_, _ = read(int32(ends[1]), sink)
		c := &e.conns[0]
		back = append(back[:0], 0x81, 126, 0, 128)
		back = appendPayload(back, stamp{e.run, c.next, c.since}, 128)
		e.input(0, back)
	}
	if n := testing.AllocsPerRun(1000, once); n != 0 {
		t.Errorf("an echo allocates %g times", n)
	}
	if e.ops < 1000 || e.drops != 0 {
		t.Errorf("%d echoes, %v", e.ops, e.faults)
	}
	fan := &fanning{engine: e}
	e.load = fan
	number := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		back = append(back[:0], 0x81, 126, 0, 128)
		back = appendPayload(back, stamp{e.run, number, 1}, 128)
		number++
		e.input(0, back)
	}); n != 0 {
		t.Errorf("a delivery allocates %g times", n)
	}
}
