//go:build race

package rooms

// raceEnabled says that the race detector is in the binary, which takes memory.
const raceEnabled = true
