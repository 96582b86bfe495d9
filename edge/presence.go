package edge

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// identity is the number of the user that a connection is, for presence. Without a
// user it is one of its own.
func (l *loop) identity(s poller.Slot, ses *session) uint64 {
	if user := l.claims(ses).user(); len(user) > 0 {
		return l.srv.userHash(user)
	}
	return mix(uint64(l.ID(s)) ^ l.srv.nameKey)
}

// member is who a connection is, as JSON.
func (l *loop) member(s poller.Slot, ses *session) []byte {
	c := l.claims(ses)
	return native.AppendMember(nil, c.user(), l.srv.ConnName(l.ID(s)), c.info())
}

// tellPresence tells who came and went, in the rooms where somebody wants to know.
func (s *Server) tellPresence() {
	s.presence.Flush(s.now(), func(room string, c broker.Changes) {
		b := native.AppendRoom(native.Begin(nil, "presence", nil), room)
		b = native.AppendList(b, "joined", c.Joined)
		b = native.AppendList(b, "left", c.Left)
		b = native.AppendUint(b, "count", uint64(c.Users))
		if c.More {
			b = native.AppendBool(b, "more", true)
		}
		s.postNative(room, room+watchMark, append(b, '}'), 0)
	})
}

// postNative sends a text to those native members of a room who sit under the name
// seat.
func (s *Server) postNative(room, seat string, text []byte, exclude ConnID) {
	p := &publication{srv: s, room: room, seat: seat, exclude: exclude, at: s.sinceBegan()}
	p.text = protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(text))), protocol.OpText, text)
	p.post()
}

const (
	// pageMembers is how many members a page of presence has unless it is said.
	pageMembers = 100
	// callMembers is how many members a loop looks at in one call.
	callMembers = 200
)

// Presence lists the members of a room that keeps presence. ErrRoom, ErrNoPresence,
// ErrNotFound for an after that no page gave. Who joins or leaves while the pages are
// read may be in none of them, or in two. It waits for the loops, and must not be
// called on one.
func (s *Server) Presence(ctx context.Context, room, after string, limit int) (PresencePage, error) {
	if !rooms.ValidName(room) {
		return PresencePage{}, ErrRoom
	}
	if !s.policy(room).Presence {
		return PresencePage{}, ErrNoPresence
	}
	at, err := parsePlace(after, len(s.loops))
	if err != nil {
		return PresencePage{}, err
	}
	limit = max(limit, 1)
	s.presence.Listed(room)
	defer s.presence.Listed(room) // of those who joined meanwhile
	var page PresencePage
	page.Users, page.Connections = s.presence.Count(room)
	for at.loop < len(s.loops) && len(page.Members) < limit {
		l := s.loops[at.loop]
		n := min(limit-len(page.Members), callMembers)
		if err := s.call(ctx, l, func() { at = l.membersOf(room, at, n, &page.Members) }); err != nil {
			return PresencePage{}, err
		}
	}
	if at.loop < len(s.loops) {
		page.Next = at.String()
	}
	return page, nil
}

// A place is where the next page of a list of members begins. It goes through a
// room's members from the last to the first: who leaves has the last one take the
// place, and that one was listed before.
type place struct {
	loop, form int
	below      int // the members before this one are still to come; -1: all
}

func (p place) String() string { return fmt.Sprintf("%d.%d.%d", p.loop, p.form, p.below+1) }

func parsePlace(text string, loops int) (place, error) {
	if text == "" {
		return place{below: -1}, nil
	}
	var n [3]int
	parts := strings.Split(text, ".")
	if len(parts) != len(n) {
		return place{}, ErrNotFound
	}
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return place{}, ErrNotFound
		}
		n[i] = int(v)
	}
	if n[0] >= loops || n[1] >= int(numForms) {
		return place{}, ErrNotFound
	}
	return place{n[0], n[1], n[2] - 1}, nil
}

// membersOf adds up to limit members to the list, and says where the next ones are.
// Runs on the loop.
func (l *loop) membersOf(room string, at place, limit int, list *[]PresenceMember) place {
	for ; at.form < int(numForms); at.form, at.below = at.form+1, -1 {
		r := l.shards[at.form].Find(room)
		if r == nil {
			continue
		}
		if at.below < 0 || at.below > r.Len() {
			at.below = r.Len()
		}
		for ; at.below > 0; at.below-- {
			if limit == 0 {
				return at
			}
			limit--
			s := r.Member(at.below - 1).Slot
			c := l.claims(l.session(s))
			*list = append(*list, PresenceMember{
				User: string(c.user()), Conn: l.srv.ConnName(l.ID(s)), Info: append([]byte(nil), c.info()...),
			})
		}
	}
	return place{loop: at.loop + 1, below: -1}
}

// A listing is a command that asks who is in a room.
type listing struct {
	command native.Command // without its byte strings
	room    string
	page    PresencePage
	err     error
}

func (l *loop) doPresence(s poller.Slot, ses *session, c *native.Command) {
	room := string(c.Room)
	switch {
	case !rooms.ValidName(room):
		l.refuseCommand(s, c, badRoom(room))
		return
	case !l.mayJoin(ses, room):
		l.refuseCommand(s, c, &refusal{code: native.Forbidden, message: "this room is not allowed", room: room})
		return
	}
	p := &listing{command: native.Command{ID: c.ID, Asked: c.Asked}, room: room}
	limit, after := c.Limit, string(c.After)
	if limit == 0 {
		limit = pageMembers
	}
	if !l.off(ses, l.srv.workers, l.ID(s), p, func(ctx context.Context) { p.page, p.err = l.srv.Presence(ctx, room, after, limit) }) {
		l.refuseCommand(s, c, overasked(room))
	}
}

func (p *listing) done(l *loop, s poller.Slot, _ *session) {
	if p.err != nil {
		r := &refusal{code: native.NotFound, message: p.err.Error(), room: p.room}
		switch p.err {
		case ErrNoPresence:
		case ErrNotFound:
			r.code, r.message = native.BadRequest, `"after" is bad: the "next" of a page would be right`
		default:
			r.code = native.Unavailable
		}
		l.refuseCommand(s, &p.command, r)
		return
	}
	b := native.AppendRoom(l.said("presence", &p.command), p.room)
	b = native.AppendUint(b, "count", uint64(p.page.Users))
	b = native.AppendUint(b, "connections", uint64(p.page.Connections))
	b = append(b, `,"members":[`...)
	for i, m := range p.page.Members {
		if i > 0 {
			b = append(b, ',')
		}
		b = native.AppendMember(b, []byte(m.User), m.Conn, m.Info)
	}
	b = append(b, ']')
	if p.page.Next != "" {
		b = native.AppendText(b, "next", p.page.Next)
	}
	l.answer(s, &p.command, b)
}

func (p *listing) gone(*loop) {}
