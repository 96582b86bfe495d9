package protocol

import (
	"bytes"
	"io"

	"github.com/gobwas/ws"
)

// A Decider decides whether a request for an upgrade is let in.
type Decider interface {
	// Decide is called within Handshake, once for each request that is complete
	// and right. What it lets in is answered with 101: it may take what is good
	// only once. It must not keep q or its slices.
	Decide(q *Request) Decision
}

// A Decision is what becomes of a request. The zero value lets it in.
type Decision struct {
	Park       bool    // it cannot be decided yet: Handshake will be called again
	Reject     *Reject // it is refused
	Protocol   string  // the subprotocol that the answer names; left out where the client did not offer it
	Connection string  // the connection's ID, for the header Roost-Connection: visible ASCII
	Deflate    bool    // permessage-deflate is accepted, where the client offers it in a form that can be
}

// An Outcome is what a header block led to.
type Outcome struct {
	Reply  []byte // the whole answer; valid until the next Handshake
	Status int    // of Reply; 0 where there is none
	Parked bool   // there is no answer yet: keep the header block and call again
	Plain  bool   // a well-formed plain request, see Request; Reply says 426

	// Reply accepts permessage-deflate: messages may be compressed, both ways, each by
	// itself.
	Deflate bool
}

// A Handshaker answers requests for an upgrade, one after the other. It is for one
// goroutine at a time.
type Handshaker struct {
	// Static after construction.
	decider  Decider
	upgrader ws.Upgrader

	// Of the handshake under way.
	request  Request
	decision Decision
	deflate  string // what the answer says of permessage-deflate; empty where it is not accepted
	lines    []byte // what a headerWriter writes
	wire     wire
}

// NewHandshaker makes a Handshaker that asks d.
func NewHandshaker(d Decider) *Handshaker {
	h := &Handshaker{decider: d}
	// The callbacks are made once: a method value for each request would be garbage.
	h.upgrader = ws.Upgrader{
		ReadBufferSize:  512, // what wire gives is shorter
		ProtocolCustom:  h.protocol,
		OnBeforeUpgrade: h.headers,
	}
	return h
}

// Request is the request of the last Handshake. Its slices are parts of that
// header block, or valid until the next Handshake.
func (h *Handshaker) Request() *Request { return &h.request }

// Handshake answers one request. Head is exactly its header block, with the empty
// line; it is not changed and not kept. A parked request is asked again by another
// call with the same block.
func (h *Handshaker) Handshake(head []byte) Outcome {
	q := &h.request
	h.wire.out = h.wire.out[:0]
	if reject := q.parse(head); reject != nil {
		return h.reject(reject)
	}
	if !q.Upgrade() {
		if reject := q.checkPlain(); reject != nil {
			return h.reject(reject)
		}
		out := h.reject(rejectPlain)
		out.Plain = true
		return out
	}
	if reject := q.checkUpgrade(); reject != nil {
		return h.reject(reject)
	}
	d := h.decider.Decide(q)
	switch {
	case d.Park:
		return Outcome{Parked: true}
	case d.Reject != nil:
		return h.reject(d.Reject)
	}
	h.decision, h.deflate = d, ""
	if d.Deflate {
		h.deflate = acceptDeflate(q.Extensions)
	}
	h.wire.ask(q.key, d.Protocol != "" && offers(q.Protocols, d.Protocol))
	if _, err := h.upgrader.Upgrade(&h.wire); err != nil {
		// It cannot be: wire asks for no more than was checked.
		h.wire.out = h.wire.out[:0]
		return h.reject(rejectHeader)
	}
	return Outcome{Reply: h.wire.out, Status: 101, Deflate: h.deflate != ""}
}

// protocol is ws.Upgrader's callback for Sec-WebSocket-Protocol.
func (h *Handshaker) protocol([]byte) (string, bool) { return h.decision.Protocol, true }

// headers is ws.Upgrader's callback for what the answer says beside.
func (h *Handshaker) headers() (ws.HandshakeHeader, error) {
	return (*headerWriter)(h), nil
}

// A headerWriter is a Handshaker as it writes headers.
type headerWriter Handshaker

func (h *headerWriter) WriteTo(w io.Writer) (int64, error) {
	h.lines = h.lines[:0]
	if visible(h.decision.Connection) {
		h.lines = appendLine(h.lines, "Roost-Connection", h.decision.Connection)
	}
	if h.deflate != "" {
		h.lines = appendLine(h.lines, "Sec-WebSocket-Extensions", h.deflate)
	}
	n, err := w.Write(h.lines)
	return int64(n), err
}

// appendLine appends a header line.
func appendLine(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), "\r\n"...)
}

func (h *Handshaker) reject(r *Reject) Outcome {
	h.wire.out = AppendReject(h.wire.out, r)
	if string(h.request.Method) == "HEAD" {
		h.wire.out = h.wire.out[:HeaderEnd(h.wire.out, 0)]
	}
	return Outcome{Reply: h.wire.out, Status: r.status()}
}

// A wire is the connection that ws.Upgrader believes to have. It reads what is left
// of a checked request: of the Upgrader's own parser's mind about lines, lists and
// repeated headers nothing depends then, it cannot refuse what the Decider let in,
// and long cookies and tokens are not read twice.
type wire struct {
	in     bytes.Reader
	asking []byte
	out    []byte
}

const (
	askKey = "GET / HTTP/1.1\r\nHost: roost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
	askProtocol = "\r\nSec-WebSocket-Protocol: any"
	askEnd      = "\r\n\r\n"
)

// ask sets what is read. Named: the answer names a subprotocol.
func (w *wire) ask(key []byte, named bool) {
	w.asking = append(w.asking[:0], askKey...)
	w.asking = append(w.asking, key...)
	if named {
		w.asking = append(w.asking, askProtocol...)
	}
	w.asking = append(w.asking, askEnd...)
	w.in.Reset(w.asking)
}

func (w *wire) Read(b []byte) (int, error) { return w.in.Read(b) }

func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	return len(b), nil
}

// HeaderEnd says where the first header block in b ends, behind its empty line,
// or -1. From is the length of what was searched in vain before: so a block that
// comes byte by byte is searched once. B is not kept.
func HeaderEnd(b []byte, from int) int {
	from = max(from-3, 0)
	if i := bytes.Index(b[from:], []byte("\r\n\r\n")); i >= 0 {
		return from + i + 4
	}
	return -1
}
