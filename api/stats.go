package api

import (
	"net/http"

	"github.com/roostws/roost/edge"
)

// figures is the answer of /v1/stats.
type figures struct {
	// Now.
	Connections   int     `json:"connections"`
	Rooms         int     `json:"rooms"`
	PresenceRooms int     `json:"presence_rooms"`
	Parked        int     `json:"parked"`
	Tickets       int     `json:"tickets"`
	Draining      bool    `json:"draining"`
	UptimeSeconds float64 `json:"uptime_seconds"`
	Version       string  `json:"version"`

	// Since the start.
	Opened           uint64 `json:"opened"`
	Closed           uint64 `json:"closed"`
	Received         uint64 `json:"received"`
	Published        uint64 `json:"published"`
	Delivered        uint64 `json:"delivered"`
	Dropped          uint64 `json:"dropped"`
	BytesReceived    uint64 `json:"bytes_received"`
	BytesSent        uint64 `json:"bytes_sent"`
	Repeated         uint64 `json:"repeated"`
	RoomsEvicted     uint64 `json:"rooms_evicted"`
	HistoriesEvicted uint64 `json:"histories_evicted"`
	AcceptPauses     uint64 `json:"accept_pauses"`
	Panics           uint64 `json:"panics"`

	// Memory, now.
	OutboxBytes       int64 `json:"outbox_bytes"`
	PublishQueueBytes int64 `json:"publish_queue_bytes"`
	ReadBytes         int64 `json:"read_bytes"`
	TableBytes        int64 `json:"table_bytes"`
	HistoryBytes      int64 `json:"history_bytes"`
	HistoryMessages   int64 `json:"history_messages"`
	Documents         int   `json:"documents"`
	DocumentBytes     int64 `json:"document_bytes"`

	// By label.
	ClosedBy   map[string]uint64 `json:"closed_by"`
	DroppedBy  map[string]uint64 `json:"dropped_by"`
	Handshakes map[string]uint64 `json:"handshakes"`
	Asked      map[string]uint64 `json:"asked"`
}

func (s *service) stats(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	st := s.edge.Stats()
	sendValue(w, figures{
		Connections: st.Connections, Rooms: st.Rooms, Draining: st.Draining, UptimeSeconds: seconds(st.Uptime), Version: s.cfg.Version,
		Opened: st.Opened, Closed: sum(st.Closed), Received: st.Received, Published: st.Published, Delivered: st.Delivered,
		Dropped: sum(st.Dropped), BytesReceived: st.BytesReceived, BytesSent: st.BytesSent, AcceptPauses: st.AcceptPauses,
		Panics:      st.Panics + s.panics.Load(),
		OutboxBytes: st.OutboxBytes, PublishQueueBytes: st.PublishBytes, ReadBytes: st.ReadBytes, TableBytes: st.TableBytes,
		PresenceRooms: st.PresenceRooms, Parked: st.Parked, Tickets: st.Tickets, Repeated: st.Repeated, RoomsEvicted: st.RoomsEvicted, HistoriesEvicted: st.HistoriesEvicted,
		HistoryBytes: st.HistoryBytes, HistoryMessages: st.HistoryMessages, Documents: st.Documents, DocumentBytes: st.DocumentBytes,
		ClosedBy: byLabel(st.Closed), DroppedBy: byLabel(st.Dropped), Handshakes: byLabel(st.Handshakes), Asked: byLabel(st.Asked),
	})
}

func sum(counts []edge.Count) (n uint64) {
	for _, c := range counts {
		n += c.N
	}
	return n
}

func byLabel(counts []edge.Count) map[string]uint64 {
	m := make(map[string]uint64, len(counts))
	for _, c := range counts {
		m[c.Label] = c.N
	}
	return m
}
