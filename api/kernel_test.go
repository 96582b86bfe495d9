package api

import (
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// A queue that runs over in the kernel is seen.
func TestMetrics_AcceptQueueOverflows(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	line := regexp.MustCompile(`(?m)^roost_accept_queue_overflows_total (\S+)$`)
	count := func() float64 {
		found := line.FindStringSubmatch(ask(t, "GET", s.URL+"/metrics", "").body)
		if found == nil {
			t.Fatal("there is no such metric")
		}
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	socket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	l := socket()
	if err := unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(l, 1); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(l)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 { // of whom nobody is accepted, and two have room
		_ = unix.Connect(socket(), at)
	}
	if after := count(); after <= before {
		t.Errorf("%v overflows before, %v after", before, after)
	}
}
