package poller

import (
	"fmt"
	"unsafe"
)

// A Table holds one T for each slot. T must not contain a pointer: the memory
// is not the collector's. The address space is reserved at once; what is never
// touched is never there. Entries are zero at first and never move.
type Table[T any] struct {
	mem  []byte
	base unsafe.Pointer
	n    uint32
}

// NewTable makes a table for slots below n.
func NewTable[T any](n int) (*Table[T], error) {
	var t T
	mem, err := reserve(n * int(unsafe.Sizeof(t)))
	if err != nil {
		return nil, fmt.Errorf("reserve a table for %d connections: %w", n, err)
	}
	return &Table[T]{mem: mem, base: unsafe.Pointer(&mem[0]), n: uint32(n)}, nil
}

// At gives the entry of s, which must be below Len.
func (t *Table[T]) At(s Slot) *T {
	if s >= t.n {
		panic("poller: slot out of range")
	}
	var z T
	return (*T)(unsafe.Add(t.base, uintptr(s)*unsafe.Sizeof(z)))
}

// Len is the number of slots.
func (t *Table[T]) Len() int { return int(t.n) }

// Size is that of one entry, in bytes.
func (t *Table[T]) Size() int {
	var z T
	return int(unsafe.Sizeof(z))
}

// Free gives the memory back. Nothing may use the table any more.
func (t *Table[T]) Free() {
	if t.mem != nil {
		release(t.mem)
	}
	t.mem, t.base, t.n = nil, nil, 0
}

// Bytes gives the memory of n entries from s on.
func (t *Table[T]) Bytes(s Slot, n int) []byte {
	size := t.Size()
	from := int(s) * size
	return t.mem[from : from+n*size : from+n*size]
}
