//go:build race

package protocol

// Under the race detector sync.Pool drops some of what it is given.
const poolsForget = true
