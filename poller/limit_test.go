package poller

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// With a low limit on open files those who are there go on, those who come are
// told, and new ones get in when some leave. The limit is a child's own.
func TestGroup_Limit_OutOfDescriptors(t *testing.T) {
	if os.Getenv("POLLER_LIMITED_CHILD") != "" {
		serveLimited(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestGroup_Limit_OutOfDescriptors$", "-test.v")
	cmd.Env = append(os.Environ(), "POLLER_LIMITED_CHILD=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		rest, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, rest)
		}
	}()
	addr := readAddr(t, out)

	var inside []net.Conn
	told := 0
	for i := 0; told < 5 && i < 300; i++ {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = c.Write([]byte("hello"))
		b := make([]byte, 32)
		n, err := c.Read(b)
		switch {
		case string(b[:n]) == "hello":
			inside = append(inside, c)
		case string(b[:n]) == "no room":
			told++
		default:
			t.Fatalf("connection %d got %q, %v", i, b[:n], err)
		}
	}
	if told < 5 || len(inside) < 20 {
		t.Fatalf("%d got in, %d were told that there is no room", len(inside), told)
	}
	for _, c := range inside {
		_, _ = c.Write([]byte("still"))
		if b := make([]byte, 5); readAll(c, b) != nil || string(b) != "still" {
			t.Fatal("one of those inside is not served")
		}
	}
	for _, c := range inside[:10] {
		_ = c.Close()
	}
	for i := range 10 {
		for try := 0; ; try++ {
			c, err := net.DialTimeout("tcp", addr, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = c.Write([]byte("hello"))
			b := make([]byte, 32)
			if n, _ := c.Read(b); string(b[:n]) == "hello" {
				break
			}
			if try > 20 {
				t.Fatalf("the %d-th does not get in though ten left", i)
			}
		}
	}
}

func readAddr(t *testing.T, r io.Reader) string {
	t.Helper()
	var text strings.Builder
	b := make([]byte, 256)
	for {
		n, err := r.Read(b)
		text.Write(b[:n])
		for line := range strings.Lines(text.String()) {
			if addr, ok := strings.CutPrefix(line, "listening "); ok && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(addr)
			}
		}
		if err != nil {
			t.Fatalf("the server said %q, %v", text.String(), err)
		}
	}
}

// serveLimited is the child: an echo server with 64 descriptors, until its
// standard input ends.
func serveLimited(t *testing.T) {
	lim := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		t.Fatal(err)
	}
	s := &server{data: echo}
	s.start(t, Config{Loops: 1, MaxOpen: 1000, Refusal: []byte("no room")})
	if _, err := os.Stdout.WriteString("\nlistening " + s.addr + "\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if s.Loops()[0].Stats.Pauses.Load() == 0 {
		t.Error("the limit was never reached")
	}
}

func TestGroup_MaxOpen_TellsThoseWhoAreTooMany(t *testing.T) {
	s := &server{data: echo}
	s.start(t, Config{Loops: 1, MaxOpen: 3, Refusal: []byte("no room")})
	for i := range 3 {
		c := s.dial()
		s.id(i)
		_, _ = c.Write([]byte("x"))
		must(t, c, 1)
	}
	for range 3 {
		c := s.dial()
		if b, err := io.ReadAll(c); string(b) != "no room" || err != nil {
			t.Errorf("one too many got %q, %v", b, err)
		}
	}
	if n := s.Loops()[0].Stats.Refused.Load(); n != 3 {
		t.Errorf("%d refused", n)
	}
}

func TestGroup_Listen_TakenPortIsNamed(t *testing.T) {
	s := new(server).start(t, Config{Loops: 2})
	_, err := NewGroup(Config{Listen: []string{s.addr}, New: func(*Loop) (Handler, Worker) { return nil, nil }})
	if err == nil || !strings.Contains(err.Error(), s.addr) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second group on %s: %v", s.addr, err)
	}
}
