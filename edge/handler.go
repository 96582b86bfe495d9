package edge

import (
	"net/netip"

	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A Handler is the embedding program's part in a Server. All its methods run on
// the connection's loop, one at a time for each connection: they must return
// soon and must not block. A panic in one ends that connection alone.
type Handler interface {
	// Upgrade decides on a request that has been let in by its token and Origin,
	// before 101. An error refuses it: a *Refusal with its status, any other with
	// 403 and no more words. Requests for a path that is not the server's own are
	// the program's if Upgrade returns nil.
	Upgrade(r *Request) error
	// Open runs once after the upgrade, for every connection.
	Open(c Conn)
	// Message runs for what a connection of the program's own path sends. The
	// Data is valid until Message returns.
	Message(c Conn, m Message)
	// Closed runs once for each Open, when the connection has ended.
	Closed(c Conn, why Reason)
}

// A Drainer is a Handler that sends no faster than its clients read: it stops where a
// connection's Buffered is not 0, and goes on when it hears Drained.
type Drainer interface {
	// Drained runs on the connection's loop, as Handler's methods do, once all that
	// waited has gone out: after a callback or a Server.Send has left something waiting.
	Drained(c Conn)
}

// A Refusal is an error of Handler.Upgrade with its HTTP status and the body's
// code and message.
type Refusal struct {
	Status  int    // 400 to 599
	Code    string // one word, such as forbidden
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// A Request is a client's wish to connect. It is valid during Upgrade alone.
type Request struct {
	Path string
	User string // the token's sub; empty without a token
	Info []byte // the token's info: JSON, or nil. Valid during Upgrade

	raw   *protocol.Request
	joins []string
	own   bool // the path is one of the server's
	loop  *loop
	slot  poller.Slot
}

// Own says whether the server itself serves the path.
func (r *Request) Own() bool { return r.own }

// Query gives a parameter of the URL; empty where there is none.
func (r *Request) Query(key string) string {
	v, _ := r.raw.Query(key)
	return string(v)
}

// Cookie is the header of that name: all cookies, apart by "; ".
func (r *Request) Cookie() string { return string(r.raw.Cookie) }

// UserAgent is the header of that name.
func (r *Request) UserAgent() string { return string(r.raw.UserAgent) }

// Forwarded is the header X-Forwarded-For, which is as true as who sent it.
func (r *Request) Forwarded() string { return string(r.raw.XForwardedFor) }

// Origin is the header of that name.
func (r *Request) Origin() string { return string(r.raw.Origin) }

// Remote is the address that the connection comes from.
func (r *Request) Remote() netip.AddrPort { return r.loop.client(r.slot, r.loop.session(r.slot)) }

// Join makes the connection a member of a room from the start, whatever MaxJoined
// says. ErrRoom.
func (r *Request) Join(room string) error {
	if !rooms.ValidName(room) {
		return ErrRoom
	}
	r.joins = append(r.joins, room)
	return nil
}

// A Conn is a connection within a callback of Handler, on whose loop it runs. It
// is valid until the callback returns: keep ID, and use Server.Send elsewhere.
type Conn struct {
	loop *loop
	slot poller.Slot
}

// ID names the connection, for ever.
func (c Conn) ID() ConnID { return c.loop.ID(c.slot) }

// Name is ID as clients and services know it.
func (c Conn) Name() string { return c.loop.srv.ConnName(c.ID()) }

// User is the sub of the connection's token; empty without a token.
func (c Conn) User() string { return string(c.loop.claims(c.loop.session(c.slot)).user()) }

// Info is the info of its token: JSON, a copy, or nil.
func (c Conn) Info() []byte {
	return append([]byte(nil), c.loop.claims(c.loop.session(c.slot)).info()...)
}

// Remote is the address that it comes from.
func (c Conn) Remote() netip.AddrPort { return c.loop.client(c.slot, c.loop.session(c.slot)) }

// Buffered lets go of what the callback has sent so far, and says how many bytes wait since
// the socket takes no more: past Config.Outbox the connection is ended with 4003. A program
// that sends while it is 0, and goes on in Drained, sends as fast as is read. See Drainer.
func (c Conn) Buffered() int {
	c.loop.Flush(c.slot)
	return c.loop.Waiting(c.slot)
}

// Send sends a message. ErrClosed where the connection ends or can take no more,
// ErrTooLarge, ErrText.
func (c Conn) Send(m Message) error {
	p, err := c.loop.srv.parcel(&m)
	if err != nil {
		return err
	}
	if !c.loop.Write(c.slot, p.frame(c.loop, c.loop.session(c.slot))) {
		return ErrClosed
	}
	return nil
}

// Join makes it a member, whatever MaxJoined says: it gets what is published from now on. No more happens
// where it is one already. ErrRoom, ErrMembers, ErrClosed.
func (c Conn) Join(room string) error {
	switch {
	case !rooms.ValidName(room):
		return ErrRoom
	case !c.loop.Live(c.slot):
		return ErrClosed
	}
	if !c.loop.admitTo(c.slot, c.loop.session(c.slot), room, c.loop.srv.policy(room)) {
		return ErrMembers
	}
	return nil
}

// Leave ends the membership; nothing happens where there is none.
func (c Conn) Leave(room string) {
	if rooms.ValidName(room) {
		c.loop.leave(c.slot, c.loop.session(c.slot), room)
	}
}

// Close ends it with a close code, as Server.Close does.
func (c Conn) Close(code uint16, text string) error {
	if !closeCode(code) {
		return ErrCloseCode
	}
	c.loop.bye(c.slot, ReasonServer, code, text)
	return nil
}
