package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/roostws/roost/protocol"
)

// slowly publishes until the reader c, who does not read, lags, and a little on.
func (f *fixture) slowly(room string, publish func(i int)) (published int) {
	f.t.Helper()
	lags := func() (yes bool) {
		for _, l := range f.loops {
			if err := f.call(f.t.Context(), l, func() { yes = yes || len(l.lags) > 0 }); err != nil {
				f.t.Fatal(err)
			}
		}
		return yes
	}
	for n := 0; published < 20000; published++ {
		publish(published)
		if published%100 == 0 && lags() {
			if n++; n == 3 {
				return published + 1
			}
		}
	}
	f.t.Fatal("the reader does not lag")
	return 0
}

var kilobyte = strings.Repeat("x", 1000)

func TestNative_Slow_Drop_TellsTheGap(t *testing.T) {
	f := serve(t, Config{Loops: 1, Rooms: []RoomPolicy{{Match: "*", Slow: SlowDrop, History: &History{}}}}, nil)
	c := f.upgrade("/ws")
	fast := f.native()
	c.send(masked(protocol.OpText, `{"type":"join","room":"r"}`))
	f.until("it is there", func() bool { return f.directory.Members("r") == 1 })
	n := f.slowly("r", func(i int) { f.publish("r", fmt.Sprintf(`{"i":%d,"x":%q}`, i+1, kilobyte)) })
	next, gaps := uint64(1), 0
	read := func() {
		t.Helper()
		_, b, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case bytes.HasPrefix(b, []byte(`{"type":"message"`)):
			if o := offsets(b)[0]; o != next {
				t.Fatalf("after %d came %d", next-1, o)
			}
			next++
		case bytes.HasPrefix(b, []byte(`{"type":"gap","room":"r"`)):
			var g struct{ From, To uint64 }
			if err := json.Unmarshal(b, &g); err != nil || g.From != next || g.To < g.From {
				t.Fatalf("after %d came %s, %v", next-1, b, err)
			}
			next = g.To + 1
			gaps++
		}
	}
	for next <= uint64(n) {
		read()
	}
	if gaps == 0 {
		t.Error("no gap was told")
	}
	f.publish("r", "on it goes")
	read()
	if next != uint64(n)+2 {
		t.Errorf("the next is %d, after %d", next, n)
	}
	st := f.Stats()
	if st.Dropped[dropPolicy].N == 0 || f.closed(ReasonSlowConsumer) != 0 {
		t.Errorf("dropped %v", st.Dropped)
	}
	fast.silent()
}

func TestServer_Slow_Drop_Raw(t *testing.T) {
	f := serve(t, Config{Loops: 1, Rooms: []RoomPolicy{{Match: "*", Slow: SlowDrop}}}, nil)
	c := f.upgrade("/rooms/r")
	n := f.slowly("r", func(i int) { f.publish("r", strconv.Itoa(i)+" "+kilobyte) })
	last := -1
	for got := 0; ; got++ {
		if st := f.Stats(); st.OutboxBytes == 0 && last >= 0 {
			break
		}
		_, b, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(b), " ")
		i, _ := strconv.Atoi(text)
		if i <= last {
			t.Fatalf("after %d came %d", last, i)
		}
		last = i
	}
	f.until("it is counted", func() bool { return f.Stats().Dropped[dropPolicy].N > 0 })
	f.publish("r", "last")
	for {
		_, b, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		if string(b) == "last" {
			return
		}
		_ = n
	}
}

// A reader who fell behind loses no key, and sees the present at once.
func TestNative_Slow_Conflate(t *testing.T) {
	for _, path := range []string{"/ws", "/rooms/r"} {
		f := serve(t, Config{Loops: 1, Rooms: []RoomPolicy{{Match: "*", Slow: SlowConflate}}}, nil)
		c := f.upgrade(path)
		if path == "/ws" {
			c.send(masked(protocol.OpText, `{"type":"join","room":"r"}`))
		}
		f.until("it is there", func() bool { return f.directory.Members("r") == 1 })
		const keys = 7
		latest := map[string]int{}
		n := f.slowly("r", func(i int) {
			key := "k" + strconv.Itoa(i%keys)
			if i < 50 {
				key = "early" // whose latest is before it lagged
			}
			latest[key] = i
			if _, err := f.Publish("r", Message{Data: fmt.Appendf(nil, `{"key":%q,"i":%d,"x":%q}`, key, i, kilobyte), Key: key}); err != nil {
				t.Fatal(err)
			}
		})
		seen, got, next := map[string]int{}, 0, uint64(1)
		for !allSeen(seen, latest) {
			_, b, err := c.frame()
			if err != nil {
				t.Fatalf("%v; seen %v of %v", err, seen, latest)
			}
			if bytes.HasPrefix(b, []byte(`{"type":"gap"`)) {
				var g struct{ From, To uint64 }
				if err := json.Unmarshal(b, &g); err != nil || g.From != next || g.To < g.From {
					t.Fatalf("after %d came %s", next-1, b)
				}
				next = g.To + 1
			}
			i := bytes.Index(b, []byte(`{"key":`))
			if i < 0 {
				continue
			}
			if path == "/ws" {
				if o := offsets(b)[0]; o != next {
					t.Fatalf("after %d came %d", next-1, o)
				}
				next++
			}
			var m struct {
				Key string
				I   int
			}
			if err := json.NewDecoder(bytes.NewReader(b[i:])).Decode(&m); err != nil || m.I < seen[m.Key] {
				t.Fatalf("%s after %d: %v", b[i:], seen[m.Key], err)
			}
			seen[m.Key] = m.I
			got++
		}
		if got == n {
			t.Errorf("%s: nothing was conflated", path)
		}
		f.until("it is counted", func() bool { return f.Stats().Dropped[dropConflated].N > 0 })
		if f.closed(ReasonSlowConsumer) != 0 {
			t.Error("it was closed")
		}
		f.publish("r", `{"key":"new","i":1000000}`)
		for m := ""; !strings.Contains(m, "1000000"); {
			_, b, err := c.frame()
			if err != nil {
				t.Fatal(err)
			}
			m = string(b)
		}
		f.end()
	}
}

func allSeen(seen, latest map[string]int) bool {
	for k, i := range latest {
		if seen[k] != i {
			return false
		}
	}
	return true
}

func TestLatest_IsBounded(t *testing.T) {
	x := newLatest()
	for i := range maxKeys + 10 {
		x.put(&publication{srv: &Server{}, key: strconv.Itoa(i), offset: uint64(i + 1), raw: make([]byte, 10)})
	}
	if len(x.byKey) > maxKeys || x.bytes > maxKeyBytes || x.byTime.Len() != len(x.byKey) {
		t.Errorf("%d keys, %d bytes", len(x.byKey), x.bytes)
	}
	if e := x.from(maxKeys + 5); e == nil || e.Value.(*publication).offset != maxKeys+5 {
		t.Error("from")
	}
	if x.from(maxKeys+11) != nil {
		t.Error("from behind the last")
	}
}
