package edge

import (
	"sync"

	"github.com/roostws/roost/native"
	"github.com/roostws/roost/protocol"
)

// A form is how a room's messages go out: members sit apart by it.
type form uint8

const (
	formRaw    form = iota // bytes as published
	formNative             // messages of roost.v1.json
	formRawDeflated
	formNativeDeflated
	numForms
)

// deflating is the form of the same messages, compressed.
const deflating = formRawDeflated - formRaw

// form is how a connection gets messages.
func (ses *session) form() form {
	f := formRaw
	if ses.kind == kindNative {
		f = formNative
	}
	if ses.flags&deflates != 0 {
		f += deflating
	}
	return f
}

// A publication is a message on its way to the loops that have members, and then
// in the room's history. All share it; nobody changes it, but for its frames in
// the forms that somebody needs, each of which is made once.
type publication struct {
	srv     *Server
	room    string
	raw     []byte // a frame; nil where it is for native members alone
	text    []byte // then: the native frame
	seat    string // then: the room that those sit in, by the name it has in the Shard
	form    native.Form
	from    []byte // who published it, as JSON; nil: a service
	key     string
	exclude ConnID
	at      int64  // nanoseconds since the group began
	offset  uint64 // its place in the room
	seq     uint64 // ascends with the offsets of a room

	// Guarded by mu.
	mu       sync.Mutex
	native   []byte            // a frame
	deflated [deflating][]byte // the same of both, compressed
}

// frame is the frame of a form. Runs on any loop.
func (p *publication) frame(l *loop, f form) []byte {
	switch {
	case f == formRaw:
		return p.raw
	case f == formNative && p.raw == nil:
		return p.text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if f == formNative {
		return p.nativeFrame()
	}
	d := &p.deflated[f-deflating]
	if *d == nil {
		plain := p.raw
		switch {
		case p.raw == nil:
			plain = p.text
		case f == formNativeDeflated:
			plain = p.nativeFrame()
		}
		*d = l.deflate(plain)
	}
	return *d
}

// nativeFrame makes the native frame, with mu held.
func (p *publication) nativeFrame() []byte {
	if p.native == nil {
		m := native.Message{Room: p.room, Offset: p.offset, Data: protocol.Payload(p.raw), Form: p.form, From: p.from, Key: p.key}
		b := m.Append(make([]byte, 0, p.nativeSize()))
		p.native = protocol.AppendFrame(make([]byte, 0, protocol.FrameSize(len(b))), protocol.OpText, b)
	}
	return p.native
}

// nativeSize is about how large the native frame is.
func (p *publication) nativeSize() int {
	n := len(p.raw)
	if p.form == native.FormBinary {
		n += n / 3
	}
	return n + len(p.room) + len(p.from) + len(p.key) + 80
}

// Size is what history counts for it: its frames, and what they hang on.
func (p *publication) Size() int {
	n := len(p.raw) + p.nativeSize()
	if p.srv.cfg.Deflate {
		n += n / 2
	}
	return n + publicationBytes
}

// publicationBytes is what a publication takes besides its strings.
const publicationBytes = 250

// cost is what it counts for until a loop takes it.
func (p *publication) cost() int64 {
	if p.raw == nil {
		return cost(p.text)
	}
	return cost(p.raw)
}

// cost is what a frame counts for while a loop has it.
func cost(frame []byte) int64 { return int64(len(frame) + postCost) }

// A parcel is a message to one connection, or to some.
type parcel struct {
	raw  []byte // a frame
	form native.Form
	cost int64
}

// frame is the parcel as a connection gets it.
func (p *parcel) frame(l *loop, ses *session) []byte {
	frame := p.raw
	if ses.kind == kindNative {
		m := native.Message{Data: protocol.Payload(p.raw), Form: p.form}
		frame = protocol.AppendFrame(nil, protocol.OpText, m.Append(nil))
	}
	if ses.flags&deflates != 0 {
		return l.deflate(frame)
	}
	return frame
}

// deflate gives a frame with its payload compressed, or the frame itself where that
// does not pay.
func (l *loop) deflate(frame []byte) []byte {
	if l.deflater == nil {
		l.deflater = protocol.NewDeflater(protocol.DeflateLevel)
	}
	if short, ok := l.deflater.AppendFrame(nil, protocol.Op(frame[0]&15), protocol.Payload(frame)); ok {
		return short
	}
	return frame
}
