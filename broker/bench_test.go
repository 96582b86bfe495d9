package broker

import (
	"sync/atomic"
	"testing"
)

func BenchmarkMemory_Publish(b *testing.B) {
	m := NewMemory(Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.Publish("r", 1, nothing{})
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
			_, _ = m.Publish(names[i%len(names)], 1, nothing{})
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
		_, _ = m.Publish(names[i%len(names)], int64(i), nothing{})
		i++
	}
}
