package bench

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestProcess_Self(t *testing.T) {
	p := Process{Pid: os.Getpid()}
	before, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 100*time.Millisecond; {
	}
	after, err := p.CPU()
	if err != nil || after-before < 20*time.Millisecond || after-before > 5*time.Second {
		t.Errorf("%v within 100 ms of work, %v", after-before, err)
	}
	if user, err := p.User(); err != nil || user <= 0 {
		t.Errorf("user time %v, %v", user, err)
	}
	kept := make([]byte, 32<<20)
	m, _ := p.Memory()
	for i := range kept {
		kept[i] = 1
	}
	more, err := p.Memory() // the race detector takes some for itself
	if grown := more.RSS - m.RSS; err != nil || grown < 28<<20 || grown > 200<<20 || more.Anon > more.RSS {
		t.Errorf("32 MiB are %d bytes of RSS, %v", grown, err)
	}
	if kept[5] != 1 {
		t.Error("kept alive")
	}
	if n, err := p.Fds(); err != nil || n < 3 {
		t.Errorf("%d files, %v", n, err)
	}
}

func TestProcess_Descendants(t *testing.T) {
	c := exec.Command("sh", "-c", "read x; exit 0")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(Process{Pid: os.Getpid()}.pids(), c.Process.Pid) {
		t.Error("a child is not counted")
	}
	_ = in.Close()
	_ = c.Wait()
	p := Process{Pid: c.Process.Pid}
	_, errCPU := p.CPU()
	_, errMemory := p.Memory()
	_, errFds := p.Fds()
	for _, err := range []error{errCPU, errMemory, errFds} {
		if err == nil || !strings.Contains(err.Error(), "has it ended?") {
			t.Errorf("of a process that ended: %v", err)
		}
	}
}
