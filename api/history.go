package api

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/roostws/roost/edge"
)

// history gives what a room keeps of its messages.
func (s *service) history(w http.ResponseWriter, q *http.Request) {
	query, f := parameters(q, "since", "limit")
	if f != nil {
		fail(w, f)
		return
	}
	limit, f := pageSize(query)
	if f != nil {
		fail(w, f)
		return
	}
	since, f := number(query, "since", 0, math.MaxUint64, 0)
	if f != nil {
		fail(w, f)
		return
	}
	room := q.PathValue("room")
	h, err := s.edge.History(room, since, limit)
	if err != nil {
		fail(w, s.refused(err, room))
		return
	}
	head := appendString([]byte(`{"room":`), room)
	head = appendString(append(head, `,"epoch":`...), h.Epoch)
	head = strconv.AppendUint(append(head, `,"offset":`...), h.Offset, 10)
	head = strconv.AppendBool(append(head, `,"whole":`...), h.Whole)
	sendList(w, append(head, `,"messages":`...), len(h.Messages), func(b []byte, i int) []byte {
		return appendMessage(b, &h.Messages[i])
	}, "")
}

// appendMessage appends a message of the history, its data as native members got it.
func appendMessage(b []byte, m *edge.HistoryMessage) []byte {
	b = strconv.AppendUint(append(b, `{"offset":`...), m.Offset, 10)
	b = append(b, `,"time":"`...)
	b = append(appendTime(b, m.Time), '"')
	switch {
	case m.Binary:
		b = append(b, `,"base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, m.Data), '"')
	case !m.String && json.Valid(m.Data):
		b = append(append(b, `,"data":`...), m.Data...)
	default:
		b = appendString(append(b, `,"data":`...), string(m.Data))
	}
	if m.Key != "" {
		b = appendString(append(b, `,"key":`...), m.Key)
	}
	if m.From != nil {
		b = append(append(b, `,"from":`...), m.From...)
	}
	return append(b, '}')
}

// appendTime appends a time to the millisecond, as RFC 3339 writes it.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
}
