package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/roostws/roost/webhook"
)

// Webhooks are what tells and asks a backend, such as *webhook.Hooks.
type Webhooks interface {
	Stats() webhook.Stats
}

// The metrics of webhooks, served where there are any.
var (
	hookEvents   = describe("webhook_events_total", "Events for the backend, by result: delivered, or dropped.", "result")
	hookRetries  = describe("webhook_retries_total", "Times that a batch of events was sent again.")
	hookFailures = describe("webhook_failures_total", "Requests to the backend that failed, by kind.", "kind")
	hookQueue    = describe("webhook_queue_events", "Events that wait for the backend.")
	hookBytes    = describe("webhook_queue_bytes", "Bytes of the events that wait for the backend.")
	hookOldest   = describe("webhook_oldest_seconds", "Age of the event that has waited longest, in seconds; 0 where none waits.")
	hookAsks     = describe("webhook_asks_total", "Questions to the backend, by event and outcome.", "event", "outcome")
	hookAskTime  = describe("webhook_ask_seconds", "Time from a question to the backend's answer, or to its failure.")
)

// A hookCollector turns the figures of webhooks into metrics.
type hookCollector struct{ hooks Webhooks }

func (c hookCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{hookEvents, hookRetries, hookFailures, hookQueue, hookBytes, hookOldest, hookAsks, hookAskTime} {
		ch <- d
	}
}

func (c hookCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.hooks.Stats()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter(hookEvents, st.Delivered, "delivered")
	counter(hookEvents, st.Dropped, "dropped")
	counter(hookRetries, st.Retries)
	for _, f := range st.Failures {
		counter(hookFailures, f.N, f.Label)
	}
	gauge(hookQueue, float64(st.QueueLength))
	gauge(hookBytes, float64(st.QueueBytes))
	gauge(hookOldest, st.Oldest.Seconds())
	for _, a := range st.Asked {
		counter(hookAsks, a.N, a.Event, a.Outcome)
	}
	ch <- histogram(hookAskTime, st.AskSeconds)
}
