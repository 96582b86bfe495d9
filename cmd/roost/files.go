package main

import "golang.org/x/sys/unix"

// raiseFileLimit raises the soft limit on open files to the hard one and gives
// what it is now. Go does so itself, but for one (Go 1.26, syscall/rlimit.go).
func raiseFileLimit() uint64 {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 0
	}
	if lim.Cur < lim.Max {
		raised := unix.Rlimit{Cur: lim.Max, Max: lim.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			return raised.Cur
		}
	}
	return lim.Cur
}
