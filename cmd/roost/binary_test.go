package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestBinary_Version_ByLinker(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "roost v1.2.3-test, commit ") || !strings.Contains(string(out), ", go1.") {
		t.Errorf("%v: %s", err, out)
	}
}

// A signal drains and ends with 0; SIGHUP ends nothing.
func TestBinary_Serve_StopsAsAsked(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := begin(t, nil, "--auth=none")
		if status, body := get("http://" + p.client() + "/healthz"); status != 200 {
			t.Errorf("/healthz: %d %s", status, body)
		}
		p.waitFor("ready", func() bool { status, _ := get("http://" + p.admin() + "/readyz"); return status == 200 })
		p.signal(syscall.SIGHUP)
		p.waitFor("a line for SIGHUP", func() bool { return strings.Contains(p.logged(), "read the rules of rooms again") })
		if status, _ := get("http://" + p.admin() + "/healthz"); status != 200 {
			t.Errorf("after SIGHUP /healthz is %d", status)
		}
		p.signal(sig)
		if status := p.ends(); status != statusOK || !strings.Contains(p.logged(), `"msg":"stopped"`) {
			t.Errorf("after %v: status %d\n%s", sig, status, p.logged())
		}
		if p.printed() != "" {
			t.Errorf("on stdout: %s", p.printed())
		}
	}
}

// During a drain the API answers, not ready, and clients hear 1001; it closes last.
func TestBinary_Serve_DrainsThenClosesTheAPI(t *testing.T) {
	p := begin(t, nil, "--auth=none", "--drain-timeout=2s")
	c, err := dial(t, "ws://"+p.client()+"/rooms/a", "")
	if err != nil {
		t.Fatal(err)
	}
	mute := silent(t, p)
	p.signal(syscall.SIGTERM)
	p.waitFor("not ready", func() bool { status, _ := get("http://" + p.admin() + "/readyz"); return status == 503 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _, err = c.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 1001 || !strings.HasPrefix(closed.Reason, "retry=") {
		t.Errorf("the client hears %v", err)
	}
	// One who does not answer is cut off when the time is over; that is no failure.
	if status := p.ends(); status != statusOK {
		t.Errorf("status %d\n%s", status, p.logged())
	}
	mute.Close()
	if status, _ := get("http://" + p.admin() + "/healthz"); status != 0 {
		t.Errorf("after the end the API answers %d", status)
	}
}

// The command has the server end as a signal does, over the time that it says; a signal
// meanwhile changes nothing, and the next one ends it at once.
func TestBinary_Drain(t *testing.T) {
	p := begin(t, []string{"ROOST_ADMIN_SECRET=s3cret"}, "--auth=none")
	c, err := dial(t, "ws://"+p.client()+"/rooms/a", "")
	if err != nil {
		t.Fatal(err)
	}
	status, _, stderr := invoke([]string{"drain", "--admin=" + p.admin()}, nil)
	if status != statusFailed || !strings.Contains(stderr, "roost: drain: "+p.admin()+" says ") {
		t.Errorf("without the secret: status %d, %s", status, stderr)
	}
	type end struct {
		status      int
		out, stderr string
	}
	ended := make(chan end, 1)
	go func() {
		status, out, stderr := invoke([]string{"drain", "--admin=" + p.admin(), "--over=2s"}, []string{"ROOST_ADMIN_SECRET=s3cret"})
		ended <- end{status, out, stderr}
	}()
	p.waitFor("not ready", func() bool { status, _ := get("http://" + p.admin() + "/readyz"); return status == 503 })
	if status, _, stderr := invoke([]string{"drain", "--admin=" + p.admin()}, []string{"ROOST_ADMIN_SECRET=s3cret"}); status != statusFailed || !strings.Contains(stderr, "draining already") {
		t.Errorf("a second one: status %d, %s", status, stderr)
	}
	p.signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _, err = c.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 1001 || !strings.HasPrefix(closed.Reason, "retry=") {
		t.Errorf("the client hears %v", err)
	}
	if status := p.ends(); status != statusOK {
		t.Errorf("status %d\n%s", status, p.logged())
	}
	if e := <-ended; e.status != statusOK || e.stderr != "" || !strings.HasPrefix(e.out, "draining 1 connections\n") || !strings.HasSuffix(e.out, "the server has ended\n") {
		t.Errorf("the command: %+v", e)
	}
	if status, _, stderr := invoke([]string{"drain", "--admin=" + p.admin()}, nil); status != statusFailed || !strings.Contains(stderr, "no server answers") {
		t.Errorf("afterwards: status %d, %s", status, stderr)
	}
}

func TestBinary_Serve_SecondSignalEndsAtOnce(t *testing.T) {
	p := begin(t, nil, "--auth=none", "--drain-timeout=1h")
	silent(t, p)
	p.signal(syscall.SIGTERM)
	p.waitFor("stopping", func() bool { return strings.Contains(p.logged(), `"msg":"stopping"`) })
	p.waitFor("not ready", func() bool { status, _ := get("http://" + p.admin() + "/readyz"); return status == 503 })
	p.signal(syscall.SIGINT)
	if status := p.ends(); status != statusFailed || !strings.Contains(p.logged(), "a second signal: ending at once") {
		t.Errorf("status %d\n%s", status, p.logged())
	}
}

func TestBinary_Serve_PortTaken(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	for _, args := range [][]string{{"--listen=" + taken, "--admin=127.0.0.1:0"}, {"--listen=127.0.0.1:0", "--admin=" + taken}} {
		cmd := exec.Command(path, append([]string{"serve", "--auth=none"}, args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != statusFailed || !strings.Contains(stderr.String(), "listen at "+taken+": address is in use") {
			t.Errorf("%q: status %d\n%s", args, cmd.ProcessState.ExitCode(), &stderr)
		}
	}
}

func TestBinary_Serve_WrongUsage(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"serve --redis redis://x":  "roost: unknown flag --redis\nsee roost serve --help\n",
		"serve":                    "roost: --jwt-secret: " + noSecret + "\nsee roost serve --help\n",
		"serve --config=/nowhere":  "roost: --config: open /nowhere: no such file or directory\nsee roost serve --help\n",
		"serve --check --loops=99": "roost: --loops: 99 is out of range: 1 to 64 would be right\nsee roost serve --help\n",
	} {
		cmd := exec.Command(path, strings.Fields(args)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != statusUsage || stderr.String() != want {
			t.Errorf("%s: status %d\n%s", args, cmd.ProcessState.ExitCode(), &stderr)
		}
	}
}

// The soft limit on open files is raised, and what comes of it is logged.
func TestBinary_Serve_RaisesFileLimit(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := beginCommand(t, nil, exec.Command("sh", "-c",
		`ulimit -Sn 200; ulimit -Hn 4000; exec "$0" serve --auth=none --listen=127.0.0.1:0 --admin=127.0.0.1:0 --log-format=json`, path))
	files, conns := p.start["open_files"], p.start["max_connections"]
	if files != 4000.0 || conns.(float64) < 3000 || conns.(float64) >= 4000 {
		t.Errorf("open files %v, connections %v\n%s", files, conns, p.logged())
	}
}

// A log that nobody reads any more does not end the server.
// GOMEMLIMIT goes before what a cgroup says.
func TestBinary_Serve_MemoryLimit(t *testing.T) {
	p := begin(t, []string{"GOMEMLIMIT=123MiB"}, "--auth=none")
	if _, metrics := get("http://" + p.admin() + "/metrics"); !strings.Contains(metrics, "\ngo_gc_gomemlimit_bytes 1.28974848e+08\n") {
		t.Error("it is not in force")
	}
}

func TestBinary_Serve_OutlivesItsLog(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "serve", "--auth=none", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json")
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var start map[string]any
	if line, err := bufio.NewReader(r).ReadBytes('\n'); err != nil || json.Unmarshal(line, &start) != nil {
		t.Fatalf("the first line is %s, %v", line, err)
	}
	r.Close()
	_ = cmd.Process.Signal(syscall.SIGHUP) // it logs a line
	for end := time.Now().Add(patience); ; {
		status, body := get("http://" + start["admin"].(string) + "/healthz")
		if status == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("/healthz: %d %s", status, body)
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// What --dev prints works as it stands: the URL brings the ticker, the admin
// page's Origin comes in, and what is published arrives.
func TestBinary_Dev_WorksAsPrinted(t *testing.T) {
	p := begin(t, nil, "--dev")
	p.waitFor("the lines for pasting", func() bool { return strings.Contains(p.printed(), "/v1/rooms/chat.1/publish") })
	find := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(p.printed())
		if m == nil {
			t.Fatalf("no %s in\n%s", pattern, p.printed())
		}
		return m[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	page := find(`admin +(http://\S+)/\n`)
	if page != "http://"+p.admin() {
		t.Errorf("the page is at %s, the API at %s", page, p.admin())
	}
	c, err := dial(t, find(`client +(ws://\S+/rooms/ticker\.NORD\?token=\S+)`), page)
	if err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(ctx); err != nil || !json.Valid(data) {
		t.Errorf("the ticker says %q, %v", data, err)
	}
	url := find(`wscat -c '(ws://\S+/rooms/chat\.1\?token=\S+)'`)
	if _, err := dial(t, url, "http://evil.example"); err == nil || !strings.HasPrefix(err.Error(), "403") {
		t.Errorf("another's page: %v", err)
	}
	if _, err := dial(t, strings.Split(url, "?")[0], ""); err == nil || !strings.HasPrefix(err.Error(), "401") {
		t.Errorf("without a token: %v", err)
	}
	if c, err = dial(t, url, ""); err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(find(`curl -d 'hello' (http://\S+)`), "application/x-www-form-urlencoded", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if kind, data, err := c.Read(ctx); res.StatusCode != 200 || err != nil || kind != websocket.MessageText || string(data) != "hello" {
		t.Errorf("published with %s: %v %q, %v", res.Status, kind, data, err)
	}
}

// A token that the command makes is one that the server takes; neither it nor a
// secret stands in a log of whatever level, come it in as it may.
func TestBinary_Serve_TakesTokens_LogsNone(t *testing.T) {
	file := writeFile(t, "roost.yaml", "jwt-secret: "+goodSecret+"\nadmin-secret: hunter22\ntoken-cookie: sid\n")
	p := begin(t, nil, "--config="+file, "--log-level=debug", "--debug")
	status, stdout, stderr := invoke([]string{"token", "--config", file, "--sub", "alice", "--rooms", "chat.*"}, nil)
	if status != statusOK {
		t.Fatal(stderr)
	}
	token := strings.TrimSpace(stdout)
	base := "ws://" + p.client() + "/rooms/"
	if c, err := dial(t, base+"chat.1?token="+token, ""); err != nil {
		t.Errorf("with the token: %v", err)
	} else {
		_ = c.CloseNow() // nobody would answer a goodbye
	}
	if _, err := dial(t, base+"other?token="+token, ""); err == nil || !strings.HasPrefix(err.Error(), "403") {
		t.Errorf("another room: %v", err)
	}
	for _, bad := range []string{token + "x", "x" + token, strings.Repeat(token, 3), "hunter22"} {
		if _, err := dial(t, base+"chat.1?token="+bad, ""); err == nil {
			t.Errorf("a bad token is taken")
		}
	}
	for _, header := range []string{"Authorization: Bearer " + token, "Sec-WebSocket-Protocol: bearer." + token, "Cookie: sid=" + token, "X-Other: " + token} {
		c, err := net.Dial("tcp", p.client())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "GET /rooms/chat.1?ticket=%s HTTP/1.1\r\nHost: x\r\n%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", token, header)
		_, _ = c.Read(make([]byte, 1024))
		c.Close()
	}
	for _, secret := range []string{"hunter22", "wrong", token} {
		q, _ := http.NewRequest("POST", "http://"+p.admin()+"/v1/rooms/chat.1/publish?token="+token, strings.NewReader("x"))
		q.Header.Set("Authorization", "Bearer "+secret)
		if res, err := http.DefaultClient.Do(q); err == nil {
			res.Body.Close()
		}
	}
	p.signal(syscall.SIGTERM)
	if status := p.ends(); status != statusOK {
		t.Errorf("status %d\n%s", status, p.logged())
	}
	for _, secret := range []string{token, strings.Split(token, ".")[1], strings.Split(token, ".")[2], goodSecret, "hunter22"} {
		if strings.Contains(p.logged(), secret) || strings.Contains(p.printed(), secret) {
			t.Errorf("%s stands in\n%s%s", secret, p.logged(), p.printed())
		}
	}
}
