package edge

import (
	"flag"
	"testing"

	"github.com/roostws/roost/certs/certstest"
)

// byTLS has all clients of all tests come by TLS, which changes nothing else: but for
// whose test is about addresses or allocations.
var byTLS = flag.Bool("tls", false, "clients come by TLS")

// inTheClear skips a test that a gate would spoil.
func inTheClear(t testing.TB) {
	t.Helper()
	if *byTLS {
		t.Skip("not by TLS: clients come through the test's own process")
	}
}

// openGate gives the address where clients come in the clear instead of by TLS.
func openGate(t testing.TB, server string) string {
	t.Helper()
	g, err := certstest.OpenGate(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g.Addr().String()
}
