package poller

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Ten thousand connections that come, reset, half-close, flood and go at random:
// each opens once and closes once, and somebody who behaves is served all along.
func TestGroup_Chaos_OpenedAndClosedPair(t *testing.T) {
	total := 10_000
	if testing.Short() {
		total = 1_000
	}
	s := &server{data: echo}
	s.full = func(l *Loop, c Slot, cause Cause) { l.Finish(c, cause) }
	s.start(t, Config{Loops: 2, Outbox: 64 << 10})

	stop := make(chan struct{})
	served := make(chan int)
	go func() {
		c := s.dial()
		n := 0
		for {
			select {
			case <-stop:
				served <- n
				return
			default:
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Write([]byte("alive?")); err != nil {
				t.Errorf("the one who behaves: %v", err)
				served <- n
				return
			}
			if got := make([]byte, 6); readAll(c, got) != nil || !bytes.Equal(got, []byte("alive?")) {
				t.Errorf("the one who behaves got %q", got)
				served <- n
				return
			}
			n++
			time.Sleep(2 * time.Millisecond)
		}
	}()

	var wg sync.WaitGroup
	const clients = 32
	for k := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(k), 1))
			for range total / clients {
				misbehave(t, s.addr, rnd)
			}
		})
	}
	wg.Wait()
	close(stop)
	if n := <-served; n < 10 {
		t.Errorf("the one who behaves was served %d times", n)
	}
	s.until("all are closed", func() bool { return s.Open() <= 1 })
}

func readAll(c net.Conn, b []byte) error {
	for got := 0; got < len(b); {
		n, err := c.Read(b[got:])
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

// misbehave connects and does one of the things that clients do.
func misbehave(t *testing.T, addr string, rnd *rand.Rand) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Errorf("dial: %v", err)
		return
	}
	c := conn.(*net.TCPConn)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1+rnd.IntN(2000))
	switch rnd.IntN(7) {
	case 0: // says nothing
	case 1: // resets at once
		_ = c.SetLinger(0)
	case 2: // echoes and goes
		_, _ = c.Write(b)
		_ = readAll(c, b)
	case 3: // sends and resets, with the answer under way
		_, _ = c.Write(b)
		_ = c.SetLinger(0)
	case 4: // half-closes
		_, _ = c.Write(b)
		_ = c.CloseWrite()
		_ = readAll(c, b)
	case 5: // closes its reading side and goes on to send
		_ = c.CloseRead()
		_, _ = c.Write(b)
		_, _ = c.Write(b)
	case 6: // floods and does not read
		if rnd.IntN(10) == 0 {
			big := make([]byte, 256<<10)
			_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for range 40 {
				if _, err := c.Write(big); err != nil {
					break
				}
			}
		}
	}
}
