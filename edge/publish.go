package edge

import (
	"errors"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
	"github.com/roostws/roost/rooms"
)

// A ConnID names a connection. It may be kept for ever; zero names none.
type ConnID = poller.ConnID

// A Position is a message's place in its room: the offset counts from 1 within
// the epoch.
type Position = broker.Position

// A Message goes to the members of a room or to one connection.
type Message struct {
	Data    []byte // text in UTF-8, or anything where Binary. Copied before the call returns
	Binary  bool
	Exclude ConnID // a member that does not get it; zero: none
}

// What publishing and sending may answer.
var (
	ErrRoom       = errors.New("room name is not 1 to 200 bytes of A–Z a–z 0–9 . _ - : @ = , ; + ~")
	ErrTooLarge   = errors.New("message is larger than the limit")
	ErrText       = errors.New("text is not UTF-8")
	ErrOverloaded = errors.New("more is published than can be delivered now")
	ErrClosed     = errors.New("connection or server is closed")
	ErrDraining   = errors.New("server is draining")
)

// Posts to a loop, by what they mean.
const (
	opPublish = iota // Arg is a *publication
	opSend           // Arg is a *parcel
	opClose          // Arg is a *goodbye
	opVerdict        // Arg is a *verdict
	opDrain          // Arg is an int: how many goodbyes
)

// A publication is a message on its way to the loops that have members. All
// share it; nobody changes it.
type publication struct {
	room    string
	frame   []byte
	exclude ConnID
	at      int64  // nanoseconds since the group began
	cost    int64  // what it counts for in Server.publishBytes, for each loop
	seq     uint64 // ascends with the offsets of a room

	srv *Server
}

// A parcel is a message to one connection.
type parcel struct {
	frame []byte
	cost  int64
}

// A goodbye ends one connection.
type goodbye struct {
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
	frame, err := s.frame(m)
	if err != nil {
		return Position{}, err
	}
	return s.publish(room, frame, m.Exclude)
}

// frame encodes a message for all who get it.
func (s *Server) frame(m Message) ([]byte, error) {
	switch {
	case len(m.Data) > s.cfg.MaxMessage:
		return nil, ErrTooLarge
	case m.Binary:
		return protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(m.Data))), protocol.OpBinary, m.Data), nil
	case !utf8.Valid(m.Data):
		return nil, ErrText
	}
	return protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(m.Data))), protocol.OpText, m.Data), nil
}

// publish takes the frame over.
func (s *Server) publish(room string, frame []byte, exclude ConnID) (Position, error) {
	if !s.running.Load() {
		return Position{}, ErrClosed
	}
	cost := int64(len(frame) + postCost)
	if s.publishBytes.Load()+cost > s.cfg.PublishMemory {
		return Position{}, ErrOverloaded
	}
	now := time.Now()
	p := &publication{room: room, frame: frame, exclude: exclude, cost: cost, at: int64(now.Sub(s.group.Began())), srv: s}
	at, err := s.broker.Publish(room, now.UnixNano(), p)
	if err != nil {
		return Position{}, err
	}
	s.published.Add(1)
	return at, nil
}

// Deliver posts the publication to each loop that has members of its room. The
// broker calls it while it holds the room, so that all loops see one order.
func (p *publication) Deliver(Position) {
	p.seq = p.srv.sequence.Add(1) // before the Directory is asked: see loop.join
	for set := p.srv.directory.Loops(p.room); set != 0; set &= set - 1 {
		l := p.srv.loops[lowest(set)]
		p.srv.publishBytes.Add(p.cost)
		if l.Loop.Post(poller.Post{Op: opPublish, Arg: p}) != nil {
			p.srv.publishBytes.Add(-p.cost)
			l.dropped[dropOverload].Add(1)
		}
	}
}

// Send sends a message to one connection. It does not wait for the write: where
// the connection is gone by then, the message is counted as dropped. ErrClosed:
// id cannot be a connection's.
func (s *Server) Send(id ConnID, m Message) error {
	frame, err := s.frame(m)
	if err != nil {
		return err
	}
	cost := int64(len(frame) + postCost)
	if s.publishBytes.Add(cost) > s.cfg.PublishMemory {
		s.publishBytes.Add(-cost)
		return ErrOverloaded
	}
	if err := s.post(id, poller.Post{Op: opSend, Arg: &parcel{frame, cost}}); err != nil {
		s.publishBytes.Add(-cost)
		return err
	}
	return nil
}

// Close ends one connection with a close code, which must be 1000, 1001, 1008,
// 1011 or from 3000 to 4999, and a text of up to 123 bytes. What waits for the
// connection is delivered before it.
func (s *Server) Close(id ConnID, code uint16, text string) error {
	if !closeCode(code) {
		return ErrCloseCode
	}
	return s.post(id, poller.Post{Op: opClose, Arg: &goodbye{code, text}})
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

// counters count by label.
type counters [max(int(numReasons), int(numResults), int(numDrops))]atomic.Uint64
