package main

import (
	"bufio"
	"os"
	"testing"
)

func TestProgramAt(t *testing.T) {
	for line, want := range map[string][2]uintptr{
		"00400000-00c01000 r-xp 00000000 08:01 1234       /usr/bin/roost": {0x400000, 0x801000},
		"00c01000-01400000 r--p 00801000 08:01 1234       /usr/bin/roost": {0xc01000, 0x7ff000},
		"01400000-01500000 rw-p 01000000 08:01 1234       /usr/bin/roost": {},
		"00400000-00c01000 r-xp 00000000 08:01 1234       /usr/bin/other": {},
		"7ffd1000-7ffd3000 r-xp 00000000 00:00 0                  [vdso]": {},
		"zz-00c01000 r-xp 00000000 08:01 1234             /usr/bin/roost": {},
		"00c01000-00400000 r-xp 00000000 08:01 1234       /usr/bin/roost": {},
		"": {},
	} {
		from, size, ok := programAt(line, "/usr/bin/roost")
		if ok != (want[1] != 0) || from != want[0] || size != want[1] {
			t.Errorf("%q: %x, %x, %v", line, from, size, ok)
		}
	}
}

// This program's own code is found, and mapping it harms nothing.
func TestWarm(t *testing.T) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Skip(err)
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	found := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		_, _, ok := programAt(lines.Text(), self)
		found = found || ok
	}
	if !found {
		t.Error("no code is found")
	}
	warm()
}
