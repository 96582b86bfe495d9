package edge

import (
	"slices"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

// admit makes the connection what it asked to be. Its seats are taken before the
// answer leaves: what is published after the client saw 101 reaches it.
func (l *loop) admit(s poller.Slot, ses *session, ask *request) (*protocol.Reject, result) {
	id := &ask.identity
	if len(id.User) > auth.MaxUser || len(id.Info) > auth.MaxInfo {
		return rejectInternal, resultRefused // of a Verifier that is not auth's
	}
	l.packed = append(l.packed[:0], l.strings.get(ses.who)...) // the client's address, where that is kept
	l.packed = appendClaims(l.packed, id, ask.kind == kindNative && ask.flags&unrestricted == 0)
	who, ok := l.strings.put(l.packed)
	if !ok {
		return rejectMemory, resultBusy
	}
	l.strings.drop(ses.who)
	ses.who = who
	ses.kind, ses.flags = ask.kind, ask.flags|ses.flags&placed
	if id.User != "" {
		if !l.srv.users.add(l.srv.userHash([]byte(id.User)), at(l.Index(), s), l.srv.cfg.MaxPerUser) {
			return rejectUser, resultPerUser
		}
		ses.flags |= counted
	}
	if !l.enterAll(ask) {
		return rejectMembers, resultRoomFull
	}
	ses.flags |= upgraded
	l.srv.connections.Add(1)
	l.setExpiry(ses, id.Expires)
	l.connected(s, ses, string(l.upgrade.Request().Path))
	for i, room := range ask.rooms {
		p := l.srv.policy(room)
		l.joined(s, ses, room, l.join(s, ses, room, p, l.srv.sequence.Load()), ask.first[i])
	}
	l.arm(s, ses)
	l.measure()
	return nil, resultOK
}

// enterAll makes the connection to be a member of its rooms in the Directory: of all or
// of none.
func (l *loop) enterAll(ask *request) bool {
	if len(ask.rooms) > 1 {
		ask.rooms = unique(ask.rooms)
	}
	for i, room := range ask.rooms {
		first, ok := l.enter(room, l.srv.policy(room))
		if !ok {
			for k, entered := range ask.rooms[:i] {
				l.takeBack(entered, ask.first[k])
			}
			return false
		}
		ask.first = append(ask.first, first)
	}
	return true
}

// unique takes out what stands in a list already.
func unique(list []string) []string {
	kept := list[:0]
	for _, s := range list {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// unadmit takes back what admit has done before it failed.
func (l *loop) unadmit(s poller.Slot, ses *session) {
	l.uncount(s, ses)
	ses.kind, ses.flags = kindHandshake, ses.flags&placed
}

// uncount takes a connection out of the users' map.
func (l *loop) uncount(s poller.Slot, ses *session) {
	if ses.flags&counted != 0 {
		ses.flags &^= counted
		l.srv.users.remove(l.srv.userHash(l.claims(ses).user()), at(l.Index(), s))
	}
}
