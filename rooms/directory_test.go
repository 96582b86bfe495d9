package rooms

import (
	"math/bits"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestDirectory_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDirectory(MaxLoops)
		model := map[string]uint64{}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		loops := rapid.IntRange(0, MaxLoops-1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				room, loop := names.Draw(t, "room"), loops.Draw(t, "loop")
				d.Add(room, loop)
				model[room] |= 1 << loop
			},
			"remove": func(t *rapid.T) {
				room, loop := names.Draw(t, "room"), loops.Draw(t, "loop")
				d.Remove(room, loop)
				model[room] &^= 1 << loop
			},
			"": func(t *rapid.T) {
				n := 0
				for room, want := range model {
					if got := d.Loops(room); got != want {
						t.Fatalf("room %s is on %b, expected %b", room, got, want)
					}
					n += min(bits.OnesCount64(want), 1)
				}
				if d.Rooms() != n {
					t.Fatalf("%d rooms, expected %d", d.Rooms(), n)
				}
			},
		})
	})
}

func TestDirectory_ManyGoroutines(t *testing.T) {
	d := NewDirectory(8)
	var stop atomic.Bool
	var loops, publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for i := 0; !stop.Load(); i++ {
				if set := d.Loops("r" + strconv.Itoa(i%50)); set>>8 != 0 {
					t.Errorf("it is on loops that are not there: %b", set)
				}
				if n := d.Rooms(); n > 50 {
					t.Errorf("%d rooms", n)
				}
			}
		})
	}
	for loop := range 8 {
		loops.Go(func() {
			for i := range 2000 {
				room := "r" + strconv.Itoa(i%50)
				d.Add(room, loop)
				if d.Loops(room)&(1<<loop) == 0 {
					t.Errorf("loop %d is not in %s", loop, room)
				}
				d.Remove(room, loop)
				if d.Loops(room)&(1<<loop) != 0 {
					t.Errorf("loop %d is still in %s", loop, room)
				}
			}
		})
	}
	loops.Wait()
	stop.Store(true)
	publishers.Wait()
	if d.Rooms() != 0 {
		t.Errorf("%d rooms left", d.Rooms())
	}
}

func TestDirectory_Loops_Allocations(t *testing.T) {
	d := NewDirectory(MaxLoops)
	d.Add("r", 63)
	if n := testing.AllocsPerRun(100, func() { d.Loops("r"); d.Loops("nobody") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNewDirectory_Refuses(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a Directory of 65 loops was made")
		}
	}()
	NewDirectory(MaxLoops + 1)
}

func BenchmarkDirectory_Loops(b *testing.B) {
	d := NewDirectory(2)
	names := make([]string, 1000)
	for i := range names {
		names[i] = "room." + strconv.Itoa(i)
		d.Add(names[i], i%2)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			d.Loops(names[i%len(names)])
		}
	})
}

// A Directory that was large and is empty takes little.
func TestDirectory_Remove_GivesMemoryBack(t *testing.T) {
	const n = directoryParts * mapKept * 2
	names := make([]string, n)
	for i := range names {
		names[i] = "room." + strconv.Itoa(i)
	}
	before := heap()
	d := NewDirectory(1)
	for _, name := range names {
		d.Add(name, 0)
	}
	for _, name := range names {
		d.Remove(name, 0)
	}
	if used := heap() - before; !raceEnabled && used > n {
		t.Errorf("%d bytes are used", used)
	}
	d.Add(names[0], 0)
	if d.Loops(names[0]) != 1 || d.Rooms() != 1 {
		t.Errorf("a room that came back is on %b, of %d rooms", d.Loops(names[0]), d.Rooms())
	}
	runtime.KeepAlive(names)
}
