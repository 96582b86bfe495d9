package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/roostws/roost/certs/certstest"
)

// startTLS is start with a listener that speaks TLS alone.
func startTLS(t *testing.T, args ...string) (s *server, cert string, trust *x509.CertPool) {
	t.Helper()
	c := certstest.New(certstest.Options{})
	cert, key, err := c.Write(t.TempDir(), "tls")
	if err != nil {
		t.Fatal(err)
	}
	s = start(t, append([]string{"--listen", "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key}, args...)...)
	_, s.client, _ = strings.Cut(s.client, ",tls://") // start has one in the clear, too
	return s, cert, c.Pool()
}

func TestTLS_Gorilla(t *testing.T) {
	s, _, trust := startTLS(t, "--auth", "none", "--echo", "--deflate")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		dialer := gorilla.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: version, MaxVersion: version}, EnableCompression: true}
		c, _, err := dialer.Dial("wss://"+s.client+"/echo", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		for _, n := range []int{0, 1, 125, 126, 16384, 60_000} {
			text := strings.Repeat("g", n)
			if err := c.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, b, err := c.ReadMessage(); err != nil || string(b) != text {
				t.Fatalf("%d bytes came back as %d, %v", n, len(b), err)
			}
		}
		if err := c.WriteControl(gorilla.CloseMessage, gorilla.FormatCloseMessage(1000, ""), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); !gorilla.IsCloseError(err, 1000) {
			t.Errorf("the goodbye: %v", err)
		}
		_ = c.Close()
	}
}

// Node is OpenSSL.
func TestTLS_NodeWS(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		s, cert, _ := startTLS(t, "--auth", "jwt", "--jwt-secret", secret)
		t.Setenv("NODE_EXTRA_CA_CERTS", cert)
		t.Setenv("NODE_OPTIONS", "--tls-min-v"+version+" --tls-max-v"+version)
		node(t, "ws.js", "wss://"+s.client, s.admin, token(t, "--sub", "bob", "--rooms", "*", "--publish", "talk.*"))
		s.until("the clients are gone", func() bool { return s.stats("connections") == 0 })
		if s.stop(15) != 0 {
			t.Error("a drain does not end with status 0")
		}
	}
}

func TestTLS_Chromium(t *testing.T) {
	page := somePage(t)
	s, _, _ := startTLS(t, configure(t, teams), "--origin", page.URL)
	node(t, "native-page.js", pair(t, "wss", s), page.URL)
	s.until("the clients are gone", func() bool { return s.stats("connections") == 0 })
}

// Each cipher, as OpenSSL speaks it; and its change of keys.
func TestTLS_OpenSSL(t *testing.T) {
	s, cert, _ := startTLS(t, "--auth", "none", "--echo")
	for _, args := range [][]string{
		{"-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"},
		{"-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"},
		{"-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"},
		{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"},
		{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	} {
		c := openSSL(t, append([]string{"-connect", s.client, "-CAfile", cert, "-verify_return_error"}, args...)...)
		c.say("GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		c.await("101 Switching Protocols")
		frame := func(text string) string {
			return "\x81" + string([]byte{0x80 | byte(len(text))}) + "\x00\x00\x00\x00" + text
		}
		for i, command := range []string{"", "k\n", "K\n", "K\n"} { // its keys; and with K ours
			if command != "" && args[0] == "-tls1_3" {
				c.say(command)
				c.await("KEYUPDATE")
			}
			text := "text " + string(rune('0'+i)) + "\n"
			c.say(frame(text))
			c.await("\x81\x07" + text)
		}
		c.end()
	}
}

// An opensslClient is openssl s_client, which hears commands at the begin of a line.
type opensslClient struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *output
	seen int // of what it said
}

func openSSL(t *testing.T, args ...string) *opensslClient {
	t.Helper()
	c := &opensslClient{t: t, cmd: exec.Command("openssl", append([]string{"s_client"}, args...)...), said: new(output)}
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	c.await("Verify return code: 0")
	return c
}

func (c *opensslClient) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Fatal(err)
	}
}

// await waits for a text behind what was awaited before.
func (c *opensslClient) await(text string) {
	c.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		said := c.said.String()
		if i := strings.Index(said[c.seen:], text); i >= 0 {
			c.seen += i + len(text)
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("openssl does not say %q but\n%q", text, said[c.seen:])
		}
	}
}

func (c *opensslClient) end() { _ = c.in.Close() }
