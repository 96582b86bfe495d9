package edge

import (
	"bytes"
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/native"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/rooms"
)

// emptyDocument is what a document is at version 0.
var emptyDocument = []byte("{}")

func orEmpty(doc []byte) []byte {
	if doc == nil {
		return emptyDocument
	}
	return doc
}

// document gives the document of a room whose policy says that it has one.
func (s *Server) document(room string, p *policy) (doc []byte, version uint64) {
	if !p.Document {
		return nil, 0
	}
	return s.broker.Document(room)
}

// Document gives a room's document. ErrRoom, ErrNoDocument.
func (s *Server) Document(room string) (Document, error) {
	if _, err := s.documentRoom(room); err != nil {
		return Document{}, err
	}
	doc, version := s.broker.Document(room)
	return Document{version, orEmpty(doc)}, nil
}

func (s *Server) documentRoom(room string) (*policy, error) {
	if !rooms.ValidName(room) {
		return nil, ErrRoom
	}
	p := s.policy(room)
	if !p.Document {
		return nil, ErrNoDocument
	}
	return p, nil
}

// SetDocument replaces a room's document, and its members are sent a patch that does
// the same. ErrRoom, ErrNoDocument, ErrTooLarge, ErrMemory, ErrRooms, ErrOverloaded,
// ErrClosed, *InvalidError.
func (s *Server) SetDocument(room string, data []byte) (version uint64, err error) {
	p, err := s.documentRoom(room)
	if err != nil {
		return 0, err
	}
	if len(data) > s.cfg.MaxMessage {
		return 0, ErrTooLarge
	}
	doc := jsontext.Value(bytes.Clone(data))
	if err := doc.Compact(jsontext.AllowDuplicateNames(false)); err != nil {
		return 0, invalid("the document is not JSON in UTF-8 with each name once: " + err.Error())
	}
	if doc[0] != '{' && doc[0] != '[' {
		return 0, invalid("the document is neither an object nor an array")
	}
	if err := p.Schema.Validate(doc); err != nil { // without a schema: its depth and its numbers
		return 0, err
	}
	patch := append(append([]byte(`[{"op":"replace","path":"","value":`), doc...), "}]"...)
	return s.change(room, broker.AnyVersion, doc, patch, nil, 0)
}

// PatchDocument applies a JSON Patch (RFC 6902) to version base of a room's document, whole
// or not at all, and its members are sent it. The errors of SetDocument, and
// *ConflictError.
func (s *Server) PatchDocument(room string, base uint64, patch []byte) (version uint64, err error) {
	p, err := s.documentRoom(room)
	if err != nil {
		return 0, err
	}
	return s.patch(p, room, base, patch, nil, 0)
}

// patch applies a patch of from, who is not sent it. It may take a while.
func (s *Server) patch(p *policy, room string, base uint64, patch, from []byte, exclude ConnID) (version uint64, err error) {
	doc, version := s.broker.Document(room)
	if version != base {
		return 0, &ConflictError{Document{version, orEmpty(doc)}}
	}
	after, err := broker.Patch(orEmpty(doc), patch, s.cfg.MaxMessage)
	switch {
	case errors.Is(err, broker.ErrTooLarge):
		return 0, ErrTooLarge
	case err != nil:
		return 0, err
	}
	if p.Schema != nil {
		if err := p.Schema.Validate(after); err != nil {
			return 0, err
		}
	}
	told := jsontext.Value(bytes.Clone(patch))
	if err := told.Compact(jsontext.AllowDuplicateNames(false)); err != nil {
		return 0, invalid("the patch is not JSON in UTF-8 with each name once: " + err.Error())
	}
	return s.change(room, base, after, told, from, exclude)
}

// change puts a document in the place of version base, and tells of it.
func (s *Server) change(room string, base uint64, doc, patch, from []byte, exclude ConnID) (uint64, error) {
	if !s.running.Load() {
		return 0, ErrClosed
	}
	if s.publishBytes.Load() > s.cfg.PublishMemory {
		return 0, ErrOverloaded
	}
	present, version, ok, err := s.broker.Change(room, s.now(), base, doc, func(version uint64) {
		b := native.AppendRoom(native.Begin(nil, "patch", nil), room)
		b = native.AppendUint(b, "version", version)
		b = native.AppendJSON(b, "patch", patch)
		if from != nil {
			b = native.AppendJSON(b, "from", from)
		}
		s.postNative(room, room, append(b, '}'), exclude)
	})
	switch {
	case errors.Is(err, broker.ErrMemory):
		return 0, ErrMemory
	case errors.Is(err, broker.ErrRooms):
		return 0, ErrRooms
	case err != nil:
		return 0, err
	case !ok:
		return 0, &ConflictError{Document{version, orEmpty(present)}}
	}
	return version, nil
}

// A patching is a command that changes a document.
type patching struct {
	command native.Command // without its byte strings
	room    string
	patch   []byte
	version uint64
	err     error
	asked   bool
	answer  Decision
}

func (l *loop) doPatch(s poller.Slot, ses *session, c *native.Command) {
	room := string(c.Room)
	if !rooms.ValidName(room) {
		l.refuseCommand(s, c, badRoom(room))
		return
	}
	p := l.srv.policy(room)
	switch {
	case !l.mayPublish(ses, room, p):
		l.dropped[dropForbidden].Add(1)
		l.refuseCommand(s, c, &refusal{code: native.Forbidden, message: "changing this room is not allowed", room: room})
		return
	case !p.Document:
		l.refuseCommand(s, c, &refusal{code: native.NotFound, message: ErrNoDocument.Error(), room: room})
		return
	}
	k := &patching{command: native.Command{ID: c.ID, Asked: c.Asked}, room: room, patch: bytes.Clone(c.Patch)}
	base, from, id := c.Base, l.member(s, ses), l.ID(s)
	where := l.srv.workers
	var q *Question
	if l.srv.asks(WhatPublish) {
		where, q = l.srv.askers, l.question(WhatPublish, s, ses)
		q.Room, q.Data, q.JSON, q.Patch, q.Base = room, k.patch, true, true, base
	}
	ok := l.off(ses, where, id, k, func(ctx context.Context) {
		if q != nil {
			if k.asked, k.answer = true, l.srv.decide(ctx, q); !k.answer.Allow {
				return
			}
		}
		k.version, k.err = l.srv.patch(p, room, base, k.patch, from, id)
	})
	if !ok {
		l.refuseCommand(s, c, overasked(room))
	}
}

func (k *patching) done(l *loop, s poller.Slot, ses *session) {
	var conflict *ConflictError
	switch {
	case k.asked && !k.answer.Allow:
		l.refuseCommand(s, &k.command, &refusal{code: k.answer.code(), message: k.answer.message("changing this room is not allowed"), room: k.room})
	case errors.As(k.err, &conflict):
		l.refuseCommand(s, &k.command, &refusal{code: native.Conflict, message: k.err.Error(), room: k.room, extra: func(b []byte) []byte {
			return native.AppendJSON(native.AppendUint(b, "version", conflict.Document.Version), "document", conflict.Document.Data)
		}})
	case k.err != nil:
		l.refuseCommand(s, &k.command, refusalOf(k.err, k.room))
	default:
		if l.srv.tells(WhatPublish) {
			e := l.event(WhatPublish, s, ses)
			e.Room, e.Data, e.JSON, e.Version = k.room, k.patch, true, k.version
			l.srv.notify(e)
		}
		l.answer(s, &k.command, native.AppendUint(native.AppendRoom(l.said("patched", &k.command), k.room), "version", k.version))
	}
}

func (k *patching) gone(*loop) {}
