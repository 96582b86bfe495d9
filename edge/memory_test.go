package edge

import "testing"

func TestOutboxMemory(t *testing.T) {
	for memory, want := range map[uint64]int64{
		0: 256 << 20, 64 << 30: 256 << 20, 2 << 30: 256 << 20, 1 << 30: 128 << 20, 128 << 20: 16 << 20, 1 << 20: 1 << 20, 1<<64 - 1: 256 << 20,
	} {
		if got := outboxMemory(memory); got != want {
			t.Errorf("of %d bytes of memory %d: %d would be right", memory, got, want)
		}
	}
	if got := (Config{}).withDefaults().OutboxMemory; got != DefaultOutboxMemory() || memory() == 0 {
		t.Errorf("the default is %d, of %d bytes of memory", got, memory())
	}
}
