package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"

	"golang.org/x/sys/unix"
)

// target is where connections go to.
type target struct {
	path string // with the query
	host string // as for the Host header
	addr unix.Sockaddr
	v6   bool
	loop bool // 127.0.0.0/8, where any source address may be taken
}

func parseTarget(address string) (target, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return target{}, err
	case u.Scheme == "wss":
		return target{}, errors.New("wss is not measured: name the server's plain ws port")
	case u.Scheme != "ws" || u.Host == "":
		return target{}, fmt.Errorf("%q is not of the form ws://HOST:PORT/PATH", address)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	a, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return target{}, err
	}
	t := target{path: u.RequestURI(), host: u.Host}
	if ip := a.IP.To4(); ip != nil {
		t.addr = &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
		t.loop = ip[0] == 127
	} else {
		t.addr = &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP)}
		t.v6 = true
	}
	return t, nil
}

// perSource is how many connections take one source address. Linux has 28,232
// ports for each by default; where few are left, finding one takes long.
const perSource = 8000

// churnSources spread ports that still rest in TIME_WAIT.
const churnSources = 64

// sources are the addresses that connections over loopback come from, each
// 127.x.y.z; the first two numbers are drawn, so that two runs do not meet.
type sources struct {
	count uint32
	x, y  byte
}

func newSources(count int) sources {
	return sources{uint32(min(max(count, 1), 250)), byte(1 + rand.IntN(250)), byte(rand.IntN(256))}
}

// of is the source address of the i-th attempt.
func (s sources) of(i uint32) unix.SockaddrInet4 {
	return unix.SockaddrInet4{Addr: [4]byte{127, s.x, s.y, byte(1 + i%s.count)}}
}

// dial begins a connection: non-blocking, and over loopback mostly complete on return.
func (t target) dial(from sources, i uint32) (fd int, what string, err error) {
	family := unix.AF_INET
	if t.v6 {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "socket", err
	}
	if err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		_ = unix.Close(fd)
		return -1, "socket", err
	}
	if t.loop {
		// Without it bind takes a port at once, unique for the source alone and not for the pair.
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil {
			a := from.of(i)
			err = unix.Bind(fd, &a)
		}
		if err != nil {
			_ = unix.Close(fd)
			return -1, "bind", err
		}
	}
	if err = unix.Connect(fd, t.addr); err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, "connect", err
	}
	return fd, "", nil
}
