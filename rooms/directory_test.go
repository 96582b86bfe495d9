package rooms

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// A model has the members of each room by loop.
type model map[string]*[MaxLoops]int

func (m model) members(room string) (n int, loops uint64) {
	if m[room] == nil {
		return 0, 0
	}
	for loop, k := range m[room] {
		n += k
		if k > 0 {
			loops |= 1 << loop
		}
	}
	return n, loops
}

func TestDirectory_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDirectory(MaxLoops)
		m := model{}
		names := rapid.SampledFrom([]string{"a", "b", "c", "da", "db"})
		loops := rapid.IntRange(0, MaxLoops-1)
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				room, loop, most := names.Draw(t, "room"), loops.Draw(t, "loop"), rapid.IntRange(0, 5).Draw(t, "most")
				n, _ := m.members(room)
				first, ok := d.Join(room, loop, most)
				if want := most == 0 || n < most; ok != want || first != (ok && n == 0) {
					t.Fatalf("joined %d of %d: first %v, ok %v", n, most, first, ok)
				}
				if ok {
					if m[room] == nil {
						m[room] = new([MaxLoops]int)
					}
					m[room][loop]++
				}
			},
			"leave": func(t *rapid.T) {
				room, loop := names.Draw(t, "room"), loops.Draw(t, "loop")
				if m[room] == nil || m[room][loop] == 0 {
					return
				}
				m[room][loop]--
				n, _ := m.members(room)
				if vacated := d.Leave(room, loop, m[room][loop] == 0); vacated != (n == 0) {
					t.Fatalf("vacated %v, with %d members", vacated, n)
				}
			},
			"": func(t *rapid.T) {
				var all []string
				for room := range m {
					n, set := m.members(room)
					if d.Members(room) != n || d.Loops(room) != set {
						t.Fatalf("room %s has %d members on %b, expected %d on %b", room, d.Members(room), d.Loops(room), n, set)
					}
					if n > 0 {
						all = append(all, room)
					}
				}
				if d.Rooms() != len(all) {
					t.Fatalf("%d rooms, expected %d", d.Rooms(), len(all))
				}
				prefix := rapid.SampledFrom([]string{"", "d", "x"}).Draw(t, "prefix")
				all = slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, prefix) })
				var got []string
				for after, more := "", true; more; after = got[len(got)-1] {
					var page []string
					page, more = d.List(prefix, after, rapid.IntRange(1, 3).Draw(t, "limit"))
					if got = append(got, page...); len(got) == 0 {
						break
					}
				}
				slices.Sort(all)
				slices.Sort(got)
				if !slices.Equal(got, all) {
					t.Fatalf("listed %q, expected %q", got, all)
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
				d.Join(room, loop, 0)
				if d.Loops(room)&(1<<loop) == 0 {
					t.Errorf("loop %d is not in %s", loop, room)
				}
				d.Leave(room, loop, true)
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
	d.Join("r", 63, 0)
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
		d.Join(names[i], i%2, 0)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			d.Loops(names[i%len(names)])
		}
	})
}

// A Directory that was large and is empty takes little.
func TestDirectory_Leave_GivesMemoryBack(t *testing.T) {
	const n = directoryParts * mapKept * 2
	names := make([]string, n)
	for i := range names {
		names[i] = "room." + strconv.Itoa(i)
	}
	before := heap()
	d := NewDirectory(1)
	for _, name := range names {
		d.Join(name, 0, 0)
	}
	for _, name := range names {
		d.Leave(name, 0, true)
	}
	if used := heap() - before; !raceEnabled && used > n {
		t.Errorf("%d bytes are used", used)
	}
	d.Join(names[0], 0, 0)
	if d.Loops(names[0]) != 1 || d.Rooms() != 1 {
		t.Errorf("a room that came back is on %b, of %d rooms", d.Loops(names[0]), d.Rooms())
	}
	runtime.KeepAlive(names)
}
