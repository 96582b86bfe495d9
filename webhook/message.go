package webhook

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"github.com/roostws/roost/edge"
)

// timeForm is RFC 3339 with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

// A message is an event or a question as it is sent. Fields that do not apply are
// absent.
type message struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	Ask   bool   `json:"ask,omitempty"`
	Time  string `json:"time"`

	Conn   string          `json:"conn,omitempty"`
	User   string          `json:"user,omitempty"`
	Room   string          `json:"room,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`  // JSON as it is, other text as a string
	Base64 []byte          `json:"base64,omitzero"` // in place of Data; also where it is empty
	Key    string          `json:"key,omitempty"`
	Offset uint64          `json:"offset,omitempty"`
	Epoch  string          `json:"epoch,omitempty"`

	// Of publish, where Data is a JSON Patch.
	Base    *uint64 `json:"base,omitempty"`    // of a question: the version that it is for
	Version uint64  `json:"version,omitempty"` // of an event: the version that it made

	Reason string `json:"reason,omitempty"`

	// Of connect.
	Address   string   `json:"address,omitempty"`
	Path      string   `json:"path,omitempty"`
	Query     string   `json:"query,omitempty"`
	Rooms     []string `json:"rooms,omitempty"`
	Token     string   `json:"token,omitempty"`
	Origin    string   `json:"origin,omitempty"`
	Host      string   `json:"host,omitempty"`
	Cookie    string   `json:"cookie,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
	Forwarded string   `json:"forwarded_for,omitempty"`
}

func eventMessage(id string, e *edge.Event) *message {
	m := &message{
		ID: id, Event: e.What.String(), Time: e.Time.UTC().Format(timeForm),
		Conn: e.Conn, User: e.User, Room: e.Room, Offset: e.Offset, Epoch: e.Epoch, Reason: e.Reason,
		Address: address(e.Remote), Path: e.Path,
	}
	if e.What == edge.WhatPublish {
		m.Key, m.Version = e.Key, e.Version
		m.setData(e.Data, e.Binary, e.JSON)
	}
	return m
}

func questionMessage(id string, q *edge.Question) *message {
	m := &message{
		ID: id, Event: q.What.String(), Ask: true, Time: q.Time.UTC().Format(timeForm),
		Conn: q.Conn, User: q.User, Room: q.Room,
		Address: address(q.Remote), Path: q.Path, Query: q.Query, Rooms: q.Rooms, Token: q.Token,
		Origin: q.Origin, Host: q.Host, Cookie: q.Cookie, UserAgent: q.UserAgent, Forwarded: q.Forwarded,
	}
	if q.What == edge.WhatPublish {
		m.Key = q.Key
		if q.Patch {
			m.Base = &q.Base
		}
		m.setData(q.Data, q.Binary, q.JSON)
	}
	return m
}

// setData sets Data or Base64. The data is not copied.
func (m *message) setData(data []byte, binary, isJSON bool) {
	switch {
	case binary && data == nil:
		m.Base64 = []byte{}
	case binary:
		m.Base64 = data
	case isJSON && json.Valid(data): // one that is not would hold up all behind it
		m.Data = data
	default:
		m.Data = encode(string(data))
	}
}

// encode is v as JSON, which types of this package and strings always have.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
}
