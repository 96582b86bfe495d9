//go:build !race

package broker

// raceEnabled says that the race detector is in the binary, which takes memory.
const raceEnabled = false
