package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/roostws/roost/certs"
)

// Certificates are what clients are shown, such as *certs.Certificates.
type Certificates interface {
	Stats() certs.Stats
}

// The metrics of the Certificates.
var (
	certReloads = describe("certificate_reloads_total", "Times that the files of certificates had changed, by whether what they held came into force.", "result")
	certEnds    = describe("certificate_not_after_seconds", "When a certificate ends, in Unix seconds; of several for one name the first.", "name")
)

// A certCollector turns the Certificates' figures into metrics.
type certCollector struct{ certs Certificates }

func (c certCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- certReloads
	ch <- certEnds
}

func (c certCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.certs.Stats()
	ch <- prometheus.MustNewConstMetric(certReloads, prometheus.CounterValue, float64(st.Reloads), "ok")
	ch <- prometheus.MustNewConstMetric(certReloads, prometheus.CounterValue, float64(st.Failures), "failed")
	first := make(map[string]time.Time)
	for _, e := range st.Ends {
		if at, known := first[e.Name]; !known || e.NotAfter.Before(at) {
			first[e.Name] = e.NotAfter
		}
	}
	for name, at := range first {
		ch <- prometheus.MustNewConstMetric(certEnds, prometheus.GaugeValue, float64(at.Unix()), name)
	}
}
