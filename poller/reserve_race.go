//go:build race

package poller

// reserve takes the heap here, since the race detector sees no other memory.
func reserve(n int) ([]byte, error) { return make([]byte, max(n, 8)), nil }

func release([]byte) {}
