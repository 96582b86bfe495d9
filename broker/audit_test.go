package broker

// A tester is a *testing.T, or what stands in for it in a model's test.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// audit compares all that is counted with what is there, and what is ordered with
// its order.
func audit(t tester, m *Memory) {
	t.Helper()
	var want Stats
	for i := range m.parts {
		auditPart(t, &m.parts[i], &want)
	}
	got := m.Stats()
	want.Repeated, want.RoomsEvicted, want.HistoriesEvicted, want.OnceEvicted = got.Repeated, got.RoomsEvicted, got.HistoriesEvicted, got.OnceEvicted
	if got != want {
		t.Fatalf("counted is %+v, there is %+v", got, want)
	}
}

func auditPart(t tester, p *part, sum *Stats) {
	t.Helper()
	sum.Rooms += len(p.rooms)
	histories, listed := 0, 0
	for name, r := range p.rooms {
		if name != r.name {
			t.Fatalf("%q stands as %q", r.name, name)
		}
		if r.document != nil {
			sum.Documents++
			sum.DocumentBytes += documentCost + int64(len(r.document.data))
			listed-- // it does not stand in the list
		}
		if r.history != nil {
			histories++
			auditHistory(t, r, sum)
		}
	}
	for r := p.oldest; r != nil; r = r.newer {
		listed++
	}
	if n := len(p.rooms); listed != n-2*documents(p) {
		t.Fatalf("%d rooms are listed of %d", listed+documents(p), n)
	}
	auditLists(t, p, histories)
	for o := p.firstOnce; o != nil; o = o.next {
		sum.OnceKeys++
	}
	for _, k := range p.scratch[:cap(p.scratch)] {
		if k != (Kept{}) {
			t.Fatal("what a Snapshot gave is still held")
		}
	}
}

func documents(p *part) (n int) {
	for _, r := range p.rooms {
		if r.document != nil {
			n++
		}
	}
	return n
}

func auditHistory(t tester, r *room, sum *Stats) {
	t.Helper()
	h := r.history
	bytes := historyCost + keptCost*int64(len(h.ring))
	for i := range h.n {
		k := h.at(i)
		bytes += int64(k.Delivery.Size())
		if k.Offset != r.at.Offset-uint64(h.n-1-i) {
			t.Fatalf("message %d of %d has offset %d, the top is %d", i, h.n, k.Offset, r.at.Offset)
		}
	}
	held := int32(0)
	for _, k := range h.ring {
		if k != (Kept{}) {
			held++
		}
	}
	if h.n == 0 || held != h.n || h.room != r || h.bytes != bytes || int(h.n) < len(h.ring)/4 && len(h.ring) > firstRing {
		t.Fatalf("a history of %d messages holds %d in a ring of %d, and counts %d bytes of %d", h.n, held, len(h.ring), h.bytes, bytes)
	}
	sum.HistoryMessages += int(h.n)
	sum.HistoryBytes += bytes
}

func auditLists(t tester, p *part, histories int) {
	t.Helper()
	n, turn := 0, uint64(0)
	for h := p.quietest; h != nil; h = h.busier {
		if h.turn <= turn || p.due[h.place] != h || h.place > 0 && p.due[(h.place-1)/2].due > h.due {
			t.Fatal("a history stands in a wrong place")
		}
		if last := h.at(h.n-1).Time + h.ttl; h.due > last {
			t.Fatalf("a history is looked at %d after its last message is over", h.due-last)
		}
		n, turn = n+1, h.turn
	}
	if n != histories || len(p.due) != histories {
		t.Fatalf("%d histories are listed and %d due, there are %d", n, len(p.due), histories)
	}
	if quiet := p.quiet.Load(); (quiet == 0) != (n == 0) || n > 0 && quiet != p.quietest.turn {
		t.Fatalf("the quietest is told to be %d", quiet)
	}
}
