package edge

import (
	"context"
	"fmt"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A joining is a command to join rooms, one after the other. For each, the room's
// state is taken while the broker holds the room, and the joining is posted to its
// own loop at that moment: what is published before stands before it in the inbox
// and in the state, and what is published after comes after it. So nothing is
// missing between the two, and nothing is there twice.
type joining struct {
	command native.Command // without its byte strings
	rooms   []string       // that are still to be joined, the first being under way
	since   *Position
	policy  *policy
	loop    *loop
	id      ConnID

	// Of the first of rooms.
	asked    bool     // the Decider was
	decision Decision // what it said
	entered  bool     // the member is in the Directory
	first    bool     // as the room's only one
	failed   bool     // the loop took no more posts
	seq      uint64
	at       Position
	is       broker.Snapshot
	kept     []broker.Kept
}

func (l *loop) doJoin(s poller.Slot, ses *session, c *native.Command) {
	j := &joining{command: native.Command{ID: c.ID, Asked: c.Asked, Watch: c.Watch}, rooms: names(c), loop: l, id: l.ID(s)}
	if c.Since {
		j.since = &Position{Epoch: string(c.Epoch), Offset: c.Offset}
	}
	j.next(l, s, ses)
}

// next goes on with the rooms until one takes a step.
func (j *joining) next(l *loop, s poller.Slot, ses *session) {
	for len(j.rooms) > 0 && l.Live(s) {
		if j.start(l, s, ses) {
			return
		}
		j.rooms = j.rooms[1:]
	}
	l.measure()
}

// start begins to join the first of the rooms. It says whether that takes a step.
func (j *joining) start(l *loop, s poller.Slot, ses *session) bool {
	room := j.rooms[0]
	if r := j.refused(l, ses, room); r != nil {
		l.refuseCommand(s, &j.command, r)
		return false
	}
	j.policy = l.srv.policy(room)
	if l.shardOf(ses).Seated(ses.seats, room) {
		// It gets what is published already: there is nothing to recover.
		if j.command.Watch && j.policy.Presence {
			l.watch(s, ses, room, j.policy, l.srv.sequence.Load())
		}
		at, _ := l.srv.broker.Top(room)
		j.at, j.is, j.kept = at, broker.Snapshot{Position: at}, nil
		j.is.Document, j.is.Version = l.srv.document(room, j.policy)
		j.reply(l, s)
		return false
	}
	if l.srv.asks(WhatJoin) {
		return j.ask(l, s, ses, room)
	}
	return j.enter(l, s, ses)
}

// refused says why a room cannot be joined; nil where it can.
func (j *joining) refused(l *loop, ses *session, room string) *refusal {
	switch {
	case !rooms.ValidName(room):
		return badRoom(room)
	case !l.mayJoin(ses, room):
		return &refusal{code: native.Forbidden, message: "joining this room is not allowed", room: room}
	case l.count(ses) >= l.srv.cfg.MaxJoined && !l.shardOf(ses).Seated(ses.seats, room):
		return &refusal{code: native.Forbidden, message: fmt.Sprintf("a connection can join at most %d rooms", l.srv.cfg.MaxJoined), room: room}
	}
	return nil
}

// ask has the Decider say whether the room may be joined. It says whether that takes
// a step.
func (j *joining) ask(l *loop, s poller.Slot, ses *session, room string) bool {
	q := l.question(WhatJoin, s, ses)
	q.Room = room
	j.asked = true
	if !l.off(ses, l.srv.askers, j.id, j, func(ctx context.Context) { j.decision = l.srv.decide(ctx, q) }) {
		j.asked = false
		l.refuseCommand(s, &j.command, overasked(room))
		return false
	}
	return true
}

// enter takes the room's state. It says whether that takes a step.
func (j *joining) enter(l *loop, s poller.Slot, ses *session) bool {
	room := j.rooms[0]
	first, ok := l.enter(room, j.policy)
	if !ok {
		l.refuseCommand(s, &j.command, &refusal{code: native.Unavailable, message: fmt.Sprintf("the room has as many members as it may: %d", j.policy.MaxMembers), room: room})
		return false
	}
	j.entered, j.first = true, first
	l.awaited[room]++
	l.begin(ses)
	l.srv.broker.Snapshot(room, l.srv.now(), j.since, j.take)
	if j.failed {
		l.finish(ses)
		j.retreat(l)
		l.refuseCommand(s, &j.command, &refusal{code: native.Unavailable, message: "too much waits to be done", room: room})
		return false
	}
	return true
}

// take notes a room's state. The broker calls it while it holds the room.
func (j *joining) take(is broker.Snapshot) {
	j.is, j.at = is, is.Position
	j.kept = append(j.kept[:0], is.Messages...)
	j.seq = j.loop.srv.sequence.Load()
	j.failed = j.loop.Loop.Post(poller.Post{ID: j.id, Arg: j}) != nil
}

// done goes on after the Decider's answer, or seats the member.
func (j *joining) done(l *loop, s poller.Slot, ses *session) {
	switch {
	case j.entered:
		j.seat(l, s, ses)
		j.rooms = j.rooms[1:]
	case j.asked:
		j.asked = false
		if d := &j.decision; !d.Allow {
			l.refuseCommand(s, &j.command, &refusal{code: d.code(), message: d.message("joining this room is not allowed"), room: j.rooms[0]})
		} else if j.enter(l, s, ses) {
			return
		}
		j.rooms = j.rooms[1:]
	}
	j.next(l, s, ses)
}

func (j *joining) gone(l *loop) {
	if j.entered {
		j.retreat(l)
	}
}

// retreat undoes enter.
func (j *joining) retreat(l *loop) {
	room := j.rooms[0]
	j.arrived(l, room)
	l.takeBack(room, j.first)
	j.entered = false
}

// arrived notes that a member has come, or never will.
func (j *joining) arrived(l *loop, room string) {
	if l.awaited[room]--; l.awaited[room] == 0 {
		delete(l.awaited, room)
	}
}

// seat makes the connection a member and tells it where the room stands.
func (j *joining) seat(l *loop, s poller.Slot, ses *session) {
	room := j.rooms[0]
	j.entered = false
	p := l.join(s, ses, room, j.policy, j.seq)
	j.arrived(l, room)
	if p == nil { // the program has made it a member meanwhile
		l.takeBack(room, j.first)
	} else {
		j.policy = p
		l.joined(s, ses, room, p, j.first)
	}
	if j.command.Watch && j.policy.Presence {
		l.watch(s, ses, room, j.policy, j.seq)
	}
	j.reply(l, s)
	j.kept, j.is = nil, broker.Snapshot{}
}

// reply says where the room stands, and what the client missed.
func (j *joining) reply(l *loop, s poller.Slot) {
	if !j.command.Asked {
		return
	}
	room := j.rooms[0]
	b := native.AppendRoom(l.said("joined", &j.command), room)
	b = native.AppendText(b, "epoch", j.at.Epoch)
	b = native.AppendUint(b, "offset", j.at.Offset)
	b = native.AppendBool(b, "recovered", j.is.Recovered)
	if j.is.Recovered {
		b = append(b, `,"messages":[`...)
		for i := range j.kept {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, protocol.Payload(j.kept[i].Delivery.(*publication).frame(l, formNative))...)
		}
		b = append(b, ']')
	}
	if j.policy.Document {
		b = native.AppendUint(b, "version", j.is.Version)
		b = native.AppendJSON(b, "document", orEmpty(j.is.Document))
	}
	if j.policy.Presence && j.command.Watch {
		users, _ := l.srv.presence.Count(room)
		b = native.AppendUint(b, "count", uint64(users))
	}
	l.answer(s, &j.command, b)
}

// count is how many rooms a connection has joined.
func (l *loop) count(ses *session) (n int) {
	if ses.seats == 0 {
		return 0
	}
	l.shardOf(ses).Each(ses.seats, func(r *rooms.Room[backlog], _ *rooms.Member) bool {
		if !isWatch(r.Name) {
			n++
		}
		return true
	})
	return n
}
