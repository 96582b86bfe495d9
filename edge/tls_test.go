package edge

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/roostws/roost/certs/certstest"
	"github.com/roostws/roost/poller"
)

// overTLS is a server that speaks TLS, and its own address.
func overTLS(t *testing.T, cfg Config) *fixture {
	t.Helper()
	cfg.Listen, cfg.Echo = []string{"tls://127.0.0.1:0"}, true
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{certstest.New(certstest.Options{}).TLS}}
	return serve(t, cfg, nil)
}

// overTLS makes a connection by TLS, behind what begins it, and asks for /echo on it.
func (f *fixture) overTLS(header string, more ...string) *raw {
	f.t.Helper()
	c := f.raw()
	c.send(header)
	c.Conn = tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
	c.r.Reset(c.Conn)
	c.send(ask("/echo") + strings.Join(more, ""))
	return c
}

func TestServer_TLS_ProxyProtocol(t *testing.T) {
	f := overTLS(t, Config{ProxyProtocol: true, TrustedProxies: []string{"127.0.0.1"}, MaxPerAddress: 1})
	const header = "PROXY TCP4 203.0.113.7 127.0.0.1 4000 8080\r\n"
	c := f.overTLS(header)
	if status, body := c.status(); status != 101 {
		t.Fatalf("%d %s", status, body)
	}
	list, _, _ := f.Connections(t.Context(), "", 10)
	if len(list) != 1 || list[0].Remote.String() != "203.0.113.7:4000" {
		t.Errorf("clients %+v", list)
	}
	if status, _ := f.overTLS(header).status(); status != 429 {
		t.Errorf("the same client again: %d", status)
	}
	// Header and hello in one piece, torn anywhere.
	for _, size := range []int{1, 7, 1000} {
		here, there := net.Pipe()
		shaken := make(chan error, 1)
		go func() { shaken <- tls.Client(there, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
		hello := make([]byte, 4000)
		n, err := here.Read(hello)
		if err != nil {
			t.Fatal(err)
		}
		whole := "PROXY TCP4 203.0.113.8 127.0.0.1 4000 8080\r\n" + string(hello[:n])
		c := f.raw()
		for at := 0; at < len(whole); at += size {
			c.send(whole[at:min(at+size, len(whole))])
		}
		go func() { _, _ = io.Copy(here, c) }()
		go func() { _, _ = io.Copy(c, here) }()
		if err := <-shaken; err != nil {
			t.Errorf("in pieces of %d: %v", size, err)
		}
		_ = c.Close()
		_, _ = here.Close(), there.Close()
	}
	// Without the header nothing is said: it would be in the clear.
	bare := f.raw()
	bare.send("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
	if b, err := io.ReadAll(bare); len(b) > 0 || err != nil {
		t.Errorf("without the header: %q, %v", b, err)
	}
}

func TestServer_TLS_MaxPerAddress(t *testing.T) {
	f := overTLS(t, Config{MaxPerAddress: 1})
	c := f.overTLS("")
	if status, _ := c.status(); status != 101 {
		t.Fatal(status)
	}
	if status, body := f.overTLS("").status(); status != 429 || !strings.Contains(body, "rate_limited") {
		t.Errorf("one more: %d %s", status, body)
	}
}

func TestServer_TLS_InTheClear(t *testing.T) {
	f := overTLS(t, Config{})
	c := f.raw()
	c.send(ask("/echo"))
	status, body := c.status()
	var said struct{ Error, Message string }
	if err := json.Unmarshal([]byte(body), &said); status != 400 || err != nil || said.Error != "bad_request" || !strings.Contains(said.Message, "wss://") {
		t.Errorf("%d %s, %v", status, body, err)
	}
	f.until("it is counted", func() bool {
		for _, n := range f.Stats().TLS {
			if n.Label == "plain" && n.N == 1 {
				return true
			}
		}
		return false
	})
}

// Who begins a record and does not end it is one who begins a message and does not.
func TestServer_TLS_SlowRecord(t *testing.T) {
	f := overTLS(t, Config{Heartbeat: time.Second, HeartbeatTimeout: 3600 * time.Second})
	c := f.raw()
	raw := c.Conn
	c.Conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	c.r.Reset(c.Conn)
	c.send(ask("/echo"))
	if status, _ := c.status(); status != 101 {
		t.Fatal(status)
	}
	if _, err := raw.Write([]byte{23, 3, 3, 1, 0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	l := f.loops[0]
	done := make(chan bool, 1)
	f.until("it has come", func() bool {
		if err := f.group.Loops()[0].Post(poller.Post{Arg: func() {
			s, _ := l.Next(0)
			_, n, ok := l.Unfinished(s)
			done <- ok && n == 8 && !l.lateRecord(s, l.Second()+messageTimeout) && l.lateRecord(s, l.Second()+messageTimeout+2)
		}}); err != nil {
			t.Fatal(err)
		}
		return <-done
	})
}

// A browser's page of the same host comes by https.
func TestServer_TLS_Origin(t *testing.T) {
	f := overTLS(t, Config{})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for origin, want := range map[string]int{"https://" + f.addr: 101, "https://other.example": 403} {
		c, resp, err := websocket.Dial(t.Context(), "wss://"+f.addr+"/echo", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {origin}}})
		if resp == nil || resp.StatusCode != want {
			t.Errorf("%s: %v, %v", origin, resp, err)
		}
		if err == nil {
			_ = c.CloseNow()
		}
	}
}

func TestConfig_Validate_TLS(t *testing.T) {
	err := Config{Listen: []string{"tls://127.0.0.1:0"}}.Validate()
	var field *FieldError
	if !errors.As(err, &field) || field.Field != "TLS" {
		t.Errorf("%v", err)
	}
	if err := (Config{Listen: []string{"tls://127.0.0.1:0"}, TLS: new(tls.Config)}).Validate(); err != nil {
		t.Error(err)
	}
}
