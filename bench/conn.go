package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/roostws/roost/protocol"
)

// begin opens connection i, which is free.
func (e *engine) begin(i int) {
	c := &e.conns[i]
	*c = conn{fd: -1, state: connecting, since: now(), try: e.tries}
	e.tries++
	e.opening++
	fd, what, err := e.to.dial(e.from, c.try)
	if err != nil {
		e.fail(i, fmt.Errorf("%s: %w", what, err))
		return
	}
	c.fd = int32(fd)
	e.scratch = e.asks.appendRequest(e.scratch[:0], c.try)
	// Over loopback TCP's handshake is mostly over by now: then one event less is needed.
	interest := uint32(unix.EPOLLIN)
	n, errno := write(c.fd, e.scratch)
	switch {
	case errno == 0 && n == len(e.scratch):
		c.state = upgrading
	case errno != 0 && errno != unix.EAGAIN:
		e.fail(i, fmt.Errorf("connect: %w", errno))
		return
	default:
		e.unsent[int32(i)] = bytes.Clone(e.scratch[n:])
		interest |= unix.EPOLLOUT
	}
	e.watch(i, unix.EPOLL_CTL_ADD, interest)
}

func (e *engine) watch(i, op int, interest uint32) {
	ev := unix.EpollEvent{Events: interest, Fd: int32(i)}
	if err := unix.EpollCtl(e.ep, op, int(e.conns[i].fd), &ev); err != nil {
		e.fault("epoll_ctl: " + err.Error())
	}
}

// read and write are of sockets that never block: the scheduler need not know.
// n is never negative.
func read(fd int32, b []byte) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return max(int(r), 0), errno
}

func write(fd int32, b []byte) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return max(int(r), 0), errno
}

func (e *engine) event(i int, events uint32) {
	c := &e.conns[i]
	if c.state == free {
		return
	}
	if c.state == connecting && events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
			e.fail(i, fmt.Errorf("connect: %w", unix.Errno(code)))
			return
		}
		c.state, c.since = upgrading, e.clock
	}
	if events&unix.EPOLLOUT != 0 {
		e.flush(i)
	}
	if events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return
	}
	n, errno := read(c.fd, e.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		e.drop(i, errno.Error())
	case n == 0:
		e.drop(i, "end of stream")
	default:
		e.input(i, e.buf[:n])
	}
}

// input handles what i's server sent; b is valid for the call.
func (e *engine) input(i int, b []byte) {
	c := &e.conns[i]
	kept := e.rest[int32(i)]
	if kept != nil {
		b = append(kept, b...)
		delete(e.rest, int32(i))
	}
	if c.state == upgrading {
		rest, done, err := e.asks.answer(b, c.try)
		if err != nil {
			e.fail(i, fmt.Errorf("upgrade: %w", err))
			return
		}
		if !done {
			e.keep(i, b, kept != nil)
			return
		}
		b = rest
		try := c.try
		e.begun(i)
		if c.try != try || c.state == free {
			return
		}
	}
	for len(b) > 0 {
		f, rest, ok, err := nextFrame(b)
		if err != nil {
			e.drop(i, err.Error())
			return
		}
		if !ok {
			e.keep(i, b, kept != nil)
			return
		}
		b = rest
		// The handling may end the connection, and even begin another in its place.
		if try := c.try; !e.frame(i, f) || c.try != try || c.state == free {
			return
		}
	}
}

// begun is for i that was upgraded.
func (e *engine) begun(i int) {
	e.conns[i].state, e.conns[i].since = readying, e.clock
	for _, text := range e.o.First {
		text = strings.ReplaceAll(text, "{i}", strconv.Itoa(i))
		e.scratch = appendMasked(e.scratch[:0], protocol.OpText, []byte(text))
		e.send(i, e.scratch)
	}
	if e.o.Ready == "" {
		e.ready(i)
	}
}

// ready is for i that takes part from now on.
func (e *engine) ready(i int) {
	e.conns[i].state = open
	e.opening--
	e.live++
	e.upgraded++
	e.load.opened(i)
}

// message handles a whole message.
func (e *engine) message(i int, payload []byte) {
	if e.conns[i].state != readying {
		e.load.message(i, payload)
	} else if bytes.Contains(payload, []byte(e.o.Ready)) {
		e.ready(i)
	}
}

// keep holds a part until more comes: b itself where it is owned, and not of e.buf.
func (e *engine) keep(i int, b []byte, owned bool) {
	if !owned {
		b = bytes.Clone(b)
	}
	e.rest[int32(i)] = b
}

// frame handles one; false where the connection has ended by it.
func (e *engine) frame(i int, f frame) bool {
	c := &e.conns[i]
	switch f.op {
	case protocol.OpPing:
		e.scratch = appendMasked(e.scratch[:0], protocol.OpPong, f.payload)
		e.send(i, e.scratch)
		return c.state != free
	case protocol.OpPong:
		return true
	case protocol.OpClose:
		if c.state == open {
			e.scratch = appendMasked(e.scratch[:0], protocol.OpClose, f.payload[:min(len(f.payload), 2)])
			_, _ = write(c.fd, e.scratch)
		}
		e.drop(i, closeWords(f.payload))
		return false
	}
	if c.state != open && c.state != readying {
		return true
	}
	parts, begun := e.parts[int32(i)]
	switch {
	case (f.op == protocol.OpContinuation) != begun:
		e.drop(i, "the server sent fragments out of order")
		return false
	case f.fin && !begun:
		e.message(i, f.payload)
		return true
	case len(parts)+len(f.payload) > maxFrame:
		e.drop(i, errTooLong.Error())
		return false
	}
	parts = append(parts, f.payload...)
	if !f.fin {
		e.parts[int32(i)] = parts
		return true
	}
	delete(e.parts, int32(i))
	e.message(i, parts)
	return true
}

func closeWords(payload []byte) string {
	if len(payload) < 2 {
		return "close frame without a code"
	}
	return fmt.Sprintf("close frame %d %q", binary.BigEndian.Uint16(payload), payload[2:])
}

// send writes b to i, or keeps what the socket does not take. b is not kept.
func (e *engine) send(i int, b []byte) {
	c := &e.conns[i]
	if kept := e.unsent[int32(i)]; kept != nil {
		if len(kept)+len(b) > maxUnsent {
			e.drop(i, "the server does not read")
			return
		}
		e.unsent[int32(i)] = append(kept, b...)
		return
	}
	n, errno := write(c.fd, b)
	if n == len(b) || errno != 0 && errno != unix.EAGAIN {
		return // what an error means is told by the next read
	}
	e.unsent[int32(i)] = bytes.Clone(b[n:])
	e.watch(i, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT)
}

func (e *engine) flush(i int) {
	b := e.unsent[int32(i)]
	if len(b) > 0 {
		n, errno := write(e.conns[i].fd, b)
		if n < len(b) && (errno == 0 || errno == unix.EAGAIN) {
			e.unsent[int32(i)] = b[n:]
			return
		}
	}
	delete(e.unsent, int32(i))
	e.watch(i, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
}

// hangUp asks the server to close i, which is open.
func (e *engine) hangUp(i int) {
	c := &e.conns[i]
	c.state, c.since = closing, e.clock
	e.live--
	e.scratch = appendMasked(e.scratch[:0], protocol.OpClose, []byte{1000 >> 8, 1000 & 0xff})
	e.send(i, e.scratch)
}

// drop is for a server that ended i, or broke the rules, whatever state i is in.
func (e *engine) drop(i int, why string) {
	switch e.conns[i].state {
	case connecting, upgrading, readying:
		e.fail(i, fmt.Errorf("upgrade: %s", why))
		return
	case open:
		e.live--
		e.drops++
		e.fault("dropped: " + why)
	}
	e.end(i)
}

// fail is for i that was not upgraded. Its mode is not told: to try again at
// once would go round without end.
func (e *engine) fail(i int, err error) {
	e.fault(err.Error())
	e.failures++
	e.opening--
	e.release(i)
}

// end is for i that was open.
func (e *engine) end(i int) {
	e.release(i)
	e.load.closed(i)
}

func (e *engine) release(i int) {
	c := &e.conns[i]
	if c.fd >= 0 {
		_ = unix.Close(int(c.fd)) // takes it out of the epoll set, too
	}
	c.fd, c.state = -1, free
	delete(e.rest, int32(i))
	delete(e.parts, int32(i))
	delete(e.unsent, int32(i))
}
