package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/roostws/roost/auth"
)

// Keys are what tokens are verified with, such as *auth.Keys.
type Keys interface {
	Stats() auth.KeysStats
}

// The metrics of keys, served where there are any.
var (
	keysNow       = describe("jwt_keys", "Keys that tokens are verified with.")
	keysAge       = describe("jwks_age_seconds", "Time since the key server last gave its keys; 0 before it did, or where there is none.")
	keysRefreshes = describe("jwks_refreshes_total", "Times that the key server gave its keys.")
	keysFailures  = describe("jwks_failures_total", "Requests to the key server that gave none.")
	keysUnknown   = describe("jwt_unknown_keys_total", "Tokens whose key was not known.")
)

// A keyCollector turns the figures of keys into metrics.
type keyCollector struct{ keys Keys }

func (c keyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{keysNow, keysAge, keysRefreshes, keysFailures, keysUnknown} {
		ch <- d
	}
}

func (c keyCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.keys.Stats()
	age := 0.0
	if !st.Refreshed.IsZero() {
		age = time.Since(st.Refreshed).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(keysNow, prometheus.GaugeValue, float64(st.Keys))
	ch <- prometheus.MustNewConstMetric(keysAge, prometheus.GaugeValue, age)
	ch <- prometheus.MustNewConstMetric(keysRefreshes, prometheus.CounterValue, float64(st.Refreshes))
	ch <- prometheus.MustNewConstMetric(keysFailures, prometheus.CounterValue, float64(st.Failures))
	ch <- prometheus.MustNewConstMetric(keysUnknown, prometheus.CounterValue, float64(st.Unknown))
}
