package edge

import (
	"encoding/binary"
	"net/netip"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/proxyproto"
)

// clientBytes is what an address takes before the claims of a connection that keeps
// one: of a client behind a proxy, and of one whose connections are counted. All
// others' the kernel knows.
const clientBytes = 18

// claims are what a connection may do, and who it is: valid until the next of the
// arena's strings is dropped.
func (l *loop) claims(ses *session) claims {
	b := l.strings.get(ses.who)
	if ses.flags&placed != 0 {
		b = b[clientBytes:]
	}
	return b
}

// client is the address of a connection's client, which may be behind proxies.
func (l *loop) client(s poller.Slot, ses *session) netip.AddrPort {
	if ses.flags&placed == 0 {
		return l.Addr(s)
	}
	b := l.strings.get(ses.who)
	addr := netip.AddrFrom16([16]byte(b[:16])).Unmap()
	return netip.AddrPortFrom(addr, binary.LittleEndian.Uint16(b[16:]))
}

func appendClient(b []byte, at netip.AddrPort) []byte {
	addr := at.Addr().As16()
	return binary.LittleEndian.AppendUint16(append(b, addr[:]...), at.Port())
}

// place has a connection keep its client's address, and count for it. It says why not.
func (l *loop) place(ses *session, at netip.AddrPort, most int) (*protocol.Reject, result) {
	if ses.flags&placed != 0 {
		return nil, resultOK
	}
	var ok bool
	l.packed = appendClient(l.packed[:0], at)
	if ses.who, ok = l.strings.put(l.packed); !ok {
		return rejectMemory, resultBusy
	}
	if most > 0 && !l.srv.addresses.Add(at.Addr(), most) {
		l.strings.drop(ses.who)
		ses.who = 0
		return rejectAddress, resultPerAddress
	}
	ses.flags |= placed
	return nil, resultOK
}

// unplace ends what place began.
func (l *loop) unplace(s poller.Slot, ses *session) {
	if ses.flags&placed != 0 && l.srv.cfg.MaxPerAddress > 0 {
		l.srv.addresses.Remove(l.client(s, ses).Addr())
	}
	l.strings.drop(ses.who)
	ses.who = 0
	ses.flags &^= placed
}

// accepted looks, where that is to be limited, whose connection one is that has just
// been accepted. A proxy's is its client's: that one is known later. It says false
// where the connection is refused.
func (l *loop) accepted(s poller.Slot, ses *session) bool {
	srv := l.srv
	if srv.cfg.MaxPerAddress == 0 {
		return true
	}
	at := l.Addr(s)
	if srv.trusted.Has(at.Addr()) {
		return true
	}
	most := srv.cfg.MaxPerAddress
	if reject, _ := l.place(ses, at, most); reject == nil {
		return true
	}
	// It hears why when it has asked: an answer before the question confuses clients.
	// So a few more may ask, for a short time.
	if reject, why := l.place(ses, at, most+max(most, leastOver)); reject != nil {
		l.refuse(s, reject, why)
		return false
	}
	ses.flags |= over
	return true
}

const (
	// leastOver is how many connections of an address past its limit may ask, at least;
	// at most as many as the limit.
	leastOver = 16
	// overSeconds is how long they may take to ask.
	overSeconds = 2
)

// proxied reads the PROXY header that a trusted proxy's connection begins with, and
// gives what follows it. Ok is false where more must come, or the connection ends.
func (l *loop) proxied(s poller.Slot, ses *session, b []byte) (rest []byte, ok bool) {
	peer := l.Addr(s)
	if !l.srv.trusted.Has(peer.Addr()) {
		l.refuse(s, rejectProxy, resultForbidden)
		return nil, false
	}
	sd := l.hold(ses)
	sd.head = append(sd.head, b...)
	at, n, err := proxyproto.Parse(sd.head)
	switch {
	case err != nil:
		l.srv.cfg.Logger.Debug("a trusted proxy's connection does not begin with a PROXY header", "peer", peer, "error", err)
		l.refuse(s, rejectProxy, resultMalformed)
		return nil, false
	case n == 0:
		if !l.account(sd, len(sd.head)) {
			l.refuse(s, rejectMemory, resultBusy)
		}
		return nil, false
	}
	if !at.IsValid() {
		at = peer // of a health check, say
	}
	sd.client = at
	rest = sd.head[n:]
	sd.head = nil
	ses.flags |= introduced
	return rest, true
}

// locate finds out whose request it is, and has the connection keep the address where
// the kernel does not know it.
func (l *loop) locate(s poller.Slot, ses *session, q *protocol.Request) (*protocol.Reject, result) {
	srv := l.srv
	if ses.flags&over != 0 {
		l.unplace(s, ses)
		return rejectAddress, resultPerAddress
	}
	if ses.flags&placed != 0 || !srv.proxies {
		return nil, resultOK
	}
	at := l.Addr(s)
	if ses.flags&introduced != 0 {
		at = l.sides.At(ses.side).client
	}
	if addr := srv.trusted.Client(at.Addr(), q.XForwardedFor, q.Forwarded); addr != at.Addr() {
		at = netip.AddrPortFrom(addr, 0) // proxies do not tell the port
	}
	if at == l.Addr(s) && (srv.cfg.MaxPerAddress == 0 || srv.trusted.Has(at.Addr())) {
		return nil, resultOK // the proxy itself, which asks how roost is
	}
	return l.place(ses, at, srv.cfg.MaxPerAddress)
}
