package edge

import (
	"errors"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A ConnID names a connection. It may be kept for ever; zero names none.
type ConnID = poller.ConnID

// A Position is a message's place in its room: the offset counts from 1 within
// the epoch.
type Position = broker.Position

// A Message goes to the members of a room or to connections.
type Message struct {
	Data    []byte // text in UTF-8, or anything where Binary. Copied before the call returns
	Binary  bool
	String  bool   // native members get text as a JSON string even where it is valid JSON
	Exclude ConnID // a member that does not get it; zero: none
	Key     string // what it is the latest of, for those who need no more than that; up to 200 bytes
	Once    string // an idempotency key, up to 200 bytes: a repeat in the room within 5 minutes is answered as the first was, and not delivered
}

// What publishing and sending may answer.
var (
	ErrRoom       = errors.New("room name is not 1 to 200 bytes of A–Z a–z 0–9 . _ - : @ = , ; + ~")
	ErrKey        = errors.New("key is not up to 200 bytes of UTF-8")
	ErrTooLarge   = errors.New("message is larger than the limit")
	ErrText       = errors.New("text is not UTF-8")
	ErrOverloaded = errors.New("more is published than can be delivered now")
	ErrRooms      = errors.New("as many rooms are kept as may be")
	ErrMembers    = errors.New("the room has as many members as it may")
	ErrClosed     = errors.New("connection or server is closed")
	ErrDraining   = errors.New("server is draining")
)

// A goodbye ends one connection.
type goodbye struct {
	why  Reason
	code uint16
	text string
}

// Publish gives a message its place in the room and sends it to each member, on
// every loop, in the order of the offsets. It does not wait for the writes. A
// room where nobody is takes it, too.
func (s *Server) Publish(room string, m Message) (Position, error) {
	if !rooms.ValidName(room) {
		return Position{}, ErrRoom
	}
	raw, err := s.frame(&m)
	if err != nil {
		return Position{}, err
	}
	if !validKey(m.Key) || !validKey(m.Once) {
		return Position{}, ErrKey
	}
	p := &publication{srv: s, room: room, raw: raw, form: m.form(), key: m.Key, exclude: m.Exclude}
	return s.publish(p, m.Once)
}

func validKey(key string) bool { return len(key) <= native.MaxKey && utf8.ValidString(key) }

// form says how the message stands in a native one.
func (m *Message) form() native.Form {
	switch {
	case m.Binary:
		return native.FormBinary
	case m.String:
		return native.FormString
	}
	return native.FormAuto
}

// frame encodes a message for all who get it as it is.
func (s *Server) frame(m *Message) ([]byte, error) {
	op := protocol.OpText
	switch {
	case len(m.Data) > s.cfg.MaxMessage:
		return nil, ErrTooLarge
	case m.Binary:
		op = protocol.OpBinary
	case !utf8.Valid(m.Data):
		return nil, ErrText
	}
	return protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(m.Data))), op, m.Data), nil
}

// publish hands a publication to the broker.
func (s *Server) publish(p *publication, once string) (Position, error) {
	if !s.running.Load() {
		return Position{}, ErrClosed
	}
	if s.publishBytes.Load()+cost(p.raw) > s.cfg.PublishMemory {
		return Position{}, ErrOverloaded
	}
	now := time.Now()
	p.at = int64(now.Sub(s.group.Began()))
	h := s.policy(p.room).history
	at, err := s.broker.Publish(p.room, p, broker.Terms{Now: now.UnixNano(), Once: once, Size: h.Size, TTL: h.TTL})
	switch {
	case errors.Is(err, broker.ErrRooms):
		return Position{}, ErrRooms
	case err != nil:
		return Position{}, err
	}
	return at, nil
}

// Deliver posts the publication to each loop that has members of its room. The
// broker calls it while it holds the room, so that all loops see one order.
func (p *publication) Deliver(at Position) {
	p.srv.published.Add(1)
	p.offset = at.Offset
	p.post()
}

func (p *publication) post() {
	p.seq = p.srv.sequence.Add(1) // before the Directory is asked: see loop.join
	for set := p.srv.directory.Loops(p.room); set != 0; set &= set - 1 {
		l := p.srv.loops[lowest(set)]
		p.srv.publishBytes.Add(p.cost())
		if l.Loop.PostAll(poller.Post{Arg: p}) != nil { // PublishMemory is the bound
			p.srv.publishBytes.Add(-p.cost()) // the loop has ended, and so have its members
		}
	}
}

// Send sends a message to one connection. It does not wait for the write: where
// the connection is gone by then, the message is counted as dropped. ErrClosed:
// id cannot be a connection's.
func (s *Server) Send(id ConnID, m Message) error {
	p, err := s.parcel(&m)
	if err != nil {
		return err
	}
	return s.postParcel(p, func() error { return s.post(id, poller.Post{Arg: p}) })
}

func (s *Server) parcel(m *Message) (*parcel, error) {
	raw, err := s.frame(m)
	if err != nil {
		return nil, err
	}
	return &parcel{raw, m.form(), cost(raw)}, nil
}

// postParcel counts a parcel's bytes as long as it is under way.
func (s *Server) postParcel(p *parcel, post func() error) error {
	if s.publishBytes.Add(p.cost) > s.cfg.PublishMemory {
		s.publishBytes.Add(-p.cost)
		return ErrOverloaded
	}
	err := post()
	if err != nil {
		s.publishBytes.Add(-p.cost)
	}
	return err
}

// Close ends one connection with a close code, which must be 1000, 1001, 1008,
// 1011 or from 3000 to 4999, and a text of up to 123 bytes. What waits for the
// connection is delivered before it.
func (s *Server) Close(id ConnID, code uint16, text string) error {
	if !closeCode(code) {
		return ErrCloseCode
	}
	return s.post(id, poller.Post{Arg: &goodbye{ReasonServer, code, text}})
}

// ErrCloseCode says that a server must not close with a code.
var ErrCloseCode = errors.New("close code is not 1000, 1001, 1008, 1011 or from 3000 to 4999")

func closeCode(c uint16) bool {
	return c == 1000 || c == 1001 || c == 1008 || c == 1011 || c >= 3000 && c <= 4999
}

func (s *Server) post(id ConnID, p poller.Post) error {
	switch err := s.group.Post(id, p); {
	case errors.Is(err, poller.ErrBusy):
		return ErrOverloaded
	case err != nil:
		return ErrClosed
	}
	return nil
}

// postSurely hands the loop what a connection waits for. The loop may have too many
// posts: then it waits, since the connection does, too. Where the loop has ended, so has
// the connection.
func (s *Server) postSurely(id ConnID, arg any) {
	for wait := time.Millisecond; errors.Is(s.group.Post(id, poller.Post{Arg: arg}), poller.ErrBusy); wait = min(2*wait, 100*time.Millisecond) {
		time.Sleep(wait)
	}
}

// counters count by label.
type counters [max(int(numReasons), int(numResults), int(numDrops))]atomic.Uint64
