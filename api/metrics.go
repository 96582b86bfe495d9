package api

import (
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/roostws/roost/edge"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("roost_"+name, help, labels, nil)
}

// The metrics of the Edge. Counters count since the process began.
var (
	connections   = describe("connections", "WebSocket connections that are open.")
	opened        = describe("connections_opened_total", "Connections that were accepted, upgraded or not.")
	closed        = describe("connections_closed_total", "Connections that ended, by reason.", "reason")
	handshakes    = describe("handshakes_total", "Requests for a WebSocket, by result.", "result")
	tlsHandshakes = describe("tls_handshakes_total", "TLS handshakes of clients, by result.", "result")
	tlsUnderWay   = describe("tls_handshakes_under_way", "TLS handshakes that have begun and are not done.")
	tlsWaiting    = describe("tls_handshakes_waiting", "Clients whose TLS handshakes wait for those under way.")
	roomsNow      = describe("rooms", "Rooms that have members.")
	received      = describe("messages_received_total", "Messages that clients sent.")
	published     = describe("messages_published_total", "Messages that were published to rooms.")
	delivered     = describe("messages_delivered_total", "Messages that were written to members of rooms.")
	dropped       = describe("messages_dropped_total", "Messages that were not delivered to a connection, or not published, by reason.", "reason")
	bytesReceived = describe("bytes_received_total", "Bytes that were read from clients.")
	bytesSent     = describe("bytes_sent_total", "Bytes that were written to clients.")
	outboxBytes   = describe("outbox_bytes", "Bytes that wait for slow readers.")
	publishQueue  = describe("publish_queue_bytes", "Bytes that were published and are not yet written to all members.")
	readBytes     = describe("read_buffer_bytes", "Bytes of requests, messages and TLS records that have not arrived whole.")
	tableBytes    = describe("table_bytes", "Bytes of the tables of connections, seats and names.")
	historyBytes  = describe("history_bytes", "Bytes that rooms keep of their messages.")
	historyCount  = describe("history_messages", "Messages that rooms keep.")
	documents     = describe("documents", "Rooms that hold a document.")
	documentBytes = describe("document_bytes", "Bytes of the documents of rooms.")
	presenceRooms = describe("presence_rooms", "Rooms that have members and keep presence.")
	onceKeys      = describe("idempotency_keys", "Idempotency keys that are remembered.")
	roomsOut      = describe("rooms_evicted_total", "Rooms that were forgotten to make room for others.")
	historiesOut  = describe("histories_evicted_total", "Histories that were dropped for want of memory.")
	onceOut       = describe("idempotency_evicted_total", "Idempotency keys that were forgotten before their time.")
	repeated      = describe("publishes_repeated_total", "Publishes that were not delivered since their idempotency key had been seen.")
	closings      = describe("closings", "Connections that ended and are remembered.")
	tickets       = describe("tickets", "Tickets that were made and not used.")
	parked        = describe("parked_connections", "Connections whose next command waits for a backend's answer.")
	asked         = describe("asked_total", "Questions to a backend, by outcome.", "outcome")
	publishTime   = describe("publish_seconds", "Time from publishing a message to the last member's write, for each loop.")
	turnTime      = describe("loop_turn_seconds", "Time that a turn of an event loop took, without waiting.")
	panicsTotal   = describe("panics_total", "Panics that were caught, of loops and of the API.")
	acceptPauses  = describe("accept_pauses_total", "Times that accepting rested for want of file descriptors or memory.")
	draining      = describe("draining", "1 while the server sends its clients away, else 0.")
	brokerUp      = describe("broker_up", "1 while the broker takes messages, else 0.")
	buildInfo     = describe("build_info", "Always 1; the labels say what runs.", "version", "goversion")
)

// A collector turns the Edge's figures into metrics.
type collector struct{ s *service }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connections, opened, closed, handshakes, tlsHandshakes, tlsUnderWay, tlsWaiting, roomsNow, received, published, delivered, dropped,
		bytesReceived, bytesSent, outboxBytes, publishQueue, readBytes, tableBytes,
		historyBytes, historyCount, documents, documentBytes, presenceRooms, onceKeys, roomsOut, historiesOut, onceOut, repeated, closings, tickets, parked, asked, publishTime, turnTime, panicsTotal, acceptPauses,
		draining, brokerUp, buildInfo} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	defer func() {
		if cause := recover(); cause != nil {
			c.s.panics.Add(1)
			panic(cause) // the registry makes it an error
		}
	}()
	st := c.s.edge.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	counters := func(d *prometheus.Desc, counts []edge.Count) {
		for _, n := range counts {
			counter(d, n.N, n.Label)
		}
	}
	gauge(connections, float64(st.Connections))
	counter(opened, st.Opened)
	counters(closed, st.Closed)
	counters(handshakes, st.Handshakes)
	counters(tlsHandshakes, st.TLS)
	gauge(tlsUnderWay, float64(st.TLSUnderWay))
	gauge(tlsWaiting, float64(st.TLSWaiting))
	gauge(roomsNow, float64(st.Rooms))
	counter(received, st.Received)
	counter(published, st.Published)
	counter(delivered, st.Delivered)
	counters(dropped, st.Dropped)
	counter(bytesReceived, st.BytesReceived)
	counter(bytesSent, st.BytesSent)
	gauge(outboxBytes, float64(st.OutboxBytes))
	gauge(publishQueue, float64(st.PublishBytes))
	gauge(readBytes, float64(st.ReadBytes))
	gauge(tableBytes, float64(st.TableBytes))
	gauge(historyBytes, float64(st.HistoryBytes))
	gauge(historyCount, float64(st.HistoryMessages))
	gauge(documents, float64(st.Documents))
	gauge(documentBytes, float64(st.DocumentBytes))
	gauge(presenceRooms, float64(st.PresenceRooms))
	gauge(onceKeys, float64(st.OnceKeys))
	counter(roomsOut, st.RoomsEvicted)
	counter(historiesOut, st.HistoriesEvicted)
	counter(onceOut, st.OnceEvicted)
	counter(repeated, st.Repeated)
	gauge(closings, float64(st.Closings))
	gauge(tickets, float64(st.Tickets))
	gauge(parked, float64(st.Parked))
	counters(asked, st.Asked)
	ch <- histogram(publishTime, st.PublishSeconds)
	ch <- histogram(turnTime, st.TurnSeconds)
	counter(panicsTotal, st.Panics+c.s.panics.Load())
	counter(acceptPauses, st.AcceptPauses)
	drain := 0.0
	if st.Draining {
		drain = 1
	}
	gauge(draining, drain)
	gauge(brokerUp, 1) // it is in memory
	gauge(buildInfo, 1, c.s.cfg.Version, runtime.Version())
}

// histogram adds up the buckets, as Prometheus wants them.
func histogram(d *prometheus.Desc, h edge.Histogram) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	var n uint64
	for i, count := range h.Counts {
		n += count
		if i < len(h.Bounds) {
			buckets[h.Bounds[i]] = n
		}
	}
	return prometheus.MustNewConstHistogram(d, n, h.Sum, buckets)
}

// newRegistry makes a registry of s's own, so that two servers in one process
// do not count as one.
func newRegistry(s *service) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	if k, ok := newKernelCollector(); ok {
		r.MustRegister(k)
	}
	if s.cfg.Webhooks != nil {
		r.MustRegister(hookCollector{s.cfg.Webhooks})
	}
	if s.cfg.Keys != nil {
		r.MustRegister(keyCollector{s.cfg.Keys})
	}
	if s.cfg.Certs != nil {
		r.MustRegister(certCollector{s.cfg.Certs})
	}
	return r
}

// newRequestCounter counts the API's own requests. A route is one of the table,
// so that no client can make labels.
func newRequestCounter(r *prometheus.Registry) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "roost_api_requests_total",
		Help: "Requests to the HTTP API that were answered, by route and status.",
	}, []string{"route", "status"})
	r.MustRegister(c)
	return c
}

// newMetrics serves a registry in the text format, or in OpenMetrics where that
// is asked for.
func newMetrics(r *prometheus.Registry, log *slog.Logger) http.Handler {
	h := promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
	return inJSON(h.ServeHTTP)
}
