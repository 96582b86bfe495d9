package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/procfs"
)

var acceptOverflows = describe("accept_queue_overflows_total", "Times that the kernel turned a connection away since a listener's queue was full: of all listeners of the network namespace, since it was made.")

// A kernelCollector tells what the kernel alone counts.
type kernelCollector struct{ self procfs.Proc }

// newKernelCollector says false where there is no /proc.
func newKernelCollector() (kernelCollector, bool) {
	self, err := procfs.Self()
	return kernelCollector{self}, err == nil
}

func (kernelCollector) Describe(ch chan<- *prometheus.Desc) { ch <- acceptOverflows }

func (c kernelCollector) Collect(ch chan<- prometheus.Metric) {
	stat, err := c.self.Netstat()
	if err != nil || stat.ListenOverflows == nil {
		return // a kernel that does not tell: no figure rather than a wrong one
	}
	ch <- prometheus.MustNewConstMetric(acceptOverflows, prometheus.CounterValue, *stat.ListenOverflows)
}
