package broker

import (
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// usedHeap is what is in use of the heap after a collection.
func usedHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestPresence_Sizes(t *testing.T) {
	if n := unsafe.Sizeof(presenceRoom{}); n != 72 {
		t.Errorf("a room has %d bytes, expected 72", n)
	}
	if n := unsafe.Sizeof(presencePart{}); n != 128 {
		t.Errorf("a part has %d bytes, expected 128", n)
	}
	if raceEnabled {
		return
	}
	for _, c := range []struct {
		what           string
		rooms, users   int
		most, estimate float64 // bytes a user; how far Bytes may be off
	}{
		{"a user of a huge room", 1, 150_000, 40, 0.3},
		{"a user alone in a room", 50_000, 1, 180, 0.3},
		{"one of eight in a room", 10_000, 8, 40, 0.3},
	} {
		before := usedHeap()
		p := NewPresence(PresenceConfig{})
		for i := range c.rooms {
			for user := range c.users {
				p.Join(name(i), uint64(user), 0, member(1))
			}
		}
		p.Flush(0, func(string, Changes) {})
		p.Flush(sec, func(string, Changes) {})
		used := float64(usedHeap() - before)
		each := used / float64(c.rooms*c.users)
		t.Logf("%s takes %.0f bytes; the estimate is %.2f of it", c.what, each, float64(p.Bytes())/used)
		if each > c.most {
			t.Errorf("%s takes %.0f bytes, expected at most %.0f", c.what, each, c.most)
		}
		if off := float64(p.Bytes())/used - 1; off < -c.estimate || off > c.estimate {
			t.Errorf("Bytes says %d, %.0f are used", p.Bytes(), used)
		}
		runtime.KeepAlive(p)
	}
}

// A quiet room that knew many users, and many quiet rooms, take little.
func TestPresence_Flush_GivesMemoryBack(t *testing.T) {
	const n = 100_000
	before := usedHeap()
	p := NewPresence(PresenceConfig{})
	for i := range n {
		p.Join("large", uint64(i), 0, member(1))
		p.Join(name(i), 1, 0, member(1))
	}
	p.Flush(0, func(string, Changes) {})
	for i := range n {
		p.Leave("large", uint64(i), sec, true, member(1))
		p.Leave(name(i), 1, sec, true, member(1))
	}
	for i := range int64(4) {
		p.Flush(sec+i*5*sec, func(string, Changes) {})
	}
	if used := usedHeap() - before; p.Rooms() != 0 || p.Bytes() != 0 || !raceEnabled && used > n {
		t.Errorf("%d rooms, %d bytes by estimate, %d in use", p.Rooms(), p.Bytes(), used)
	}
	runtime.KeepAlive(p)
}

// What is told to nobody makes no garbage.
func TestPresence_Join_Allocs(t *testing.T) {
	p := NewPresence(PresenceConfig{})
	for user := range uint64(1000) {
		p.Join("r", user, 0, member(user))
	}
	p.Flush(0, func(string, Changes) {})
	told := member(1)
	now := sec
	if n := testing.AllocsPerRun(1000, func() {
		p.Join("r", 1, now, told)
		p.Leave("r", 1, now, false, told)
		p.Count("r")
		p.Flush(now, func(string, Changes) {})
		now += ms
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func benchmarkPresence(b *testing.B) *Presence {
	b.Helper()
	p := NewPresence(PresenceConfig{Grace: time.Second})
	for user := range uint64(100_000) {
		p.Join("r", user, 0, member(user))
	}
	p.Flush(0, func(string, Changes) {})
	p.Flush(sec, func(string, Changes) {})
	return p
}

// A user comes and goes.
func BenchmarkPresence_JoinLeave(b *testing.B) {
	p := benchmarkPresence(b)
	json := []byte(`{"user":"alice","conn":"0123456789ab"}`)
	told := func() []byte { return json }
	b.ReportAllocs()
	for user := uint64(1 << 20); b.Loop(); user++ {
		p.Join("r", user, sec, told)
		p.Leave("r", user, sec, false, told)
	}
}

// A second connection of a user comes and goes.
func BenchmarkPresence_JoinLeave_Second(b *testing.B) {
	p := benchmarkPresence(b)
	b.ReportAllocs()
	for user := uint64(0); b.Loop(); user++ {
		p.Join("r", user%100_000, sec, nil)
		p.Leave("r", user%100_000, sec, false, nil)
	}
}

// Two hundred join a room of 100,000, and it is told.
func BenchmarkPresence_Flush_200Of100000(b *testing.B) {
	p := benchmarkPresence(b)
	json := []byte(`{"user":"alice","conn":"0123456789ab"}`)
	told := func() []byte { return json }
	now, user := 2*sec, uint64(1<<20)
	b.ReportAllocs()
	for b.Loop() {
		for range 200 {
			p.Join("r", user, now, told)
			user++
		}
		p.Flush(now, func(string, Changes) {})
		now += sec
	}
}

// Nothing has changed anywhere.
func BenchmarkPresence_Flush_Quiet(b *testing.B) {
	p := benchmarkPresence(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Flush(2*sec, func(string, Changes) {})
	}
}
