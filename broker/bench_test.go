package broker

import (
	"strconv"
	"sync/atomic"
	"testing"
)

func BenchmarkMemory_Publish(b *testing.B) {
	m := NewMemory(Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish("r", nothing{}, Terms{Now: 1})
	}
}

func BenchmarkMemory_Publish_History(b *testing.B) {
	m := NewMemory(Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish("r", nothing{}, keeps(1, 100))
	}
}

// All histories take what they may: each message costs another room its history.
func BenchmarkMemory_Publish_HistoryMemory(b *testing.B) {
	const rooms = 100_000
	m := NewMemory(Config{HistoryMemory: rooms / 2 * historyCost})
	names := make([]string, rooms)
	for i := range names {
		names[i] = name(i)
		published(b, m, names[i], 100, keeps(1, 10))
	}
	d, i := Delivery(sized(100)), 0
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish(names[i%rooms], d, keeps(1, 10))
		i++
	}
}

func BenchmarkMemory_Publish_Once(b *testing.B) {
	m := NewMemory(Config{})
	keys := make([]string, 1<<20)
	for i := range keys {
		keys[i] = "a-key-of-some-length-" + strconv.Itoa(i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish("r", nothing{}, Terms{Now: int64(i) * 1000, Once: keys[i%len(keys)]})
		i++
	}
}

// A herd comes back: each of those who join missed a hundred messages.
func BenchmarkMemory_Snapshot_Recover100(b *testing.B) {
	m := NewMemory(Config{})
	var at Position
	for range 150 { // the ring's end is in the middle
		at = published(b, m, "r", 100, keeps(1, 100))
	}
	at.Offset -= 100
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		m.Snapshot("r", 1, &at, func(s Snapshot) { n += len(s.Messages) })
	}
	if n != 100*b.N {
		b.Errorf("%d messages of %d were recovered", n, 100*b.N)
	}
}

func BenchmarkMemory_Publish_ThousandRooms(b *testing.B) {
	m := NewMemory(Config{})
	names := make([]string, 1000)
	for i := range names {
		names[i] = name(i)
		publish(b, m, names[i], 1)
	}
	var from atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := int(from.Add(7919)); pb.Next(); i++ {
			_, _ = m.Publish(names[i%len(names)], nothing{}, Terms{Now: 1})
		}
	})
}

// Every message is a new room's, and every room drops another.
func BenchmarkMemory_Publish_NewRooms(b *testing.B) {
	const most = 100_000
	m := NewMemory(Config{MaxRooms: most})
	names := make([]string, 4*most)
	for i := range names {
		names[i] = name(i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish(names[i%len(names)], nothing{}, Terms{Now: int64(i)})
		i++
	}
}
