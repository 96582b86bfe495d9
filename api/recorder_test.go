package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// A recorder is an Edge that keeps what it is asked to do and answers what it was
// told to, so that a test sees both ends of each call.
type recorder struct {
	// Set before it serves.
	after   int   // messages that are taken before err is answered
	err     error // of every call
	unready error
	figures edge.Stats
	broken  bool // every call panics
	known   known

	// Guarded by mu.
	mu       sync.Mutex
	messages []message
	offsets  map[string]uint64
	calls    []string // but for those that publish, by name and arguments
}

// known is what a recorder tells.
type known struct {
	rooms       []edge.RoomInfo
	presence    map[string]edge.PresencePage
	history     edge.HistoryPage
	documents   map[string]edge.Document
	connections []edge.ConnInfo
	closings    []edge.Closing
	next        string // of every list
	ticket      string
	expires     time.Time
}

type message struct {
	room, data string
	binary     bool
	exclude    edge.ConnID
	key        string
	once       string
	text       bool // Message.String
}

func (r *recorder) Publish(room string, m edge.Message) (edge.Position, error) {
	if r.broken {
		panic("out of order")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil && len(r.messages) >= r.after:
		return edge.Position{}, r.err
	case room == "" || strings.ContainsAny(room, " /%"):
		return edge.Position{}, edge.ErrRoom
	case len(m.Data) > 64<<10:
		return edge.Position{}, edge.ErrTooLarge
	case !m.Binary && !utf8.Valid(m.Data):
		return edge.Position{}, edge.ErrText
	case len(m.Key) > 200:
		return edge.Position{}, edge.ErrKey
	}
	if r.offsets == nil {
		r.offsets = map[string]uint64{}
	}
	r.offsets[room]++
	r.messages = append(r.messages, message{room, string(m.Data), m.Binary, m.Exclude, m.Key, m.Once, m.String})
	return edge.Position{Offset: r.offsets[room], Epoch: "e1"}, nil
}

func (r *recorder) ParseConn(name string) (edge.ConnID, bool) {
	digits, ok := strings.CutPrefix(name, "conn")
	n, err := strconv.ParseUint(digits, 10, 64)
	return edge.ConnID(n), ok && err == nil
}

func (r *recorder) ConnName(id edge.ConnID) string {
	return "conn" + strconv.FormatUint(uint64(id), 10)
}

func (r *recorder) Stats() edge.Stats {
	if r.broken {
		panic("out of order")
	}
	return r.figures
}

func (r *recorder) Ready() error { return r.unready }

// called keeps a call and gives the error that it is to answer.
func (r *recorder) called(name string, args ...any) error {
	if r.broken {
		panic("out of order")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text := name
	for _, a := range args {
		text += fmt.Sprintf(" %v", a)
	}
	r.calls = append(r.calls, text)
	return r.err
}

// list gives the answer of a list of items.
func list[T any](r *recorder, items []T, after string, limit int) ([]T, string, error) {
	if after == "nobody's" {
		return nil, "", edge.ErrNotFound
	}
	return items[:min(limit, len(items))], r.known.next, nil
}

func (r *recorder) Rooms(prefix, after string, limit int) ([]edge.RoomInfo, string, error) {
	if err := r.called("Rooms", prefix, after, limit); err != nil {
		return nil, "", err
	}
	return list(r, r.known.rooms, after, limit)
}

func (r *recorder) Room(room string) (edge.RoomInfo, error) {
	if err := r.called("Room", room); err != nil {
		return edge.RoomInfo{}, err
	}
	if strings.Contains(room, " ") {
		return edge.RoomInfo{}, edge.ErrRoom
	}
	for _, info := range r.known.rooms {
		if info.Room == room {
			return info, nil
		}
	}
	return edge.RoomInfo{Room: room}, nil
}

func (r *recorder) Presence(_ context.Context, room, after string, limit int) (edge.PresencePage, error) {
	if err := r.called("Presence", room, after, limit); err != nil {
		return edge.PresencePage{}, err
	}
	p, ok := r.known.presence[room]
	if !ok {
		return p, edge.ErrNoPresence
	}
	var err error
	p.Members, p.Next, err = list(r, p.Members, after, limit)
	return p, err
}

func (r *recorder) History(room string, since uint64, limit int) (edge.HistoryPage, error) {
	return r.known.history, r.called("History", room, since, limit)
}

func (r *recorder) Document(room string) (edge.Document, error) {
	if err := r.called("Document", room); err != nil {
		return edge.Document{}, err
	}
	d, ok := r.known.documents[room]
	if !ok {
		return d, edge.ErrNoDocument
	}
	return d, nil
}

func (r *recorder) SetDocument(room string, data []byte) (uint64, error) {
	return r.known.documents[room].Version + 1, r.called("SetDocument", room, string(data))
}

func (r *recorder) PatchDocument(room string, base uint64, patch []byte) (uint64, error) {
	if err := r.called("PatchDocument", room, base, string(patch)); err != nil {
		return 0, err
	}
	if d := r.known.documents[room]; d.Version != base {
		d.Data = []byte(cmp.Or(string(d.Data), "{}")) // as the server has it
		return 0, fmt.Errorf("patch: %w", &edge.ConflictError{Document: d})
	}
	return base + 1, nil
}

func (r *recorder) SendUser(user string, m edge.Message) (int, error) {
	err := r.called("SendUser", user, string(m.Data), m.Binary)
	if len(user) > auth.MaxUser {
		err = edge.ErrUser
	}
	return len(r.known.connections), err
}

func (r *recorder) DisconnectUser(user string, reconnect bool) (int, error) {
	return len(r.known.connections), r.called("DisconnectUser", user, reconnect)
}

func (r *recorder) User(_ context.Context, user string) ([]edge.ConnInfo, error) {
	return r.known.connections, r.called("User", user)
}

func (r *recorder) Connections(_ context.Context, after string, limit int) ([]edge.ConnInfo, string, error) {
	if err := r.called("Connections", after, limit); err != nil {
		return nil, "", err
	}
	return list(r, r.known.connections, after, limit)
}

func (r *recorder) Connection(_ context.Context, id edge.ConnID) (edge.ConnInfo, error) {
	if err := r.called("Connection", id); err != nil {
		return edge.ConnInfo{}, err
	}
	for _, c := range r.known.connections {
		if c.ID == id {
			return c, nil
		}
	}
	return edge.ConnInfo{}, edge.ErrNotFound
}

func (r *recorder) Disconnect(id edge.ConnID, reconnect bool) error {
	return r.called("Disconnect", id, reconnect)
}

func (r *recorder) Closings(filter edge.ClosingFilter, after string, limit int) ([]edge.Closing, string, error) {
	if err := r.called("Closings", filter.User, filter.Reason, filter.Conn, after, limit); err != nil {
		return nil, "", err
	}
	return list(r, r.known.closings, after, limit)
}

func (r *recorder) Ticket(id auth.Identity, ttl time.Duration) (string, time.Time, error) {
	return r.known.ticket, r.known.expires, r.called("Ticket", id.User, id.Rooms, id.Publish, string(id.Info), ttl)
}

// take gives what was published and forgets it.
func (r *recorder) take() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.messages
	r.messages = nil
	return m
}

func (r *recorder) want(t *testing.T, want ...message) {
	t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		t.Errorf("published %+v, want %+v", got, want)
	}
}

// wantCalls checks what was called besides Publish, and forgets it.
func (r *recorder) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.calls, want) {
		t.Errorf("called %q, want %q", r.calls, want)
	}
	r.calls = nil
}
