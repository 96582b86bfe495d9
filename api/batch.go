package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"

	"github.com/roostws/roost/edge"
)

// A batch is what answering one takes besides the body. Pooled.
type batch struct {
	reader  entryReader
	entries []entry
	binary  []byte // of the entry under way, decoded
	out     []byte
	once    string // the idempotency key; empty: none
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// give gives the batch back.
func (b *batch) give() {
	clear(b.entries)
	b.entries = b.entries[:0]
	b.reader.release()
	if cap(b.binary) > maxKeptBuffer {
		b.binary = nil
	}
	batches.Put(b)
}

// batch publishes the messages of an array, in its order. Nothing is published
// where the array is malformed.
func (s *service) batch(w http.ResponseWriter, q *http.Request) {
	once, f := idempotencyKey(q)
	if f != nil {
		fail(w, f)
		return
	}
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	body, f := s.bodies.read(q, maxBatch)
	if f != nil {
		fail(w, f)
		return
	}
	defer body.release()
	b := batches.Get().(*batch)
	defer b.give()
	if b.entries, f = b.reader.read(body.bytes, b.entries[:0]); f != nil {
		fail(w, f)
		return
	}
	if b.once = once; len(once) > maxIdempotencyKey-len("#999") {
		hash := sha256.Sum256([]byte(once)) // each entry's key must not be longer than any may be
		b.once = hex.EncodeToString(hash[:])
	}
	if f := s.publishAll(b); f != nil {
		fail(w, f)
		return
	}
	send(w, b.out)
}

// publishAll publishes b's entries and writes the answer to b.out. Once the server
// takes no more, the rest is not tried: what was published of a room is always
// the first part of what was asked. A failure says that nothing was published
// for want of room or of a server.
func (s *service) publishAll(b *batch) *failure {
	out := append(b.out[:0], '[')
	defer func() { b.out = out }()
	published := 0
	var full *failure
	for i := range b.entries {
		if i > 0 {
			out = append(out, ',')
		}
		at, f := edge.Position{}, full
		room := string(b.entries[i].room)
		if full == nil {
			at, f = s.publishEntry(b, i, room)
		}
		switch {
		case f == nil:
			published++
			out = appendPosition(out, room, at)
		default:
			if f.status == http.StatusServiceUnavailable {
				full = f
			}
			out = f.appendTo(out)
		}
	}
	out = append(out, ']', '\n')
	if published == 0 {
		return full
	}
	return nil
}

func (s *service) publishEntry(b *batch, i int, room string) (edge.Position, *failure) {
	e := &b.entries[i]
	m := edge.Message{Data: e.data, String: e.text, Key: string(e.key)}
	if b.once != "" {
		m.Once = b.once + "#" + strconv.Itoa(i)
	}
	switch {
	case e.fields&fieldRoom == 0:
		return edge.Position{}, badRequest(`"room" is missing`)
	case e.fields&fieldData == 0 && e.fields&fieldBase64 == 0:
		return edge.Position{}, badRequest(`the message is missing: "data" or "base64" would be right`)
	case e.fields&fieldData != 0 && e.fields&fieldBase64 != 0:
		return edge.Position{}, badRequest(`"data" and "base64" stand together: one of the two would be right`)
	case e.fields&fieldBase64 != 0:
		var err error
		if b.binary, err = base64.StdEncoding.AppendDecode(b.binary[:0], e.base64); err != nil {
			return edge.Position{}, badRequest(`"base64" is malformed: RFC 4648, section 4, with padding, would be right`)
		}
		m.Data, m.Binary = b.binary, true
	}
	if e.fields&fieldExclude != 0 {
		var ok bool
		if m.Exclude, ok = s.edge.ParseConn(string(e.exclude)); !ok {
			return edge.Position{}, badConnection("exclude", string(e.exclude))
		}
	}
	if e.fields&fieldKey != 0 && m.Key == "" {
		return edge.Position{}, s.refused(edge.ErrKey, room)
	}
	at, err := s.edge.Publish(room, m)
	if err != nil {
		return at, s.refused(err, room)
	}
	return at, nil
}
