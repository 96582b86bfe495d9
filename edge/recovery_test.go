package edge

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/roostws/roost/protocol"
)

// offsets gives the numbers behind each "offset": in a text.
func offsets(b []byte) (list []uint64) {
	for {
		i := bytes.Index(b, []byte(`"offset":`))
		if i < 0 {
			return list
		}
		b = b[i+len(`"offset":`):]
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		v, _ := strconv.ParseUint(string(b[:n]), 10, 64)
		list = append(list, v)
	}
}

func between(b []byte, before, after string) string {
	_, rest, _ := bytes.Cut(b, []byte(before))
	v, _, _ := bytes.Cut(rest, []byte(after))
	return string(v)
}

// A follower joins a room again and again, and looks that it misses nothing and
// gets nothing twice.
type follower struct {
	f     *fixture
	c     *raw
	epoch string
	last  uint64

	recovered, lost int
}

var errEnded = errors.New("the connection ended")

// next gives the next message.
func (w *follower) next() ([]byte, error) {
	op, b, err := w.c.frame()
	if err != nil || op == protocol.OpClose {
		return nil, errEnded
	}
	return b, nil
}

// join joins with what it has, and takes what it missed.
func (w *follower) join() error {
	since := ""
	if w.epoch != "" {
		since = fmt.Sprintf(`,"since":{"epoch":%q,"offset":%d}`, w.epoch, w.last)
	}
	if _, err := w.c.Write([]byte(masked(protocol.OpText, `{"type":"join","id":1,"room":"r"`+since+`}`))); err != nil {
		return errEnded
	}
	for {
		b, err := w.next()
		if err != nil {
			return err
		}
		switch {
		case bytes.HasPrefix(b, []byte(`{"type":"joined"`)):
			return w.joined(b)
		case bytes.HasPrefix(b, []byte(`{"type":"left"`)), bytes.HasPrefix(b, []byte(`{"type":"welcome"`)):
		case bytes.HasPrefix(b, []byte(`{"type":"message"`)):
			return fmt.Errorf("before joined came %s", b)
		default:
			return fmt.Errorf("came %s", b)
		}
	}
}

func (w *follower) joined(b []byte) error {
	all := offsets(b)
	epoch := between(b, `"epoch":"`, `"`)
	recovered := bytes.Contains(b, []byte(`"recovered":true`))
	if !recovered {
		if w.epoch != "" {
			w.lost++
		}
		w.epoch, w.last = epoch, all[0]
		return nil
	}
	w.recovered++
	for _, o := range all[1:] {
		if o != w.last+1 {
			return fmt.Errorf("recovered %d after %d", o, w.last)
		}
		w.last = o
	}
	if w.last != all[0] {
		return fmt.Errorf("the room stands at %d, and what was recovered ends at %d", all[0], w.last)
	}
	return nil
}

// follow takes n messages.
func (w *follower) follow(n int) error {
	for range n {
		b, err := w.next()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(b, []byte(`{"type":"message"`)) {
			return fmt.Errorf("came %s", b)
		}
		if o := offsets(b)[0]; o != w.last+1 {
			return fmt.Errorf("after %d came %d", w.last, o)
		}
		w.last++
	}
	return nil
}

// leave leaves the room and takes what comes until it has left.
func (w *follower) leave() error {
	if _, err := w.c.Write([]byte(masked(protocol.OpText, `{"type":"leave","id":2,"room":"r"}`))); err != nil {
		return errEnded
	}
	for {
		b, err := w.next()
		switch {
		case err != nil:
			return err
		case bytes.HasPrefix(b, []byte(`{"type":"left"`)):
			return nil
		}
		if o := offsets(b)[0]; o != w.last+1 {
			return fmt.Errorf("after %d came %d, while it left", w.last, o)
		}
		w.last++
	}
}

// run drops and joins again the number of times that left has.
func (w *follower) run(left *atomic.Int64) error {
	for left.Add(-1) >= 0 {
		w.c = w.f.upgrade("/ws")
		err := w.join()
		for err == nil && rand.IntN(3) > 0 { // join again over the same connection
			if err = w.follow(rand.IntN(10)); err == nil {
				if err = w.leave(); err == nil {
					left.Add(-1)
					err = w.join()
				}
			}
		}
		if err == nil {
			err = w.follow(rand.IntN(20))
		}
		if err != nil && !errors.Is(err, errEnded) {
			return err
		}
		_ = w.c.Close() // a drop, without a word
	}
	return nil
}

// Whoever drops and comes back misses nothing and gets nothing twice, while others
// publish as fast as the server takes it, to a room that now and then nobody is in.
func TestNative_Recovery_NeitherGapNorDuplicate(t *testing.T) {
	t.Parallel()
	rejoins := int64(10000)
	if raceEnabled {
		rejoins = 500
	}
	f := serve(t, Config{Loops: 2, PublishMemory: 1 << 20, Rooms: []RoomPolicy{{Match: "*", History: &History{Size: 10000, TTL: time.Minute}}}}, nil)
	var stop atomic.Bool
	var publishers, followers sync.WaitGroup
	publishers.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if _, err := f.Publish("r", Message{Data: []byte(`{"x":1}`)}); errors.Is(err, ErrOverloaded) {
				time.Sleep(100 * time.Microsecond)
			} else if err != nil {
				t.Errorf("publish: %v", err)
				return
			}
			if i%64 == 0 && f.directory.Members("r") == 0 {
				time.Sleep(time.Millisecond) // else the history is over before somebody is back
			}
		}
	})
	var left atomic.Int64
	left.Store(rejoins)
	var recovered, lost atomic.Int64
	for range 32 {
		followers.Go(func() {
			w := &follower{f: f}
			if err := w.run(&left); err != nil {
				t.Error(err)
				left.Store(0)
			}
			recovered.Add(int64(w.recovered))
			lost.Add(int64(w.lost))
		})
	}
	followers.Wait()
	stop.Store(true)
	publishers.Wait()
	t.Logf("%d published, %d times recovered, %d times told that it cannot be", f.Stats().Published, recovered.Load(), lost.Load())
	least := int64(rejoins / 2)
	if *byTLS {
		least = rejoins / 10 // who shake hands for long, the history is over for more often
	}
	if recovered.Load() < least {
		t.Errorf("only %d of %d recovered", recovered.Load(), rejoins)
	}
}

// What joining costs that recovers 100 messages of 128 bytes, the client's part included.
func BenchmarkNative_JoinRecovers100(b *testing.B) {
	f := serve(b, Config{Loops: 1}, nil)
	w := &follower{f: f, c: f.upgrade("/ws")}
	if err := w.join(); err != nil {
		b.Fatal(err)
	}
	data := []byte(`{"text":"` + strings.Repeat("x", 117) + `"}`)
	for range 100 {
		if _, err := f.Publish("r", Message{Data: data}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.follow(100); err != nil {
		b.Fatal(err)
	}
	before := processTime()
	b.ResetTimer()
	for range b.N {
		if err := w.leave(); err != nil {
			b.Fatal(err)
		}
		w.last = 0
		if err := w.join(); err != nil || w.last != 100 {
			b.Fatal(w.last, err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(processTime()-before)/float64(b.N)/1000, "cpu-µs/join")
}

// processTime is the CPU time of the process, in nanoseconds.
func processTime() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
