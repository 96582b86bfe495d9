package hostile

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slow also runs what takes a minute.
var slow = flag.Bool("slow", false, "also the attacks that take a minute")

// program is the server, built once for all tests.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "roost-hostile")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "roost")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/roostws/roost/cmd/roost").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A server is a running roost.
type server struct {
	cmd    *exec.Cmd
	client string      // host:port for clients
	admin  string      // and for services
	trust  *tls.Config // how clients speak TLS; nil: they do not
	cert   string      // the file of the certificate that it shows; empty: none
	key    string      // and of its key
	proxy  string      // the PROXY header that clients come behind; empty: none
	offer  string      // the extensions that clients offer; empty: none
	log    output
	done   chan struct{}
}

// output gathers what a process says.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// rules are the rooms' in most tests.
const rules = `rooms:
  - match: "team.*"
    presence: true
  - match: "doc.*"
    document: json
  - match: "bid.*"
    schema: bid.json
  - match: "ticker.*"
    slow: conflate
  - match: "drop.*"
    slow: drop
  - match: "few.*"
    max_members: 2
  - match: "services.*"
    publish: services
`

// serving is the line of the log that says where the server is.
var serving = regexp.MustCompile(`msg=serving listen=(?:tls://)?(\S+) admin=(\S+) `)

// start runs roost serve until the test ends, which it must survive: asked to end
// it does, with status 0. Limit is its ulimit -n; 0: that of the test. Where args say
// nothing else, clients come without TLS.
func start(t *testing.T, limit int, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"roost.yaml": rules, "bid.json": `{"type":"object","required":["price"]}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append([]string{program, "serve", "--config", filepath.Join(dir, "roost.yaml"), "--admin", "127.0.0.1:0",
		"--debug", "--echo", "--drain-timeout", "1s"}, args...)
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if limit > 0 {
		args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, limit)}, args...)
	}
	s := &server{done: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() { s.end(t) })
	if !eventually(20*time.Second, func() bool {
		at := serving.FindStringSubmatch(s.log.String())
		if at != nil {
			s.client, s.admin = at[1], at[2]
		}
		return at != nil || !s.running()
	}) || !s.running() {
		t.Fatalf("the server is not ready:\n%s", &s.log)
	}
	return s
}

func (s *server) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// end asks the server to end, and sees that it does so well.
func (s *server) end(t *testing.T) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the server ended with status %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server does not end")
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	log := s.log.String()
	if strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
		t.Error("the log tells of a panic")
	}
	if t.Failed() {
		t.Logf("the end of the server's log:\n%s", log[max(0, len(log)-4000):])
	}
}

// eventually waits for something at most so long.
func eventually(most time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(most); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// client keeps no connections: they would count among the server's.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// call calls the API and gives its status and body.
func (s *server) call(method, path, body string) (int, string) {
	q, err := http.NewRequest(method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	q.Header.Set("Authorization", "Bearer "+adminSecret)
	resp, err := client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// metrics are the lines of /metrics, by name with labels.
func (s *server) metrics() (map[string]float64, error) {
	status, body := s.call("GET", "/metrics", "")
	if status != 200 {
		return nil, fmt.Errorf("metrics: %d %.100s", status, body)
	}
	all := map[string]float64{}
	for line := range strings.Lines(body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			all[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return all, nil
}

// memory is a line of /proc/PID/status, in bytes: VmRSS, or VmHWM for the most
// since forgetPeak.
func (s *server) memory(name string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}

func (s *server) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}

// descriptors counts the server's open files.
func (s *server) descriptors() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	return len(list)
}
