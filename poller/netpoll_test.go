package poller

import (
	"testing"

	gneterr "github.com/panjf2000/gnet/v2/pkg/errors"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// These measure why the package has an epoll of its own instead of gnet's
// netpoll.Poller (v2.9.7): an echo through each, with one event and with 64 a
// turn. In both the socket calls are the same; a deferred close or a slice of a
// delivery would add to netpoll a Trigger, an eventfd write and one more turn.
func BenchmarkEpoll_Own_1(b *testing.B)      { benchOwn(b, 1) }
func BenchmarkEpoll_Netpoll_1(b *testing.B)  { benchNetpoll(b, 1) }
func BenchmarkEpoll_Own_64(b *testing.B)     { benchOwn(b, 64) }
func BenchmarkEpoll_Netpoll_64(b *testing.B) { benchNetpoll(b, 64) }

// pairs makes n connected sockets.
func pairs(b *testing.B, n int) (near, far []Slot) {
	for range n {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		near, far = append(near, Slot(p[0])), append(far, Slot(p[1]))
	}
	b.Cleanup(func() {
		for i := range near {
			closeFD(near[i])
			closeFD(far[i])
		}
	})
	return near, far
}

func reflect(s Slot, buf []byte) {
	if n, e := recv(s, buf); e == 0 {
		_, _ = send(s, buf[:n])
	}
}

func benchOwn(b *testing.B, n int) {
	near, far := pairs(b, n)
	p, err := newEpoll()
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	for _, s := range near {
		p.ctl(unix.EPOLL_CTL_ADD, s, unix.EPOLLIN)
	}
	msg, buf := make([]byte, 128), make([]byte, 4096)
	b.ReportAllocs()
	for i := 0; i < b.N; i += n {
		for _, s := range far {
			_, _ = send(s, msg)
		}
		for done := 0; done < n; {
			k, _ := p.wait(-1)
			for _, ev := range p.events[:k] {
				reflect(Slot(ev.Fd), buf)
			}
			done += k
		}
		for _, s := range far {
			_, _ = recv(s, buf)
		}
	}
}

func benchNetpoll(b *testing.B, n int) {
	near, far := pairs(b, n)
	p, err := netpoll.OpenPoller()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	for _, s := range near {
		if err := p.AddRead(&netpoll.PollAttachment{FD: int(s)}, false); err != nil {
			b.Fatal(err)
		}
	}
	msg, buf := make([]byte, 128), make([]byte, 4096)
	fire := func() {
		for _, s := range far {
			_, _ = send(s, msg)
		}
	}
	b.ReportAllocs()
	left, done := b.N, 0
	fire()
	_ = p.Polling(func(fd int, _ netpoll.IOEvent, _ netpoll.IOFlags) error {
		reflect(Slot(fd), buf)
		if done++; done == n {
			done = 0
			for _, s := range far {
				_, _ = recv(s, buf)
			}
			if left -= n; left <= 0 {
				return gneterr.ErrEngineShutdown
			}
			fire()
		}
		return nil
	})
}
