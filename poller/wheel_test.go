package poller

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The wheel against a plain list of when each timer is due.
func TestWheel_AgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const slots = 12
		recs, err := NewTable[record](slots)
		if err != nil {
			t.Fatal(err)
		}
		defer recs.Free()
		now := rapid.Uint32Range(0, 2000).Draw(t, "start")
		w := newWheel(recs, now)
		model := map[Slot]uint32{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				s := rapid.Uint32Range(0, slots-1).Draw(t, "slot")
				due := now + rapid.Uint32Range(0, 3*wheelSize).Draw(t, "in")
				w.set(s, due)
				model[s] = max(due, w.now+1)
			},
			"clear": func(t *rapid.T) {
				s := rapid.Uint32Range(0, slots-1).Draw(t, "slot")
				w.clear(s)
				delete(model, s)
			},
			"advance": func(t *rapid.T) {
				now += rapid.Uint32Range(0, 2*wheelSize).Draw(t, "seconds")
				limit := rapid.IntRange(1, 2*slots).Draw(t, "limit")
				for range limit {
					s, ok := w.advance(now)
					if !ok {
						break
					}
					due, set := model[s]
					if !set || due > now {
						t.Fatalf("slot %d fired at %d; due %d, set %v", s, now, due, set)
					}
					delete(model, s)
					if rapid.Bool().Draw(t, "again") { // as a handler does
						due := now + rapid.Uint32Range(0, 30).Draw(t, "in")
						w.set(s, due)
						model[s] = max(due, w.now+1)
					}
				}
			},
			"": func(t *rapid.T) {
				if w.timers != len(model) {
					t.Fatalf("%d timers, the model has %d", w.timers, len(model))
				}
			},
		})
		// In the end everything fires, once, and nothing before the ones it waits for.
		var fired []Slot
		for s, ok := w.advance(now + 4*wheelSize); ok; s, ok = w.advance(now + 4*wheelSize) {
			fired = append(fired, s)
		}
		for s := range model {
			if !slices.Contains(fired, s) {
				t.Fatalf("slot %d never fired", s)
			}
		}
		if len(fired) != len(model) {
			t.Fatalf("%d fired, %d were due", len(fired), len(model))
		}
	})
}

// Nothing fires before its second, and with time told second by second nothing
// fires later.
func TestWheel_Advance_InItsSecond(t *testing.T) {
	recs, err := NewTable[record](4096)
	if err != nil {
		t.Fatal(err)
	}
	defer recs.Free()
	w := newWheel(recs, 100)
	due := map[Slot]uint32{}
	for s := range Slot(4096) {
		due[s] = 101 + s*7%1500
		w.set(s, due[s])
	}
	for now := uint32(101); now < 1700; now++ {
		for s, ok := w.advance(now); ok; s, ok = w.advance(now) {
			if due[s] != now {
				t.Fatalf("slot %d fired at %d, due %d", s, now, due[s])
			}
			delete(due, s)
		}
	}
	if len(due) > 0 {
		t.Fatalf("%d never fired", len(due))
	}
}

func BenchmarkWheel_Tick(b *testing.B) {
	recs, err := NewTable[record](1 << 20)
	if err != nil {
		b.Fatal(err)
	}
	defer recs.Free()
	w := newWheel(recs, 0)
	for s := range Slot(1 << 20) {
		w.set(s, 1+s%25)
	}
	b.ReportAllocs()
	now := uint32(0)
	for i := 0; i < b.N; {
		s, ok := w.advance(now)
		if !ok {
			now++
			continue
		}
		w.set(s, now+25)
		i++
	}
}
