package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long a test waits for what takes milliseconds.
const patience = 20 * time.Second

// binary builds the command once, as the Makefile does, and gives its path.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if binaryDir, err = os.MkdirTemp("", "roost-test"); err != nil {
		return "", err
	}
	path := filepath.Join(binaryDir, "roost")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version=v1.2.3-test", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// binaryDir is where it was built; empty: it was not needed.
var binaryDir string

func TestMain(m *testing.M) {
	status := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(status)
}

// A process is a running serve.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	wait  func() error // as cmd.Wait, any number of times
	start map[string]any

	mu     sync.Mutex
	stdout strings.Builder
	stderr strings.Builder
}

// begin starts serve at free ports and waits until it serves.
func begin(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json"}, args...)
	return beginCommand(t, env, exec.Command(path, args...))
}

func beginCommand(t *testing.T, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd}
	p.cmd.Env = append(os.Environ(), env...)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	serving := make(chan map[string]any, 1)
	keep := func(from io.Reader, to *strings.Builder) {
		for lines := bufio.NewScanner(from); lines.Scan(); {
			p.mu.Lock()
			to.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "serving" {
				serving <- line
			}
		}
	}
	read.Go(func() { keep(stdout, &p.stdout) })
	read.Go(func() { keep(stderr, &p.stderr) })
	p.wait = sync.OnceValue(func() error {
		read.Wait()
		return p.cmd.Wait()
	})
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.wait()
	})
	ended := make(chan struct{})
	go func() {
		read.Wait()
		close(ended)
	}()
	select {
	case p.start = <-serving:
	case <-ended:
		t.Fatalf("it ended: %v\n%s", p.wait(), p.logged())
	case <-time.After(patience):
		t.Fatalf("it does not serve:\n%s", p.logged())
	}
	return p
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String()
}

func (p *process) client() string { return p.start["listen"].(string) }
func (p *process) admin() string  { return p.start["admin"].(string) }

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end and gives the exit status; -1 for the end by a signal.
func (p *process) ends() int {
	p.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.wait() }()
	select {
	case <-ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("it does not end:\n%s", p.logged())
		return 0
	}
}

// waitFor waits until f is true.
func (p *process) waitFor(what string, f func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not in time: %s\n%s", what, p.logged())
		}
	}
}

// get gives the status and body of a plain request; 0 where there is no answer.
func get(url string) (int, string) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// dial connects a WebSocket client; err holds the status where it is refused.
func dial(t *testing.T, url, origin string) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	opts := &websocket.DialOptions{}
	if origin != "" {
		opts.HTTPHeader = http.Header{"Origin": {origin}}
	}
	c, res, err := websocket.Dial(ctx, url, opts)
	if err != nil {
		if res != nil {
			return nil, errors.New(res.Status)
		}
		return nil, err
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, nil
}

// silent is a client that never answers a goodbye, so that a drain takes all its time.
func silent(t *testing.T, p *process) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.client())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /rooms/a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, " 101 ") {
		t.Fatalf("the upgrade is answered %q, %v", line, err)
	}
	return c
}
