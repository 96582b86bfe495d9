package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/roostws/roost/edge"
)

// roomItem is a room in a list.
type roomItem struct {
	Room    string `json:"room"`
	Members int    `json:"members"`
	Users   *int   `json:"users,omitempty"` // of a room with presence
	Offset  uint64 `json:"offset"`
	Epoch   string `json:"epoch"`
}

// roomWhole is one room.
type roomWhole struct {
	roomItem
	Presence bool `json:"presence"`
	Document bool `json:"document"`
}

func newRoomItem(r *edge.RoomInfo) roomItem {
	item := roomItem{Room: r.Room, Members: r.Members, Offset: r.Offset, Epoch: r.Epoch}
	if r.Presence {
		item.Users = &r.Users
	}
	return item
}

// rooms lists the rooms that have members.
func (s *service) rooms(w http.ResponseWriter, q *http.Request) {
	query, limit, f := listing(q, "prefix")
	if f != nil {
		fail(w, f)
		return
	}
	prefix, after := query.Get("prefix"), query.Get("after")
	list, next, err := s.edge.Rooms(prefix, after, limit)
	if err != nil {
		fail(w, s.badCursor(err, prefix, after))
		return
	}
	sendList(w, []byte(`{"rooms":`), len(list), func(b []byte, i int) []byte {
		return appendValue(b, newRoomItem(&list[i]))
	}, next)
}

// room tells of one room.
func (s *service) room(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	room := q.PathValue("room")
	r, err := s.edge.Room(room)
	if err != nil {
		fail(w, s.refused(err, room))
		return
	}
	r.Room = room
	sendValue(w, roomWhole{newRoomItem(&r), r.Presence, r.Document})
}

// memberItem is a connection of a room.
type memberItem struct {
	User string          `json:"user"`
	Conn string          `json:"conn"`
	Info json.RawMessage `json:"info,omitempty"`
}

// presence lists who is in a room.
func (s *service) presence(w http.ResponseWriter, q *http.Request) {
	query, limit, f := listing(q)
	if f != nil {
		fail(w, f)
		return
	}
	room, after := q.PathValue("room"), query.Get("after")
	ctx, cancel := context.WithTimeout(q.Context(), askTime)
	defer cancel()
	p, err := s.edge.Presence(ctx, room, after, limit)
	if err != nil {
		fail(w, s.badCursor(err, room, after))
		return
	}
	head := appendString([]byte(`{"room":`), room)
	head = strconv.AppendInt(append(head, `,"count":`...), int64(p.Users), 10)
	head = strconv.AppendInt(append(head, `,"connections":`...), int64(p.Connections), 10)
	sendList(w, append(head, `,"members":`...), len(p.Members), func(b []byte, i int) []byte {
		m := &p.Members[i]
		return appendValue(b, memberItem{m.User, m.Conn, m.Info})
	}, p.Next)
}
