package poller

import (
	"time"

	"github.com/roostws/roost/tlsrecord"
	"golang.org/x/sys/unix"
)

const (
	// maxAccepts is how many connections one event may bring.
	maxAccepts = 256
	// acceptPause is how long accepting rests when the system has no more to give.
	acceptPause = 100 * time.Millisecond
	// maxRefused is how many are told so in each pause.
	maxRefused = 16
)

// acceptAll takes what waits at a listener.
func (l *Loop) acceptAll(at Slot) {
	for range maxAccepts {
		s, e := accept(at)
		switch e {
		case 0:
			l.open(s, l.recs.At(at).flags)
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN,
			unix.ENONET, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.EPERM:
			// The one connection failed: accept(2) asks to treat these like EAGAIN and go on.
		case unix.EMFILE, unix.ENFILE:
			l.refuseSome(at)
			l.pauseAccepting(e)
			return
		default: // ENOBUFS, ENOMEM, or what nobody foresaw
			l.pauseAccepting(e)
			return
		}
	}
}

// open makes an accepted descriptor a connection. Flags are its listener's.
func (l *Loop) open(s Slot, flags uint8) {
	g := l.group
	if int(s) >= l.recs.Len() || g.open.Add(1) > int64(g.cfg.MaxOpen) {
		if int(s) < l.recs.Len() {
			g.open.Add(-1)
		}
		l.refuse(s, flags)
		return
	}
	if e := l.poll.ctl(unix.EPOLL_CTL_ADD, s, unix.EPOLLIN); e != 0 {
		g.open.Add(-1)
		l.refuse(s, flags)
		l.pauseAccepting(e)
		return
	}
	g.reached(s)
	r := l.recs.At(s)
	r.turnOver()
	r.state, r.loop, r.flags, r.cause = open, l.index, flags, CauseNone
	r.heard, r.opened = l.second, l.second
	l.own(s, true)
	l.Stats.Open.Add(1)
	l.Stats.Opened.Add(1)
	before := l.current
	l.current = s
	l.handler.Open(s)
	l.current = before
}

// refuse tells a peer that there is no room and lets go of it at once.
func (l *Loop) refuse(s Slot, flags uint8) {
	l.Stats.Refused.Add(1)
	_, _ = recv(s, l.buf) // what is unread at close would turn the answer into a reset
	answer := l.group.cfg.Refusal
	if flags&viaTLS != 0 {
		answer = tlsrecord.Refusal
	}
	_, _ = send(s, answer)
	shutWrite(s)
	closeFD(s)
}

// refuseSome uses the spare descriptor to answer those who wait while there is
// none for them.
func (l *Loop) refuseSome(at Slot) {
	for range maxRefused {
		if l.spare < 0 {
			return
		}
		closeFD(Slot(l.spare))
		l.spare = -1
		s, e := accept(at)
		if e == 0 {
			l.refuse(s, l.recs.At(at).flags)
		}
		l.spare, _ = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if e != 0 {
			return
		}
	}
}

// pauseAccepting lets those at the door wait in the kernel's queue for a moment.
func (l *Loop) pauseAccepting(e unix.Errno) {
	if l.paused == 0 {
		l.Stats.Pauses.Add(1)
		l.group.logPause(e)
		for _, s := range l.listeners {
			l.poll.ctl(unix.EPOLL_CTL_MOD, s, 0)
		}
	}
	l.paused = l.nano + int64(acceptPause)
}

func (l *Loop) resumeAccepting() {
	l.paused = 0
	if l.spare < 0 {
		l.spare, _ = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	for _, s := range l.listeners {
		l.poll.ctl(unix.EPOLL_CTL_MOD, s, unix.EPOLLIN)
	}
}

// closeListeners accepts no more. What waited in the kernel's queue is reset.
func (l *Loop) closeListeners() {
	for _, s := range l.listeners {
		l.recs.At(s).state = free
		closeFD(s)
	}
	l.listeners = nil
}
