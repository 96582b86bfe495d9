package broker

import (
	"runtime"
	"testing"
	"time"
	"unsafe"
)

func TestMemory_Sizes(t *testing.T) {
	for what, size := range map[string][2]uintptr{
		"room":    {unsafe.Sizeof(room{}), 80},
		"history": {unsafe.Sizeof(history{}), 96},
		"Kept":    {unsafe.Sizeof(Kept{}), 32},
		"once":    {unsafe.Sizeof(once{}), 72},
		"part":    {unsafe.Sizeof(part{}), 192},
	} {
		if size[0] != size[1] {
			t.Errorf("a %s has %d bytes, expected %d", what, size[0], size[1])
		}
	}
	if raceEnabled {
		return
	}
	const n = 100_000
	before := heapInUse()
	m := NewMemory(Config{})
	for i := range n {
		publish(t, m, name(i), 1)
	}
	each := float64(heapInUse()-before) / n
	t.Logf("%.0f bytes a room", each)
	if each > 200 {
		t.Errorf("%.0f bytes a room, expected at most 200", each)
	}
	runtime.KeepAlive(m)
}

// heapInUse is what is in use of the heap after a collection.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A broker that knew many rooms and knows none takes little.
func TestMemory_Tidy_GivesMemoryBack(t *testing.T) {
	const n = manyParts * mapKept * 2
	before := heapInUse()
	m := NewMemory(Config{IdleTTL: time.Second})
	for i := range n {
		publish(t, m, name(i), 0)
	}
	for range 1 + 4*mapKept/tidiedAtOnce {
		m.Tidy(int64(time.Second))
	}
	if m.Stats().Rooms != 0 {
		t.Fatalf("%d rooms are kept", m.Stats().Rooms)
	}
	if used := heapInUse() - before; !raceEnabled && used > n {
		t.Errorf("%d bytes are used", used)
	}
	if at := publish(t, m, name(0), int64(time.Second)); at.Offset != 1 || m.Stats().Rooms != 1 {
		t.Errorf("a room that came back is at %+v, of %d rooms", at, m.Stats().Rooms)
	}
}
