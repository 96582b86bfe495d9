package edge

import (
	"testing"
	"unsafe"
)

func TestSession_Size(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n != 28 {
		t.Errorf("a session has %d bytes; an idle connection must cost no more than 28 here", n)
	}
	if n := unsafe.Sizeof(backlog{}); n != 32 {
		t.Errorf("a backlog has %d bytes", n)
	}
}

func TestArena_KeepsAndGivesBack(t *testing.T) {
	a, err := newArena(30000)
	if err != nil {
		t.Fatal(err)
	}
	defer a.units.Free()
	text := func(i int) []byte {
		b := make([]byte, i*37%(maxString+1))
		for k := range b {
			b[k] = byte(i + k)
		}
		return b
	}
	refs := map[int]ref{}
	for round := range 5 {
		for i := range 300 {
			r, ok := a.put(text(i))
			if !ok {
				t.Fatalf("round %d: no room for %d", round, i)
			}
			refs[i] = r
		}
		for i, r := range refs {
			if got := a.get(r); string(got) != string(text(i)) {
				t.Fatalf("round %d: %d became %q", round, i, got)
			}
		}
		top := a.top
		for i, r := range refs {
			a.drop(r)
			delete(refs, i)
		}
		if a.used != 0 {
			t.Fatalf("%d bytes are in use", a.used)
		}
		if round > 0 && a.top != top {
			t.Errorf("round %d: room is not used again", round)
		}
	}
	if _, ok := a.put(make([]byte, maxString+1)); ok {
		t.Error("a string over the bound is taken")
	}
	for i := 0; ; i++ {
		if _, ok := a.put(make([]byte, maxString)); !ok {
			break
		}
		if i > 1000 {
			t.Fatal("the arena has no end")
		}
	}
}
