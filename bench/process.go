package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const tick = time.Second / 100

// Process reads what a process and its descendants use. It holds nothing open.
type Process struct{ Pid int }

// Memory is in bytes.
type Memory struct {
	RSS  int64
	Anon int64 // the part of RSS that is no file's
}

// pids are the process and its descendants that live.
func (p Process) pids() []int {
	all := []int{p.Pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for f := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(f); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all
}

func (p Process) gone(err error) error {
	return fmt.Errorf("server process %d cannot be read, has it ended? %w", p.Pid, err)
}

// CPU is the user and system time used so far: in nanoseconds where the kernel
// keeps schedstat, else in steps of 10 ms. A thread that ended takes its part along.
func (p Process) CPU() (time.Duration, error) {
	var sum time.Duration
	for i, pid := range p.pids() {
		d, ok := schedstat(pid)
		if !ok {
			user, system, err := times(pid)
			if err != nil && i == 0 {
				return 0, p.gone(err)
			}
			d = user + system
		}
		sum += d
	}
	return sum, nil
}

// schedstat sums the threads' time on a processor, the first number of each one's file.
func schedstat(pid int) (sum time.Duration, ok bool) {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, false
	}
	for _, t := range tasks {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/schedstat")
		if err != nil {
			continue
		}
		first, _, _ := bytes.Cut(text, []byte(" "))
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			continue
		}
		sum += time.Duration(n)
		ok = true
	}
	return sum, ok && sum > 0
}

// User is the user time used so far. How the kernel splits its exact sum into
// user and system time is sampled: it takes a second or more to be good.
func (p Process) User() (sum time.Duration, err error) {
	for i, pid := range p.pids() {
		user, _, err := times(pid)
		if err != nil && i == 0 {
			return 0, p.gone(err)
		}
		sum += user
	}
	return sum, nil
}

func times(pid int) (user, system time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The command's name is in brackets, and may have brackets and spaces itself.
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) < 13 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	u, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, 0, err
	}
	s, err := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(u) * tick, time.Duration(s) * tick, err
}

// Memory is read from smaps_rollup, which walks the page table: the counters in
// status are kept by processor since Linux 6.2 and may be hundreds of KB off.
// Where smaps_rollup may not be read, they have to do.
func (p Process) Memory() (m Memory, err error) {
	for i, pid := range p.pids() {
		names := [2]string{"Rss", "Anonymous"}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			names = [2]string{"VmRSS", "RssAnon"}
			text, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		}
		if err != nil && i == 0 {
			return Memory{}, p.gone(err)
		}
		m.RSS += kilobytes(text, names[0])
		m.Anon += kilobytes(text, names[1])
	}
	return m, nil
}

// kilobytes finds a line "Name:   123 kB" and returns its bytes, 0 where there is none.
func kilobytes(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		if string(key) != name {
			continue
		}
		n, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 10, 64)
		return n << 10
	}
	return 0
}

// Fds is the number of open files. Since Linux 6.2 it is the directory's size,
// which costs nothing to ask; before, each file is listed.
func (p Process) Fds() (n int, err error) {
	for i, pid := range p.pids() {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		st, err := os.Stat(dir)
		switch {
		case err != nil && i == 0:
			return 0, p.gone(err)
		case err != nil:
		case st.Size() > 0:
			n += int(st.Size())
		default:
			list, _ := os.ReadDir(dir)
			n += len(list)
		}
	}
	return n, nil
}
