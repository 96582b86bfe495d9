package edge

import (
	"sync"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// DefaultOutboxMemory is 256 MiB, or an eighth of the memory that the process may have, its
// cgroup's or else the machine's, where that is less.
func DefaultOutboxMemory() int64 { return outboxMemory(memory()) }

// memory is what the process may have, in bytes; 0: nobody says.
var memory = sync.OnceValue(func() uint64 {
	n, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil {
		return 0
	}
	return n
})

func outboxMemory(memory uint64) int64 {
	const most = 256 << 20
	if memory == 0 || memory/8 > most {
		return most
	}
	return max(int64(memory/8), minMemory)
}
