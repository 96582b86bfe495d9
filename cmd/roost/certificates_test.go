package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/roostws/roost/certs/certstest"
)

// serverCert makes a certificate for a name, in PEM.
func serverCert(number int64, name string) (cert, key string) {
	c := certstest.New(certstest.Options{Number: number, Names: []string{name}})
	return c.Cert, c.Key
}

// replace puts text into a file, all at once.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// shows gives the number of the certificate that a client of a name sees.
func (p *process) shows(name string) int64 {
	p.t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(p.client(), "tls://"), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// Certificates are read again when their files change, and on SIGHUP; what is wrong
// changes nothing but the log and a metric; and connections stay.
func TestBinary_Serve_ReadsCertificatesAgain(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	put := func(number int64, name string) {
		cert, key := serverCert(number, name)
		// The key goes before: for a moment the two do not fit.
		replace(t, path(name+".key"), key)
		replace(t, path(name+".crt"), cert)
	}
	put(1, "a.test")
	put(2, "b.test")
	pair := func(name string) string {
		return "tls-cert: [" + path(name+".crt") + "]\ntls-key: [" + path(name+".key") + "]\n"
	}
	both := "tls-cert: [" + path("a.test.crt") + ", " + path("b.test.crt") + "]\ntls-key: [" + path("a.test.key") + ", " + path("b.test.key") + "]\n"
	replace(t, path("roost.yaml"), pair("a.test"))
	p := begin(t, nil, "--auth=none", "--echo", "--listen=tls://127.0.0.1:0", "--config="+path("roost.yaml"))
	p.start["listen"] = strings.Split(p.client(), ",")[1] // behind the one in the clear
	if !strings.HasPrefix(p.client(), "tls://127.0.0.1:") {
		t.Fatalf("it serves at %v", p.start["listen"])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	c, _, err := websocket.Dial(ctx, "wss://"+strings.TrimPrefix(p.client(), "tls://")+"/echo", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := p.shows("a.test"), p.shows("b.test"); a != 1 || b != 1 {
		t.Fatalf("certificates %d and %d are shown: there is only the first", a, b)
	}

	// By itself.
	put(3, "a.test")
	p.waitFor("the new certificate is shown", func() bool { return p.shows("a.test") == 3 })

	// SIGHUP reads the configuration, too.
	replace(t, path("roost.yaml"), both)
	p.hup(`"msg":"read the certificates again"`)
	if a, b := p.shows("a.test"), p.shows("b.test"); a != 3 || b != 2 {
		t.Errorf("after SIGHUP certificates %d and %d are shown", a, b)
	}
	const staysOld = "cannot read the certificates again: the old ones stay in force"
	for what, spoil := range map[string]func(){
		"a file that is none": func() { replace(t, path("a.test.crt"), "nonsense") },
		"a key of another":    func() { replace(t, path("a.test.key"), fileText(t, path("b.test.key"))) },
		"a configuration":     func() { replace(t, path("roost.yaml"), both+"nonsense: 1\n") },
	} {
		cert, key := fileText(t, path("a.test.crt")), fileText(t, path("a.test.key"))
		spoil()
		p.hup(staysOld)
		if a, b := p.shows("a.test"), p.shows("b.test"); a != 3 || b != 2 {
			t.Errorf("after %s certificates %d and %d are shown", what, a, b)
		}
		replace(t, path("a.test.crt"), cert)
		replace(t, path("a.test.key"), key)
		replace(t, path("roost.yaml"), both)
	}
	_, metrics := get("http://" + p.admin() + "/metrics")
	for _, line := range []string{`roost_certificate_not_after_seconds{name="a.test"} `, `roost_certificate_not_after_seconds{name="b.test"} `, `roost_tls_handshakes_total{result="ok"} `} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("there is no metric %s", line)
		}
	}
	if strings.Contains(metrics, `roost_certificate_reloads_total{result="failed"} 0`) {
		t.Error("no failure is counted")
	}

	// Who was there all the time.
	if err := c.Write(ctx, websocket.MessageText, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(ctx); err != nil || string(b) != "still here" {
		t.Errorf("the connection of the first certificate: %q, %v", b, err)
	}
	if strings.Contains(p.logged(), "PRIVATE") {
		t.Error("a key is logged")
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRun_Check_Certificates(t *testing.T) {
	cert, key := serverCert(1, "a.test")
	_, another := serverCert(2, "b.test")
	certFile, keyFile, anotherFile := writeFile(t, "crt", cert), writeFile(t, "key", key), writeFile(t, "another", another)
	args := []string{"serve", "--check", "--auth=none", "--listen=tls://:8443", "--tls-cert=" + certFile}
	status, out, stderr := invoke(append(args, "--tls-key="+keyFile, "--tls-client-ca="+certFile, "--tls-min-version=1.3"), nil)
	if status != statusOK || stderr != "" || !strings.Contains(out, "tls-min-version: \"1.3\"") && !strings.Contains(out, "tls-min-version: 1.3") {
		t.Errorf("status %d, %s\n%s", status, stderr, out)
	}
	for key, want := range map[string]string{
		anotherFile: "roost: --tls-cert: " + certFile + " with " + anotherFile + ": tls: private key does not match public key",
		certFile:    "roost: --tls-cert: " + certFile + " with " + certFile + ": tls: found a certificate rather than a key",
	} {
		if status, _, stderr := invoke(append(args, "--tls-key="+key), nil); status != statusUsage || !strings.HasPrefix(stderr, want) {
			t.Errorf("status %d, %s; want %s", status, stderr, want)
		}
	}
	if status, _, stderr := invoke(append(args, "--tls-key="+keyFile, "--tls-client-ca="+keyFile), nil); status != statusUsage || !strings.HasPrefix(stderr, "roost: --tls-client-ca: "+keyFile+": holds no certificate") {
		t.Errorf("status %d, %s", status, stderr)
	}
}
