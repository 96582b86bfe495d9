package edge

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// More of what calls may answer.
var (
	ErrNotFound   = errors.New("not found")
	ErrNoPresence = errors.New("the room keeps no presence")
	ErrNoDocument = errors.New("the room holds no document")
	ErrMemory     = errors.New("documents take all the memory they may")
)

// A RoomInfo is what is known of a room.
type RoomInfo struct {
	Room     string
	Members  int // connections
	Users    int // of a room with presence: distinct users
	Presence bool
	Document bool
	Position // of its last message
}

// A ConnInfo is what is known of a connection.
type ConnInfo struct {
	ID      ConnID
	Kind    string // native, raw, echo, custom
	User    string
	Remote  netip.AddrPort
	Rooms   []string      // in the order of joining
	Age     time.Duration // since it was accepted
	Heard   time.Duration // since it last sent anything
	Queued  int           // bytes that wait for it
	Expires int64         // when its token ends, in Unix seconds; 0: never
	Info    []byte        // JSON, or nil
	Deflate bool          // its messages may be compressed
}

// A HistoryPage is a piece of a room's history.
type HistoryPage struct {
	Position      // of the room's last message
	Whole    bool // nothing is missing between since and the first message
	Messages []HistoryMessage
}

// A HistoryMessage is a message that was published.
type HistoryMessage struct {
	Offset uint64
	Time   time.Time
	Data   []byte // not to be changed
	Binary bool
	String bool // Data is text even where it is valid JSON
	Key    string
	From   []byte // JSON of who published it; nil: a service
}

// A PresencePage is a piece of the list of a room's members.
type PresencePage struct {
	Users       int // distinct; a connection without a user counts as one
	Connections int
	Members     []PresenceMember
	Next        string // what to ask for as after; empty: the list is at its end
}

// A PresenceMember is one connection of a room.
type PresenceMember struct {
	User string
	Conn string
	Info []byte // JSON, or nil
}

// A Document is the state of a room that holds one.
type Document struct {
	Version uint64 // counts changes from 0
	Data    []byte // JSON, not to be changed
}

// A ConflictError says that a patch was made on another version.
type ConflictError struct{ Document Document }

func (e *ConflictError) Error() string { return "the document has another version" }

// An InvalidError says why a schema refuses something, or why a patch cannot be
// applied.
type InvalidError = broker.InvalidError

// A Detail is one thing that is wrong.
type Detail = broker.Detail

// call has f run on a loop, and waits until it has.
func (s *Server) call(ctx context.Context, l *loop, f func()) error {
	done := make(chan struct{})
	post := poller.Post{Arg: func() {
		defer close(done)
		f()
	}}
	switch err := l.Loop.Post(post); {
	case errors.Is(err, poller.ErrBusy):
		return ErrOverloaded
	case err != nil:
		return ErrClosed
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return ErrClosed
	}
}

// Rooms lists rooms with members whose names begin with prefix, up to limit, in an
// order of its own. After is the next of the page before; next is empty at the end.
// ErrNotFound for an after that no page can have given.
func (s *Server) Rooms(prefix, after string, limit int) (list []RoomInfo, next string, err error) {
	if after != "" && !rooms.ValidName(after) {
		return nil, "", ErrNotFound
	}
	names, more := s.directory.List(prefix, after, max(limit, 1))
	for _, name := range names {
		list = append(list, s.roomInfo(name))
	}
	if more {
		next = names[len(names)-1]
	}
	return list, next, nil
}

// Room tells of one room; ErrRoom. One that nobody knows has no members and no epoch.
func (s *Server) Room(room string) (RoomInfo, error) {
	if !rooms.ValidName(room) {
		return RoomInfo{}, ErrRoom
	}
	return s.roomInfo(room), nil
}

func (s *Server) roomInfo(room string) RoomInfo {
	p := s.policy(room)
	is := RoomInfo{Room: room, Members: s.directory.Members(room), Presence: p.Presence, Document: p.Document}
	if p.Presence {
		is.Users, _ = s.presence.Count(room)
	}
	is.Position, _ = s.broker.Top(room)
	return is
}

// History gives up to limit messages of a room that came after the offset since,
// the oldest first. ErrRoom.
func (s *Server) History(room string, since uint64, limit int) (HistoryPage, error) {
	if !rooms.ValidName(room) {
		return HistoryPage{}, ErrRoom
	}
	at, kept, whole := s.broker.History(room, s.now(), since, max(limit, 1))
	page := HistoryPage{Position: at, Whole: whole, Messages: make([]HistoryMessage, 0, len(kept))}
	for _, k := range kept {
		p := k.Delivery.(*publication)
		page.Messages = append(page.Messages, HistoryMessage{
			Offset: k.Offset, Time: time.Unix(0, k.Time), Data: protocol.Payload(p.raw),
			Binary: p.form == native.FormBinary, String: p.form == native.FormString, Key: p.key, From: p.from,
		})
	}
	return page, nil
}

// info tells of a connection. Runs on the loop.
func (l *loop) info(s poller.Slot) ConnInfo {
	ses := l.session(s)
	c := l.claims(ses)
	return ConnInfo{
		ID: l.ID(s), Kind: ses.kind.String(), User: string(c.user()), Remote: l.client(s, ses), Rooms: l.roomsOf(ses),
		Age: l.ago(l.Opened(s)), Heard: l.ago(l.Heard(s)), Queued: l.Waiting(s), Expires: int64(ses.expires),
		Info: append([]byte(nil), c.info()...), Deflate: ses.flags&deflates != 0,
	}
}

// ago is how long a second of the loop has passed.
func (l *loop) ago(second uint32) time.Duration {
	return time.Duration(l.Second()-min(second, l.Second())) * time.Second
}

func sortConns(list []ConnInfo) {
	slices.SortFunc(list, func(a, b ConnInfo) int { return cmp.Compare(a.ID.Slot(), b.ID.Slot()) })
}

// callConns is how many connections a loop tells of in one call.
const callConns = 100

// Connections lists connections, up to limit. After is the next of the page
// before; next is empty at the end. ErrNotFound for an after that no page gave. It
// waits for the loops, and must not be called on one.
func (s *Server) Connections(ctx context.Context, after string, limit int) (list []ConnInfo, next string, err error) {
	limit = max(limit, 1)
	from := poller.Slot(0)
	if after != "" {
		id, ok := s.ParseConn(after)
		if !ok {
			return nil, "", ErrNotFound
		}
		from = id.Slot() + 1
	}
	for _, l := range s.loops {
		var some []ConnInfo // of this loop, up to one more than are asked for
		for at, more := from, true; more && len(some) <= limit; {
			if err := s.call(ctx, l, func() { at, more = l.connsFrom(at, min(callConns, limit+1-len(some)), &some) }); err != nil {
				return nil, "", err
			}
		}
		list = append(list, some...)
	}
	sortConns(list)
	if len(list) > limit {
		list = list[:limit]
		next = s.ConnName(list[limit-1].ID)
	}
	return list, next, nil
}

// connsFrom adds up to n connections to the list, from a slot on. Runs on the loop.
func (l *loop) connsFrom(from poller.Slot, n int, list *[]ConnInfo) (next poller.Slot, more bool) {
	for looked := 0; n > 0 && looked < 10*callConns; looked++ {
		s, ok := l.Next(from)
		if !ok {
			return from, false
		}
		from = s + 1
		if l.Live(s) && l.session(s).flags&upgraded != 0 {
			*list = append(*list, l.info(s))
			n--
		}
	}
	return from, true
}

// Connection tells of one. ErrNotFound. It waits for its loop, and must not be called
// on one.
func (s *Server) Connection(ctx context.Context, id ConnID) (ConnInfo, error) {
	loop := id.Loop()
	if id == 0 || loop >= len(s.loops) {
		return ConnInfo{}, ErrNotFound
	}
	l := s.loops[loop]
	var is ConnInfo // not to be read where the call failed: the loop may still write it
	found := false
	if err := s.call(ctx, l, func() {
		if slot, ok := l.Lookup(id); ok && l.session(slot).flags&upgraded != 0 {
			is, found = l.info(slot), true
		}
	}); err != nil {
		return ConnInfo{}, err
	}
	if !found {
		return ConnInfo{}, ErrNotFound
	}
	return is, nil
}

// Disconnect ends one connection, as DisconnectUser does. It does not wait for the end,
// nor find out whether the connection is there. ErrNotFound where id cannot be a
// connection's.
func (s *Server) Disconnect(id ConnID, reconnect bool) error {
	err := s.post(id, poller.Post{Arg: disconnect(reconnect)})
	if errors.Is(err, ErrClosed) && s.running.Load() {
		return ErrNotFound
	}
	return err
}
