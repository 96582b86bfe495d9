package edge

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Every number comes once in a round, in no order, and in another one each time.
func TestShuffle_Next(t *testing.T) {
	var f shuffle
	var rounds [][]uint32
	for _, bound := range []uint32{1, 2, 3, 7, 8, 9, 1000, 4097} {
		for range 3 {
			var round []uint32
			for n, ok := f.next(bound); ok; n, ok = f.next(bound) {
				round = append(round, n)
			}
			sorted := slices.Sorted(slices.Values(round))
			for i, n := range sorted {
				if n != uint32(i) {
					t.Fatalf("below %d: the %d-th is %d", bound, i, n)
				}
			}
			if uint32(len(round)) != bound {
				t.Fatalf("below %d: %d numbers", bound, len(round))
			}
			rounds = append(rounds, round)
		}
	}
	last := rounds[len(rounds)-2:]
	if slices.Equal(last[0], last[1]) {
		t.Error("two rounds are alike")
	}
	ascending := 0
	for i := range last[0][1:] {
		if last[0][i+1] > last[0][i] {
			ascending++
		}
	}
	if n := len(last[0]); ascending < n*2/5 || ascending > n*3/5 {
		t.Errorf("%d of %d steps go up", ascending, n)
	}
}

// Goodbyes are spread over the time that is asked for, each with its own time to come
// back, and in no order.
func TestServer_Drain_SpreadEvenly(t *testing.T) {
	const clients, over = 100, 2 * time.Second
	f := serve(t, Config{Loops: 2, Echo: true}, nil)
	var mu sync.Mutex
	var order []int
	var at []time.Duration
	retries := map[string]bool{}
	var wg sync.WaitGroup
	var start time.Time
	for i := range clients {
		c := f.dial("/echo")
		wg.Go(func() {
			_, _, err := c.Read(t.Context())
			if websocket.CloseStatus(err) != websocket.StatusGoingAway {
				t.Errorf("client %d hears %v", i, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			order, at = append(order, i), append(at, time.Since(start))
			_, retry, _ := strings.Cut(err.Error(), "retry=")
			retries[retry] = true
		})
	}
	mu.Lock()
	start = time.Now()
	mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := f.Drain(ctx, over); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if slices.IsSorted(order) {
		t.Error("they go in the order in which they came")
	}
	if len(retries) < clients/2 {
		t.Errorf("%d different times to come back", len(retries))
	}
	for i, part := range []float64{0.25, 0.5, 0.75} {
		went := 0
		for _, d := range at {
			if d < time.Duration(part*float64(over)) {
				went++
			}
		}
		if want := int(part * clients); went < want-20 || went > want+20 {
			t.Errorf("after %d quarters %d of %d are gone", i+1, went, clients)
		}
	}
}

// What waits for a client is delivered before the goodbye.
func TestServer_Drain_DeliversWhatWaits(t *testing.T) {
	f := serve(t, Config{Outbox: 32 << 20}, nil)
	c := f.dial("/rooms/r")
	big := strings.Repeat("x", 60_000)
	for range 200 {
		f.publish("r", big)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Drain(t.Context(), 0) }()
	for i := range 200 {
		if got, err := read(t, c); err != nil || got != big {
			t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := read(t, c); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("then %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A deadline holds, whatever time is asked for.
func TestServer_Drain_Deadline(t *testing.T) {
	f := serve(t, Config{Echo: true}, nil)
	f.upgrade("/echo")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := f.Drain(ctx, time.Hour); err == nil || !strings.Contains(err.Error(), "1 connections were cut off") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
