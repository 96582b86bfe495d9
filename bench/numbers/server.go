package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/roostws/roost/certs/certstest"
)

// server is what is measured.
type server string

const (
	floor         server = "floor"
	roost         server = "roost"
	roostJWT      server = "roost with tokens"
	roostPresence server = "roost with tokens and presence"
	roostTLS      server = "roost by TLS"
	roostTLSJWT   server = "roost by TLS with tokens"
)

// column is under whose name its figures stand.
func (s server) column() string {
	if s == floor {
		return "floor"
	}
	return "roost"
}

// secret is of the tokens' signatures; HS256 wants 32 bytes.
const secret = "a secret of the benchmarks alone, 44 bytes.."

// instance is a server that runs.
type instance struct {
	clients, admin int             // ports; the floor has no admin
	gate           *certstest.Gate // where the load comes by TLS: clients is its port
	cmd            *exec.Cmd
	said           tail
	ended          chan struct{}
}

// bootTime is how long a server may take until it answers, and settleTime how
// long it then has to itself, so that what its start cost is not measured.
const (
	bootTime   = 10 * time.Second
	settleTime = 300 * time.Millisecond
)

// start runs s and returns when it answers.
func (s server) start(ctx context.Context, p programs) (*instance, error) {
	in := &instance{clients: freePort(), ended: make(chan struct{})}
	args := []string{p.floor, fmt.Sprint(in.clients)}
	if s != floor {
		in.admin = freePort()
		listen := in.address(in.clients)
		if s == roostTLS || s == roostTLSJWT {
			listen = "tls://" + listen
		}
		args = []string{p.roost, "serve", "--listen", listen, "--admin", in.address(in.admin), "--echo", "--debug"}
		if s == roostTLS || s == roostTLSJWT {
			args = append(args, "--tls-cert", p.cert, "--tls-key", p.key)
		}
		switch s {
		case roost, roostTLS:
			args = append(args, "--auth", "none")
		case roostPresence:
			args = append(args, "--config", p.presence)
			fallthrough
		default:
			args = append(args, "--auth", "jwt", "--jwt-secret", secret)
		}
	}
	in.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	in.cmd.Stdout, in.cmd.Stderr = &in.said, &in.said
	in.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := in.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = in.cmd.Wait()
		close(in.ended)
	}()
	if err := in.await(ctx); err != nil {
		in.stop()
		return nil, fmt.Errorf("%w; it said: %s", err, in.said.text())
	}
	if s == roostTLS || s == roostTLSJWT {
		g, err := certstest.OpenGate(in.address(in.clients))
		if err != nil {
			in.stop()
			return nil, err
		}
		in.gate, in.clients = g, g.Addr().Port
	}
	return in, nil
}

func (in *instance) address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (in *instance) await(ctx context.Context) error {
	for deadline := time.Now().Add(bootTime); !in.answers(); {
		select {
		case <-in.ended:
			return fmt.Errorf("it ended: %v", in.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not answer within %v", bootTime)
		}
	}
	select {
	case <-in.ended:
		return fmt.Errorf("it ended: %v", in.cmd.ProcessState)
	case <-time.After(settleTime):
		return nil
	}
}

func (in *instance) answers() bool {
	c, err := net.DialTimeout("tcp", in.address(in.clients), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	if in.admin == 0 {
		return true
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + in.address(in.admin) + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// stop ends it at once: its clients have left by then, and there is nothing to save.
func (in *instance) stop() {
	if in.gate != nil {
		in.gate.Close()
	}
	_ = in.cmd.Process.Kill()
	<-in.ended
}

// freePort is below the range that clients' ports come from.
func freePort() int {
	for range 200 {
		port := 20000 + rand.IntN(12000)
		if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	panic(errors.New("no port is free between 20000 and 32000"))
}

// tail keeps the last of what a program said.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailSize = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(b), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := strings.TrimSpace(string(t.last)); s != "" {
		return s
	}
	return "nothing"
}
