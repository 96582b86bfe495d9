package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a descriptor is.
const (
	fresh = iota // not upgraded
	echo
	subscriber
)

const (
	keySize = 24
	guid    = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	hello   = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)

type server struct {
	ep, listener int
	kind         []byte  // by descriptor
	at           []int32 // by descriptor: its place in members; touched for subscribers alone
	members      []int32
	buf          [64 << 10]byte // what is read; answers are made in place
	reply        []byte         // hello, and room for the accept value
}

// newServer listens; port 0 is any that is free.
func newServer(port int) (*server, error) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	limit := min(files.Cur, 4<<20)
	s := &server{kind: make([]byte, limit), at: make([]int32, limit)}
	s.reply = append(append(s.reply, hello...), make([]byte, 32)...)
	copy(s.reply[len(hello)+28:], "\r\n\r\n")
	var err error
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, err
	}
	// Accepted sockets inherit NODELAY.
	_ = unix.SetsockoptInt(s.listener, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(s.listener, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fmt.Errorf("port %d: %w", port, err)
	}
	if err := unix.Listen(s.listener, 65535); err != nil {
		return nil, err
	}
	if s.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	return s, s.watch(s.listener)
}

func (s *server) watch(fd int) error {
	return unix.EpollCtl(s.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (s *server) run() error {
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(s.ep, events, -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == s.listener {
				s.accept()
			} else {
				s.read(int(ev.Fd))
			}
		}
	}
}

func (s *server) accept() {
	for {
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(s.listener), 0, 0, unix.SOCK_NONBLOCK, 0, 0)
		if errno != 0 {
			return
		}
		s.kind[fd] = fresh
		if s.watch(int(fd)) != nil {
			s.close(int(fd))
		}
	}
}

func (s *server) read(fd int) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&s.buf)), uintptr(len(s.buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0 || n == 0:
		s.close(fd)
	case s.kind[fd] == fresh:
		s.upgrade(fd, s.buf[:n])
	default:
		s.frames(fd, s.buf[:n])
	}
}

// write is whether all of b went out.
func write(fd int, b []byte) bool {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return errno == 0 && int(n) == len(b)
}

func (s *server) close(fd int) {
	if s.kind[fd] == subscriber {
		end := len(s.members) - 1
		last := s.members[end]
		s.members[s.at[fd]], s.at[last] = last, s.at[fd]
		s.members = s.members[:end]
	}
	s.kind[fd] = fresh
	_ = unix.Close(fd) // takes it out of the epoll set, too
}

// keyName is how the header ends in both of the usual spellings.
var keyName = []byte("-Key: ")

func (s *server) upgrade(fd int, head []byte) {
	at := bytes.Index(head, keyName) + len(keyName)
	if at < len(keyName) || at+keySize > len(head) || !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		s.close(fd)
		return
	}
	var text [keySize + len(guid)]byte
	copy(text[:], head[at:at+keySize])
	copy(text[keySize:], guid)
	sum := sha1.Sum(text[:])
	base64.StdEncoding.Encode(s.reply[len(hello):], sum[:])
	if bytes.HasPrefix(head, []byte("GET /echo")) {
		s.kind[fd] = echo
	} else {
		s.kind[fd] = subscriber
		s.at[fd] = int32(len(s.members))
		s.members = append(s.members, int32(fd))
	}
	if !write(fd, s.reply) {
		s.close(fd)
	}
}

// frames answers each frame of b that is whole. A server's frame is made where
// the client's was: the header moves over the mask.
func (s *server) frames(fd int, b []byte) {
	for len(b) >= 6 {
		head, n := 2, int(b[1]&127)
		if n == 126 {
			head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		end := head + 4 + n
		if n == 127 || end > len(b) {
			return
		}
		unmask(b[head+4:end], binary.LittleEndian.Uint32(b[head:]))
		copy(b[4:], b[:head])
		f := b[4:end]
		f[1] &= 127
		b = b[end:]
		switch f[0] & 15 {
		case 8:
			write(fd, f)
			s.close(fd)
			return
		case 9:
			f[0] = 0x8a
			write(fd, f)
		case 10:
		default:
			if s.kind[fd] == subscriber {
				s.publish(f)
			} else if !write(fd, f) {
				s.close(fd)
				return
			}
		}
	}
}

// publish is from the last to the first.
func (s *server) publish(f []byte) {
	for i := len(s.members) - 1; i >= 0; i-- {
		if fd := int(s.members[i]); !write(fd, f) {
			_ = unix.Shutdown(fd, unix.SHUT_RDWR) // its end of stream closes it
		}
	}
}

func unmask(b []byte, key uint32) {
	key8 := uint64(key)<<32 | uint64(key)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^key8)
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i & 3)))
	}
}
