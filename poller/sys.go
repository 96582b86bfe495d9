package poller

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls on non-blocking sockets go to the kernel without telling Go's
// scheduler. They do not block, and a thread that the kernel sets aside within
// a call that the scheduler knows of loses its P and must win one back: that is
// 15 to 20 % of an echo on busy cores. None of these may be used on a
// descriptor that can block.

// recv reads into b.
func recv(fd Slot, b []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

// send writes b, or as much of it as the socket takes. Recv and send pass by
// the file layer that read and write go through: 6 to 7 % of a delivery.
func send(fd Slot, b []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), e
}

// accept takes a connection from the listener fd, without its address.
func accept(fd Slot) (Slot, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return Slot(n), e
}

func closeFD(fd Slot) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func shutWrite(fd Slot) { _, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0) }

// peer gives the address of the other side; not valid where there is none.
func peer(fd Slot) netip.AddrPort { return address(unix.SYS_GETPEERNAME, fd) }

// ownAddress gives the address of our side.
func ownAddress(fd Slot) netip.AddrPort { return address(unix.SYS_GETSOCKNAME, fd) }

func address(call uintptr, fd Slot) netip.AddrPort {
	var sa unix.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(sa))
	_, _, e := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	order := (*[2]byte)(unsafe.Pointer(&sa.Port)) // the network's
	port := uint16(order[0])<<8 | uint16(order[1])
	switch sa.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

// An epoll is an epoll set with its list of events.
type epoll struct {
	fd     int
	events [256]unix.EpollEvent // 16 to 512 cost the same; more only lengthens a turn
}

func newEpoll() (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &epoll{fd: fd}, nil
}

// wait blocks up to ms milliseconds (-1: for ever) and says how many events there are.
func (p *epoll) wait(ms int) (int, error) {
	if ms == 0 {
		n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
		if e != 0 {
			return 0, ignoreEINTR(e)
		}
		return int(n), nil
	}
	n, err := unix.EpollWait(p.fd, p.events[:], ms)
	if err != nil {
		return 0, ignoreEINTR(err.(unix.Errno))
	}
	return n, nil
}

func ignoreEINTR(e unix.Errno) error {
	if e == unix.EINTR {
		return nil
	}
	return e
}

func (p *epoll) ctl(op int, fd Slot, events uint32) unix.Errno {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

func (p *epoll) close() { _ = unix.Close(p.fd) }
