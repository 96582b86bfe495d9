package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// warm has the kernel map the program's code and constants at once. Else each page of them comes with
// the first connection that needs it, in some hundred faults while a herd is at the
// door, and counts for what the connections cost. It takes no memory that the page
// cache does not hold already. Where the kernel cannot (before 5.14), nothing happens.
func warm() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		from, size, ok := programAt(lines.Text(), self)
		if ok {
			// An error: the kernel is older.
			_, _, _ = syscall.Syscall(unix.SYS_MADVISE, from, size, unix.MADV_POPULATE_READ)
		}
	}
}

// programAt gives where a part of the program lies that never changes, if a line of
// /proc/self/maps says so: FROM-TO r-xp OFFSET DEVICE INODE PATH.
func programAt(line, program string) (from, size uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[1] != "r-xp" && fields[1] != "r--p" || fields[5] != program {
		return 0, 0, false
	}
	begin, end, _ := strings.Cut(fields[0], "-")
	const width = int(unsafe.Sizeof(uintptr(0))) * 8
	a, errA := strconv.ParseUint(begin, 16, width)
	b, errB := strconv.ParseUint(end, 16, width)
	if errA != nil || errB != nil || b <= a {
		return 0, 0, false
	}
	return uintptr(a), uintptr(b - a), true
}
