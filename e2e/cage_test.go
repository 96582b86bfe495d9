package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	coder "github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// A cage is what the unit and the image take from the server, as far as a test can
// take it without systemd and without a container: it ends at the first system call
// that the unit does not allow; and, where the test is root, it is another user in an
// empty root that nobody can write to.
type cage struct {
	Program  string   // the server, seen from within Root
	Calls    []uint32 // the numbers of the system calls that are allowed; another one is the end
	Families []uint32 // what sockets may be of
	Root     string   // empty: the test's own, and its user
}

// caged names the variable that has the test's program become the server in a cage.
const caged = "ROOST_E2E_CAGE"

func init() {
	if order := os.Getenv(caged); order != "" {
		var c cage
		err := json.Unmarshal([]byte(order), &c)
		if err == nil {
			err = c.enter()
		}
		fmt.Fprintln(os.Stderr, "cage:", err)
		os.Exit(1)
	}
}

// enter becomes the server, with an empty environment. It returns where that fails.
func (c cage) enter() error {
	runtime.LockOSThread() // the filter is this thread's
	if c.Root != "" {
		if err := enterRoot(c.Root); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	// What MemoryDenyWriteExecute does: no memory becomes executable. Kernels before 6.3 do not know it.
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil && err != unix.EINVAL {
		return fmt.Errorf("no executable memory: %w", err)
	}
	filter := c.filter()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return syscall.Exec(c.Program, append([]string{"roost"}, os.Args[1:]...), nil)
}

// enterRoot makes dir the root, read-only, and its user a nobody without capabilities.
func enterRoot(dir string) error {
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a namespace of its own", func() error { return unix.Unshare(unix.CLONE_NEWNS) }},
		{"mounts of its own", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"a mount", func() error { return unix.Mount(dir, dir, "", unix.MS_BIND, "") }},
		{"a read-only mount", func() error {
			return unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
		}},
		{"the root", func() error { return unix.Chroot(dir) }},
		{"the working directory", func() error { return unix.Chdir("/") }},
		{"a bounding set that is empty", dropCapabilities},
		{"no groups", func() error { return syscall.Setgroups(nil) }},
		{"another group", func() error { return syscall.Setresgid(nobody, nobody, nobody) }},
		{"another user", func() error { return syscall.Setresuid(nobody, nobody, nobody) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if err := os.WriteFile("/written", nil, 0o600); err == nil {
		return fmt.Errorf("the root can be written to")
	}
	return nil
}

const nobody = 65532 // the user of the image

func dropCapabilities() error {
	for n := uintptr(0); n <= unix.CAP_LAST_CAP; n++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, n, 0, 0, 0); err != nil && err != unix.EINVAL {
			return err
		}
	}
	return nil
}

// filter is the program that the kernel runs at each system call. Offsets are those of
// struct seccomp_data: the number at 0, the architecture at 4, the first argument at 16.
func (c cage) filter() []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	// unless skips the next skip instructions where what was loaded is not k.
	unless := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: k}
	}
	const end, allow = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ALLOW
	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	f := []unix.SockFilter{load(4), unless(arch, 1), {Code: unix.BPF_JMP | unix.BPF_JA, K: 1}, answer(end), load(0)}
	f = append(f, unless(unix.SYS_SOCKET, uint8(2*len(c.Families)+2)), load(16))
	for _, family := range c.Families {
		f = append(f, unless(family, 1), answer(allow))
	}
	f = append(f, answer(end))
	for _, n := range c.Calls {
		f = append(f, unless(n, 1), answer(allow))
	}
	return append(f, answer(end))
}

// unitCage is the cage that the unit makes.
func unitCage(t *testing.T) cage {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no numbers of system calls for " + runtime.GOARCH)
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter").Output()
	if err != nil {
		t.Skip("no systemd-analyze, which says what is in @system-service: ", err)
	}
	sets := map[string][]string{}
	set := ""
	for line := range strings.Lines(string(out)) {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			set = word
		case word != "" && word[0] != '#':
			sets[set] = append(sets[set], word)
		}
	}
	said := unit(t)
	allowed := map[string]bool{}
	var put func(name string, in bool)
	put = func(name string, in bool) {
		if members, ok := sets[name]; ok {
			for _, m := range members {
				put(m, in)
			}
			return
		}
		allowed[name] = in
	}
	for _, name := range said["SystemCallFilter"] {
		deny := strings.HasPrefix(name, "~")
		put(strings.TrimPrefix(name, "~"), !deny)
	}
	var c cage
	for name, n := range callNumbers(t) {
		if allowed[name] {
			c.Calls = append(c.Calls, n)
		}
	}
	if len(c.Calls) < 200 {
		t.Fatalf("%d system calls are allowed", len(c.Calls))
	}
	families := map[string]uint32{"AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6, "AF_UNIX": unix.AF_UNIX}
	for _, name := range strings.Fields(said["RestrictAddressFamilies"][0]) {
		n, ok := families[name]
		if !ok {
			t.Fatalf("the test does not know %s", name)
		}
		c.Families = append(c.Families, n)
	}
	return c
}

// callNumbers gives the number of each system call, out of the source of x/sys.
func callNumbers(t *testing.T) map[string]uint32 {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := readText(t, filepath.Join(strings.TrimSpace(string(out)), "zsysnum_linux_"+runtime.GOARCH+".go"))
	numbers := map[string]uint32{}
	for _, m := range regexp.MustCompile(`(?m)^\s*SYS_(\w+)\s*=\s*(\d+)`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		numbers[strings.ToLower(m[1])] = uint32(n)
	}
	return numbers
}

// enclosed runs f with a server that starts in the cage in place of the one without.
func enclosed(t *testing.T, c cage, f func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	order, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), "roost")
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec %s \"$@\"\n", caged, order, self)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	free := binary
	binary = wrapper
	defer func() { binary = free }()
	f()
}

// serves has a caged server do what servers do: tell a backend, let clients in, take
// and deliver messages, take a signal, and end well.
func serves(t *testing.T, c cage, config, jwt string) {
	t.Helper()
	told := make(chan string, 100)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { told <- q.Header.Get("Roost-Signature") }))
	defer backend.Close()
	yaml := "rooms:\n  - match: '*'\n    presence: true\nwebhooks:\n  url: " + backend.URL + "\n  secret: s3cret\n  events: [connect]\n"
	if err := os.WriteFile(filepath.Join(c.Root, config), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	bearer := token(t, "--sub", "alice", "--rooms", "*", "--publish", "*")
	var s *server
	enclosed(t, c, func() { s = start(t, "--config", config, "--jwt-secret-file", jwt) })
	status := readText(t, fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			t.Errorf("not so: %s", want)
		}
	}
	if c.Root != "" {
		for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
			if !strings.Contains(status, want) {
				t.Errorf("not so: %s", want)
			}
		}
	}
	if env := readText(t, fmt.Sprintf("/proc/%d/environ", s.cmd.Process.Pid)); env != "" {
		t.Errorf("the environment is %q", env)
	}
	conn, _, err := coder.Dial(t.Context(), "ws://"+s.client+"/rooms/chat.1?token="+bearer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	s.publish("chat.1", "through the bars")
	if _, b, err := conn.Read(t.Context()); err != nil || string(b) != "through the bars" {
		t.Errorf("%q, %v", b, err)
	}
	if signature := <-told; signature == "" {
		t.Error("the backend was told without a signature")
	}
	s.metric("roost_connections")
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Error(err)
	}
	s.until("it has heard SIGHUP", func() bool { return strings.Contains(s.log.String(), "read the keys again") })
	go func() { _, _, _ = conn.Read(t.Context()) }() // which answers the goodbye
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// The server does not notice what the unit forbids.
func TestDeploy_Cage_OfTheUnit(t *testing.T) {
	c := unitCage(t)
	c.Program = binary
	dir := secrets(t, "jwt-secret")
	serves(t, c, filepath.Join(dir, "roost.yaml"), filepath.Join(dir, "jwt-secret"))
}

// The server of the image needs no root, no file but its own, no environment, and
// writes nothing.
func TestDeploy_Cage_OfTheImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a root of its own and become nobody")
	}
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := probe.Run(); err != nil {
		t.Skip("root may not mount here, as in most containers: ", err)
	}
	c := unitCage(t)
	static, err := staticBinary()
	if err != nil {
		t.Fatal(err)
	}
	c.Root, c.Program = secrets(t, "jwt-secret"), "/roost"
	b, err := os.ReadFile(static)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Root, "roost"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(c.Root, "jwt-secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	serves(t, c, "/roost.yaml", "/jwt-secret")
}

// A cage without the calls that a server lives on is one: it does not come up.
func TestDeploy_Cage_IsOne(t *testing.T) {
	c := unitCage(t)
	c.Program = binary
	numbers := callNumbers(t)
	c.Calls = slices.DeleteFunc(c.Calls, func(n uint32) bool { return n == numbers["epoll_create1"] })
	enclosed(t, c, func() {
		cmd := exec.Command(binary, "serve", "--auth", "none", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
		err := cmd.Run()
		if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || ws.Signal() != syscall.SIGSYS {
			t.Errorf("it ended with %v", err)
		}
	})
}
