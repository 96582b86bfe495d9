package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/roostws/roost/edge"
)

// connItem is a connection.
type connItem struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	User    string          `json:"user"`    // empty: none
	Address string          `json:"address"` // host:port
	Rooms   []string        `json:"rooms"`
	Age     string          `json:"age"`               // since it was accepted
	Heard   string          `json:"heard"`             // since it last sent anything
	Queued  int             `json:"queued"`            // bytes
	Expires int64           `json:"expires,omitempty"` // Unix seconds; 0: never
	Info    json.RawMessage `json:"info,omitempty"`
}

func (s *service) newConnItem(c *edge.ConnInfo) connItem {
	item := connItem{
		ID: s.edge.ConnName(c.ID), Kind: c.Kind, User: c.User, Address: address(c.Remote), Rooms: c.Rooms,
		Age: span(c.Age), Heard: span(c.Heard), Queued: c.Queued, Expires: c.Expires, Info: c.Info,
	}
	if item.Rooms == nil {
		item.Rooms = []string{}
	}
	return item
}

// address is empty where the kernel knew none any more.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// span is a duration as people read it: to the second, or to the millisecond
// where it is short.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return d.Truncate(time.Millisecond).String()
	}
	return d.Truncate(time.Second).String()
}

// sendConnections answers with a list of connections behind head.
func (s *service) sendConnections(w http.ResponseWriter, head []byte, list []edge.ConnInfo, next string) {
	sendList(w, head, len(list), func(b []byte, i int) []byte {
		return appendValue(b, s.newConnItem(&list[i]))
	}, next)
}

// connections lists all connections.
func (s *service) connections(w http.ResponseWriter, q *http.Request) {
	query, limit, f := listing(q)
	if f != nil {
		fail(w, f)
		return
	}
	after := query.Get("after")
	ctx, cancel := context.WithTimeout(q.Context(), askTime)
	defer cancel()
	list, next, err := s.edge.Connections(ctx, after, limit)
	if err != nil {
		fail(w, s.badCursor(err, "", after))
		return
	}
	s.sendConnections(w, []byte(`{"connections":`), list, next)
}

// connection tells of one connection.
func (s *service) connection(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	if c, _, f := s.find(q); f != nil {
		fail(w, f)
	} else {
		sendValue(w, s.newConnItem(&c))
	}
}

// find looks for the connection that a path names.
func (s *service) find(q *http.Request) (c edge.ConnInfo, name string, f *failure) {
	name = q.PathValue("id")
	id, ok := s.edge.ParseConn(name)
	if !ok {
		return c, name, badConnection("the path's", name)
	}
	ctx, cancel := context.WithTimeout(q.Context(), askTime)
	defer cancel()
	c, err := s.edge.Connection(ctx, id)
	switch {
	case errors.Is(err, edge.ErrNotFound):
		return c, name, gone(name)
	case err != nil:
		return c, name, s.refused(err, name)
	}
	c.ID = id
	return c, name, nil
}

func gone(name string) *failure {
	return &failure{status: http.StatusNotFound, message: fmt.Sprintf("connection %s is not there: it has ended, and /v1/closings may tell why", shorten(name))}
}

// disconnect ends one connection.
func (s *service) disconnect(w http.ResponseWriter, q *http.Request) {
	reconnect, f := ending(q)
	if f != nil {
		fail(w, f)
		return
	}
	c, name, f := s.find(q) // the Edge does not wait to see whether it is still there
	if f != nil {
		fail(w, f)
		return
	}
	switch err := s.edge.Disconnect(c.ID, reconnect); {
	case errors.Is(err, edge.ErrNotFound):
		fail(w, gone(name))
	case err != nil:
		fail(w, s.refused(err, name))
	default:
		send(w, append(appendString([]byte(`{"id":`), name), '}', '\n'))
	}
}
