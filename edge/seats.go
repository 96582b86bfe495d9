package edge

import (
	"strings"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/rooms"
)

// watchMark ends the name under which those sit who are told of a room's
// presence. No room's name has it.
const watchMark = "\x00"

func isWatch(name string) bool { return strings.HasSuffix(name, watchMark) }

// shardOf is where a connection's seats are.
func (l *loop) shardOf(ses *session) *rooms.Shard[backlog] {
	return l.shards[ses.form()]
}

// enter makes a member known to all: from then on what is published to the room is
// posted to this loop. It says false where the room is full. Enter comes before
// join, or before retreat where that cannot be.
func (l *loop) enter(room string, p *policy) (first, ok bool) {
	return l.srv.directory.Join(room, l.Index(), p.MaxMembers)
}

// retreat undoes enter.
func (l *loop) retreat(room string) (vacated bool) {
	return l.srv.directory.Leave(room, l.Index(), l.nobodyIn(room))
}

// takeBack undoes enter for one who does not come after all. Others may have come meanwhile,
// or have left: who was the first, or is the last, is what they are told of once.
func (l *loop) takeBack(room string, first bool) {
	switch vacated := l.retreat(room); {
	case first && !vacated:
		l.tell(WhatOccupied, room)
	case vacated && !first:
		l.tell(WhatVacated, room)
	}
}

// nobodyIn says whether nobody of the loop is or comes into a room.
func (l *loop) nobodyIn(room string) bool {
	for _, shard := range l.shards {
		if shard.Find(room) != nil {
			return false
		}
	}
	return l.awaited[room] == 0
}

// join seats a connection in a room. What was published up to the sequence since is
// not for a room that nobody sat in before: what came before that was not posted
// here, and its members would see a gap. P holds there then; else what has held so
// far, which it gives. It gives nil for one that sits there.
func (l *loop) join(s poller.Slot, ses *session, room string, p *policy, since uint64) *policy {
	shard := l.shardOf(ses)
	at := uint32(0)
	if r := shard.Find(room); r != nil {
		at = r.Data.end
	}
	head, r, first, ok := shard.Join(ses.seats, room, s, at)
	if !ok {
		return nil
	}
	ses.seats = head
	if f := r.Data.feed; f != nil {
		f.todo++ // the sweep passes this seat, too, on its way to those who lack something
	}
	if first {
		r.Data.since, r.Data.policy = since, p
		if p.Slow == SlowConflate && !isWatch(room) && l.latest[r.Name] == nil {
			l.latest[r.Name] = newLatest()
		}
	}
	return r.Data.policy
}

// admitTo makes a connection a member at once, without a look at the room's history.
// It says false where the room is full. ErrRoom is the caller's to find.
func (l *loop) admitTo(s poller.Slot, ses *session, room string, p *policy) bool {
	if l.shardOf(ses).Seated(ses.seats, room) {
		return true
	}
	first, ok := l.enter(room, p)
	if !ok {
		return false
	}
	l.joined(s, ses, room, l.join(s, ses, room, p, l.srv.sequence.Load()), first)
	return true
}

// joined tells of a new member.
func (l *loop) joined(s poller.Slot, ses *session, room string, p *policy, first bool) {
	if p.Presence {
		l.srv.presence.Join(room, l.identity(s, ses), l.srv.now(), func() []byte { return l.member(s, ses) })
	}
	l.tellOf(WhatJoin, s, ses, room)
	if first {
		l.tell(WhatOccupied, room)
	}
}

// leave ends a membership, where there is one.
func (l *loop) leave(s poller.Slot, ses *session, room string) {
	head, r, emptied, ok := l.shardOf(ses).Leave(ses.seats, room)
	if !ok {
		return
	}
	ses.seats = head
	l.left(s, ses, r, emptied, false)
	if ses.kind == kindNative && r.Data.policy.Presence {
		l.unwatch(ses, room)
	}
}

// watch has a member be told of the room's presence.
func (l *loop) watch(s poller.Slot, ses *session, room string, p *policy, since uint64) {
	l.join(s, ses, room+watchMark, p, since)
}

func (l *loop) unwatch(ses *session, room string) {
	head, r, emptied, ok := l.shardOf(ses).Leave(ses.seats, room+watchMark)
	if !ok {
		return
	}
	ses.seats = head
	if emptied {
		l.abandon(r)
	}
}

// unseat ends all memberships, since the connection ends.
func (l *loop) unseat(s poller.Slot, ses *session) {
	if ses.seats == 0 {
		return
	}
	head := ses.seats
	ses.seats = 0
	l.shardOf(ses).LeaveAll(head, func(r *rooms.Room[backlog], emptied bool) {
		if !isWatch(r.Name) {
			l.left(s, ses, r, emptied, true)
		} else if emptied {
			l.abandon(r)
		}
	})
}

// left tells of a member who left. Grace: it may come back soon.
func (l *loop) left(s poller.Slot, ses *session, r *rooms.Room[backlog], emptied, grace bool) {
	if emptied {
		l.abandon(r)
	}
	l.forgive(s, r)
	vacated := l.retreat(r.Name)
	if len(l.latest) > 0 && l.nobodyIn(r.Name) {
		delete(l.latest, r.Name)
	}
	if r.Data.policy.Presence {
		// A connection without a user cannot come back as who it was.
		grace = grace && len(l.claims(ses).user()) > 0
		l.srv.presence.Leave(r.Name, l.identity(s, ses), l.srv.now(), grace, func() []byte { return l.member(s, ses) })
	}
	l.tellOf(WhatLeave, s, ses, r.Name)
	if vacated {
		l.tell(WhatVacated, r.Name)
	}
}

// roomsOf gives the names of a connection's rooms, in the order of joining.
func (l *loop) roomsOf(ses *session) (names []string) {
	l.shardOf(ses).Each(ses.seats, func(r *rooms.Room[backlog], _ *rooms.Member) bool {
		if !isWatch(r.Name) {
			names = append(names, r.Name)
		}
		return true
	})
	return names
}
