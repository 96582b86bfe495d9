package api

import (
	"context"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// An Edge is the push server that the API speaks for, such as *edge.Server. Its
// methods may be called from any goroutine and wait for no client. What has a
// context may wait for the server's loops, until it ends.
type Edge interface {
	Publisher
	Figures
	Rooms
	Documents
	Users
	Connections
	Admission
}

// A Publisher takes messages. It keeps nothing of what it is given.
type Publisher interface {
	Publish(room string, m edge.Message) (edge.Position, error)
	ParseConn(name string) (edge.ConnID, bool) // the inverse of ConnName
	ConnName(id edge.ConnID) string            // as in the header Roost-Connection
}

// Figures are how the server is.
type Figures interface {
	Stats() edge.Stats
	Ready() error // nil, or why the server takes no clients
}

// Rooms tell of rooms. What they give is not changed by anybody.
type Rooms interface {
	Rooms(prefix, after string, limit int) (list []edge.RoomInfo, next string, err error)
	Room(room string) (edge.RoomInfo, error)
	Presence(ctx context.Context, room, after string, limit int) (edge.PresencePage, error)
	History(room string, since uint64, limit int) (edge.HistoryPage, error)
}

// Documents are the documents of rooms. Data is the Edge's from then on and may be kept;
// a patch is not kept.
type Documents interface {
	Document(room string) (edge.Document, error)
	SetDocument(room string, data []byte) (version uint64, err error)
	PatchDocument(room string, base uint64, patch []byte) (version uint64, err error)
}

// Users are the users who have connections.
type Users interface {
	SendUser(user string, m edge.Message) (connections int, err error)
	DisconnectUser(user string, reconnect bool) (connections int, err error)
	User(ctx context.Context, user string) ([]edge.ConnInfo, error)
}

// Connections tell of connections, and end them.
type Connections interface {
	Connections(ctx context.Context, after string, limit int) (list []edge.ConnInfo, next string, err error)
	Connection(ctx context.Context, id edge.ConnID) (edge.ConnInfo, error)
	Disconnect(id edge.ConnID, reconnect bool) error
	Closings(filter edge.ClosingFilter, after string, limit int) (list []edge.Closing, next string, err error)
}

// Admission lets somebody in.
type Admission interface {
	Ticket(id auth.Identity, ttl time.Duration) (ticket string, expires time.Time, err error)
}

var _ Edge = (*edge.Server)(nil)
