package edge

import (
	"time"

	"github.com/roostws/roost/poller"
)

// Stats is what a Server counts, at one moment.
type Stats struct {
	Connections int // upgraded and not ended
	Rooms       int // rooms with members
	Draining    bool
	Uptime      time.Duration

	// Since the start. Each has all its labels, at zero from the start.
	Opened     uint64  // connections accepted
	Closed     []Count // by Reason
	Handshakes []Count // by result
	Dropped    []Count // messages, by reason
	TLS        []Count // handshakes at listeners of tls://, by result

	Received      uint64 // messages of clients
	Published     uint64 // messages that got an offset
	Delivered     uint64 // messages written to members
	BytesReceived uint64
	BytesSent     uint64
	Panics        uint64
	AcceptPauses  uint64 // times that accepting rested for want of descriptors or memory

	OutboxBytes  int64 // wait for slow readers
	PublishBytes int64 // published and not yet written to all
	ReadBytes    int64 // of requests, messages and records of TLS that have not arrived whole
	TLSUnderWay  int   // handshakes that have begun and are not done
	TLSWaiting   int   // clients whose handshakes wait for others
	TableBytes   int64 // what the connections' records, seats and names take

	// Kept for rooms.
	HistoryBytes     int64
	HistoryMessages  int64
	Documents        int
	DocumentBytes    int64
	PresenceRooms    int    // rooms with members that keep presence
	OnceKeys         int    // idempotency keys
	RoomsEvicted     uint64 // forgotten to make room for others
	HistoriesEvicted uint64 // dropped or cut for want of memory
	OnceEvicted      uint64 // forgotten before their time
	Repeated         uint64 // publishes that an idempotency key had seen before

	// Of connections.
	Tickets  int     // made and not used
	Parked   int     // connections whose next command waits for the one before
	Closings int     // connections that ended and are remembered
	Asked    []Count // questions to the Decider, by outcome; all labels at zero from the start

	PublishSeconds Histogram // from publishing to the last member's write, for each loop
	TurnSeconds    Histogram // a loop's turn, waiting aside
}

// A Count is a number under a label.
type Count struct {
	Label string
	N     uint64
}

// A Histogram counts durations in buckets.
type Histogram struct {
	Bounds []float64 // each bucket's upper end, in seconds, ascending
	Counts []uint64  // for each bucket, and one more for what is longer
	Sum    float64   // of all durations, in seconds
}

// Stats counts. It takes microseconds and stops no loop.
func (s *Server) Stats() Stats {
	st := Stats{
		Connections: int(s.connections.Load()), Draining: s.draining.Load(), Uptime: time.Since(s.began),
		Closed: make([]Count, numReasons), Handshakes: make([]Count, numResults), Dropped: make([]Count, numDrops), TLS: make([]Count, poller.NumTLSResults),
		Published: s.published.Load(), OutboxBytes: s.group.OutboxBytes(), PublishBytes: s.publishBytes.Load(), ReadBytes: s.readBytes.Load(),
		PublishSeconds: newHistogram(), TurnSeconds: newHistogram(),
	}
	for i := range st.Closed {
		st.Closed[i].Label = Reason(i).String()
	}
	for i := range st.Handshakes {
		st.Handshakes[i].Label = resultLabels[i]
	}
	for i := range st.Dropped {
		st.Dropped[i].Label = dropLabels[i]
	}
	for i := range st.TLS {
		st.TLS[i].Label = poller.TLSResult(i).String()
	}
	st.Asked = make([]Count, numOutcomes)
	for i := range st.Asked {
		st.Asked[i] = Count{outcomeLabels[i], s.asked[i].Load()}
	}
	kept := s.broker.Stats()
	st.HistoryBytes, st.HistoryMessages = kept.HistoryBytes, int64(kept.HistoryMessages)
	st.Documents, st.DocumentBytes = int(kept.Documents), kept.DocumentBytes
	st.PresenceRooms, st.OnceKeys = s.presence.Rooms(), int(kept.OnceKeys)
	st.RoomsEvicted, st.HistoriesEvicted, st.OnceEvicted, st.Repeated = kept.RoomsEvicted, kept.HistoriesEvicted, kept.OnceEvicted, kept.Repeated
	st.Tickets, st.Parked, st.Closings = s.tickets.len(), int(s.parked.Load()), s.closings.len()
	st.Rooms = s.directory.Rooms()
	st.TableBytes = int64(s.group.Reached())*int64(s.group.RecordSize()+s.sessions.Size()) + s.users.bytes() + s.presence.Bytes()
	for _, l := range s.loops {
		l.addTo(&st)
	}
	return st
}

func (l *loop) addTo(st *Stats) {
	for i := range st.Closed {
		st.Closed[i].N += l.closed[i].Load()
	}
	for i := range st.Handshakes {
		st.Handshakes[i].N += l.shaken[i].Load()
	}
	for i := range st.Dropped {
		st.Dropped[i].N += l.dropped[i].Load()
	}
	p := &l.Stats
	for i := range st.TLS {
		st.TLS[i].N += p.TLS[i].Load()
	}
	st.TLSUnderWay += int(p.TLSUnderWay.Load())
	st.TLSWaiting += int(p.TLSWaiting.Load())
	st.ReadBytes += p.Fragments.Load()
	st.Handshakes[resultFull].N += p.Refused.Load()
	st.Opened += p.Opened.Load()
	st.Panics += p.Panics.Load()
	st.AcceptPauses += p.Pauses.Load()
	st.BytesReceived += p.BytesIn.Load()
	st.BytesSent += p.BytesOut.Load()
	st.Received += l.received.Load()
	st.Delivered += l.delivered.Load()
	st.TableBytes += l.tableBytes.Load()
	st.PublishSeconds.add(&l.latency)
	st.TurnSeconds.add(&p.Turns)
}

func newHistogram() Histogram {
	h := Histogram{Bounds: make([]float64, len(poller.Bounds)), Counts: make([]uint64, len(poller.Bounds)+1)}
	for i, b := range poller.Bounds {
		h.Bounds[i] = float64(b) / 1e9
	}
	return h
}

func (h *Histogram) add(p *poller.Histogram) { h.Sum += float64(p.AddTo(h.Counts)) / 1e9 }
