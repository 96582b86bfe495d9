package protocol

import (
	"bytes"
	"io"

	"github.com/gobwas/ws"
)

// A Decider decides whether a well-formed request for an upgrade is let in.
type Decider interface {
	// Decide is called once for each Handshake of such a request, within it.
	Decide(q *Request) Decision
}

// A Decision is what becomes of a request. The zero value lets it in.
type Decision struct {
	Park       bool    // it cannot be decided yet: Handshake will be called again
	Reject     *Reject // it is refused
	Protocol   string  // the subprotocol that the answer names; empty: none
	Connection string  // the connection's ID, for the header Roost-Connection
}

// An Outcome is what a header block led to.
type Outcome struct {
	Reply  []byte // the whole answer; valid until the next Handshake
	Status int
	Parked bool // there is no answer yet: keep the header block and call again
	Plain  bool // a well-formed plain request, see Request; Reply says 426
}

// A Handshaker answers requests for an upgrade, one after the other.
type Handshaker struct {
	// Static after construction.
	decider  Decider
	upgrader ws.Upgrader

	// Of the handshake under way.
	request  Request
	decision Decision
	wire     wire
}

// A wire is the connection that ws.Upgrader believes to have: it reads the
// header block and nothing behind it.
type wire struct {
	in  bytes.Reader
	out []byte
}

func (w *wire) Read(b []byte) (int, error) { return w.in.Read(b) }

func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	return len(b), nil
}

// NewHandshaker makes a Handshaker that asks d.
func NewHandshaker(d Decider) *Handshaker {
	h := &Handshaker{decider: d}
	// The callbacks are made once: a method value for each request would be garbage.
	h.upgrader = ws.Upgrader{
		ReadBufferSize:  1 << 10, // the block is in memory already
		ProtocolCustom:  h.protocol,
		OnBeforeUpgrade: h.header,
	}
	return h
}

func (h *Handshaker) protocol([]byte) (string, bool) { return h.decision.Protocol, true }

func (h *Handshaker) header() (ws.HandshakeHeader, error) { return h, nil }

// WriteTo writes the answer's own header; ws.Upgrader calls it.
func (h *Handshaker) WriteTo(w io.Writer) (int64, error) {
	if h.decision.Connection == "" {
		return 0, nil
	}
	n := 0
	for _, s := range [...]string{"Roost-Connection: ", h.decision.Connection, "\r\n"} {
		k, err := io.WriteString(w, s)
		if n += k; err != nil {
			return int64(n), err
		}
	}
	return int64(n), nil
}

// Request is the request of the last Handshake. Its slices are parts of that
// header block.
func (h *Handshaker) Request() *Request { return &h.request }

// Handshake answers one request. Head is exactly its header block, with the
// empty line; it is not changed and not kept.
func (h *Handshaker) Handshake(head []byte) Outcome {
	q := &h.request
	h.decision = Decision{}
	h.wire.out = h.wire.out[:0]
	if reject := q.parse(head); reject != nil {
		return h.reject(reject)
	}
	if !hasToken(q.upgrade, "websocket") {
		if string(q.Method) != "GET" && string(q.Method) != "HEAD" {
			return h.reject(rejectMethod)
		}
		out := h.reject(rejectPlain)
		out.Plain = true
		return out
	}
	if string(q.Method) != "GET" {
		return h.reject(rejectMethod)
	}
	if reject := q.check(); reject != nil {
		return h.reject(reject)
	}
	h.decision = h.decider.Decide(q)
	switch {
	case h.decision.Park:
		return Outcome{Parked: true}
	case h.decision.Reject != nil:
		return h.reject(h.decision.Reject)
	}
	h.wire.in.Reset(head)
	if _, err := h.upgrader.Upgrade(&h.wire); err != nil {
		// It saw something that parse and check let pass.
		h.wire.out = h.wire.out[:0]
		return h.reject(rejectHeader)
	}
	return Outcome{Reply: h.wire.out, Status: 101}
}

func (h *Handshaker) reject(r *Reject) Outcome {
	h.wire.out = AppendReject(h.wire.out, r)
	return Outcome{Reply: h.wire.out, Status: r.Status}
}

// HeaderEnd says where the first header block in b ends, behind its empty line,
// or -1. From is the length of what was searched in vain before: so a block that
// comes byte by byte is searched once.
func HeaderEnd(b []byte, from int) int {
	from = max(from-3, 0)
	if i := bytes.Index(b[from:], []byte("\r\n\r\n")); i >= 0 {
		return from + i + 4
	}
	return -1
}
