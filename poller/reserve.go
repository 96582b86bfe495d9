//go:build !race

package poller

import "golang.org/x/sys/unix"

// reserve gives n bytes of zeros outside the heap, so that a collection neither
// scans them nor counts them in its pace. No huge pages: one touched record
// must not cost 2 MiB.
func reserve(n int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, max(n, 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE) // a kernel without huge pages refuses
	return mem, nil
}

func release(mem []byte) { _ = unix.Munmap(mem) }
