package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the server, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "roost-e2e")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "roost")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/roostws/roost/cmd/roost").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A server is a running roost.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	client string // host:port for clients
	admin  string // and for services
	log    *output
	out    *output
	done   chan struct{}
	err    error
}

// output gathers what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
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

// freePort finds a port that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// serving is the line of the log that says where the server is.
var serving = regexp.MustCompile(`msg=serving listen=(\S+) admin=(\S+) `)

// start runs roost serve, at free ports, until the test ends.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, log: new(output), out: new(output), done: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.err = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() {
		if s.running() {
			_ = s.cmd.Process.Kill()
			<-s.done
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
	})
	s.until("it is ready", func() bool {
		if !s.running() {
			t.Fatalf("the server ended: %v\n%s", s.err, s.log)
		}
		at := serving.FindStringSubmatch(s.log.String())
		if at == nil {
			return false
		}
		s.client, s.admin = at[1], at[2]
		resp, err := http.Get("http://" + s.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == 200
	})
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

func (s *server) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited too long until %s", what)
		}
	}
}

// stop asks the server to end and gives its exit status.
func (s *server) stop(sig syscall.Signal) int {
	s.t.Helper()
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(40 * time.Second):
		s.t.Fatal("the server does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// post calls the API.
func (s *server) post(path, contentType, body string) (int, string) {
	s.t.Helper()
	resp, err := http.Post("http://"+s.admin+path, contentType, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	return answer(s.t, resp)
}

func (s *server) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer(s.t, resp)
}

func answer(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (s *server) publish(room, text string) {
	s.t.Helper()
	if status, body := s.post("/v1/rooms/"+room+"/publish", "text/plain", text); status != 200 {
		s.t.Fatalf("publish: %d %s", status, body)
	}
}

// stats gives a number of /v1/stats.
func (s *server) stats(name string) float64 {
	s.t.Helper()
	_, body := s.get("/v1/stats")
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		s.t.Fatalf("stats: %v in %s", err, body)
	}
	n, ok := all[name].(float64)
	if !ok {
		s.t.Fatalf("no number %s in %s", name, body)
	}
	return n
}

// metric gives a line of /metrics, by its name with labels.
func (s *server) metric(name string) string {
	s.t.Helper()
	_, body := s.get("/metrics")
	sc := bufio.NewScanner(strings.NewReader(body))
	for sc.Scan() {
		if v, ok := strings.CutPrefix(sc.Text(), name+" "); ok {
			return v
		}
	}
	s.t.Fatalf("no metric %s", name)
	return ""
}

// run runs roost to its end.
func run(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}
