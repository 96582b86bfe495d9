package broker_test

import (
	"testing"

	"github.com/roostws/roost/broker"
	"github.com/roostws/roost/broker/brokertest"
)

func TestMemory_Conformance(t *testing.T) {
	brokertest.Run(t, func(_ testing.TB, cfg broker.Config) brokertest.Broker { return broker.NewMemory(cfg) })
}
