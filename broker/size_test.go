package broker

import (
	"runtime"
	"testing"
	"time"
	"unsafe"
)

func TestMemory_Sizes(t *testing.T) {
	if n := unsafe.Sizeof(room{}); n != 64 {
		t.Errorf("a room has %d bytes, expected 64", n)
	}
	if n := unsafe.Sizeof(part{}); n != 64 {
		t.Errorf("a part has %d bytes, expected 64", n)
	}
	if raceEnabled {
		return
	}
	const n = 100_000
	before := heap()
	m := NewMemory(Config{})
	for i := range n {
		publish(t, m, name(i), 1)
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes a room", each)
	if each > 200 {
		t.Errorf("%.0f bytes a room, expected at most 200", each)
	}
	runtime.KeepAlive(m)
}

// heap is what is in use of the heap after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A broker that knew many rooms and knows none takes little.
func TestMemory_Tidy_GivesMemoryBack(t *testing.T) {
	const n = manyParts * mapKept * 2
	before := heap()
	m := NewMemory(Config{IdleTTL: time.Second})
	for i := range n {
		publish(t, m, name(i), 0)
	}
	for range 1 + 4*mapKept/tidiedAtOnce {
		m.Tidy(int64(time.Second))
	}
	if m.Rooms() != 0 {
		t.Fatalf("%d rooms are kept", m.Rooms())
	}
	if used := heap() - before; !raceEnabled && used > n {
		t.Errorf("%d bytes are used", used)
	}
	if at := publish(t, m, name(0), int64(time.Second)); at.Offset != 1 || m.Rooms() != 1 {
		t.Errorf("a room that came back is at %+v, of %d rooms", at, m.Rooms())
	}
}
