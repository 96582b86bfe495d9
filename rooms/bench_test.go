package rooms

import (
	"strconv"
	"testing"
	"time"
)

const million = 1_000_000

func BenchmarkShard_JoinLeave(b *testing.B) {
	s := NewShard[int](nil)
	fill(s, million)
	b.ReportAllocs()
	for b.Loop() {
		head, _, _, _ := s.Join(0, "r", 1<<21, 0)
		s.Leave(head, "r")
	}
}

// Somebody in the middle leaves, so that another takes the place.
func BenchmarkShard_LeaveJoin_Anywhere(b *testing.B) {
	s := NewShard[int](nil)
	heads := fill(s, million)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 1_000_003) % million
		heads[i], _, _, _ = s.Leave(heads[i], "r")
		heads[i], _, _, _ = s.Join(heads[i], "r", uint32(i), 0)
	}
}

func BenchmarkShard_JoinLeave_MillionRooms(b *testing.B) {
	s := NewShard[int](nil)
	for i := range million {
		s.Join(0, "room."+strconv.Itoa(i), uint32(i), 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		head, _, _, _ := s.Join(0, "room.new", 1<<21, 0)
		s.Leave(head, "room.new")
	}
}

// Filling the tables: the longest join says whether one of them is copied whole.
func BenchmarkShard_Join_Million(b *testing.B) {
	names := make([]string, million)
	for i := range names {
		names[i] = "room." + strconv.Itoa(i)
	}
	for _, c := range []struct {
		name  string
		rooms int
	}{{"OneRoom", 1}, {"MillionRooms", million}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			longest := time.Duration(0)
			for b.Loop() {
				s := NewShard[int](nil)
				for i := range million {
					began := time.Now()
					s.Join(0, names[i%c.rooms], uint32(i), 0)
					longest = max(longest, time.Since(began))
				}
				b.ReportMetric(float64(s.Bytes())/million, "bytes/seat")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/join")
			b.ReportMetric(float64(longest.Microseconds()), "µs-longest")
		})
	}
}

func BenchmarkRoom_Span_Million(b *testing.B) {
	s := NewShard[int](nil)
	fill(s, million)
	r := s.Find("r")
	sum := uint32(0)
	for b.Loop() {
		for i := 0; i < r.Len(); {
			span := r.Span(i)
			for k := range span {
				sum += span[k].Slot
			}
			i += len(span)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/member")
	_ = sum
}
