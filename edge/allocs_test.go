//go:build !race

package edge

import (
	"testing"
	"time"
)

// A publication costs two objects, the frame and the publication itself; its
// deliveries cost none.
func TestServer_Publish_Allocations(t *testing.T) {
	inTheClear(t)
	f := serve(t, Config{Loops: 1}, nil)
	for range 50 {
		c := f.upgrade("/rooms/r")
		go func() { // reads all, without the garbage of a client library
			b := make([]byte, 4096)
			for {
				if _, err := c.Conn.Read(b); err != nil {
					return
				}
			}
		}()
	}
	m := Message{Data: []byte("sixteen bytes!!!")}
	publish := func() {
		if _, err := f.Publish("r", m); err != nil {
			t.Fatal(err)
		}
		for f.publishBytes.Load() != 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	for range 10 {
		publish() // logs and lists grow to their working size
	}
	if n := testing.AllocsPerRun(200, publish); n > 2 {
		t.Errorf("%v allocations for a publication to 50 members", n)
	}
}
