package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
)

// pair writes a new key's halves into files.
func pair(t *testing.T, key crypto.Signer) (private, public string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private = writeFile(t, "private.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	return private, writeFile(t, "public.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// minted is a token as the command token makes it.
func minted(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := invoke(append([]string{"token", "--sub=alice", "--rooms=*"}, args...), nil)
	if status != statusOK || stderr != "" {
		t.Fatalf("%q: status %d, %s", args, status, stderr)
	}
	return strings.TrimSpace(stdout)
}

// admits says whether a running serve lets a token in.
func (p *process) admits(token string) bool {
	p.t.Helper()
	c, err := dial(p.t, "ws://"+p.client()+"/rooms/a?token="+token, "")
	if err == nil {
		_ = c.CloseNow()
	}
	return err == nil
}

// count is how often a text stands in the log.
func (p *process) count(text string) int { return strings.Count(p.logged(), text) }

// hup sends SIGHUP and waits for its line.
func (p *process) hup(line string) {
	p.t.Helper()
	before := p.count(line)
	p.signal(syscall.SIGHUP)
	p.waitFor(line, func() bool { return p.count(line) > before })
}

const (
	readAgain = "read the keys again"
	staysOld  = "cannot read the keys again: the old ones stay in force"
)

func TestRun_Keys_Errors(t *testing.T) {
	private, public := pair(t, edKey(t))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, weak := pair(t, short)
	secretFile, shortFile := writeFile(t, "secret", goodSecret), writeFile(t, "short", "short")
	for _, c := range []struct{ args, env, want string }{
		{"serve|--jwt-public-key=/nowhere", "", "--jwt-public-key: open /nowhere: no such file or directory"},
		{"serve|--jwt-public-key=" + private, "", "--jwt-public-key: " + private + ": holds a private key: the public one, as openssl pkey -pubout makes, would be right"},
		{"serve", "ROOST_JWT_PUBLIC_KEY=" + public + "," + weak, "ROOST_JWT_PUBLIC_KEY: " + weak + ": is an RSA key of 1024 bits: 2048 to 8192 would be right"},
		{"serve|--jwt-public-key=" + numbered(17), "", "--jwt-public-key: 17 are too many: at most 16 would be right"},
		{"serve|--jwt-secret-file=" + numbered(17), "", "--jwt-secret-file: 17 are too many: at most 16 would be right"},
		{"serve|--jwt-secret-file=" + secretFile + "|--jwt-secret-file=" + shortFile, "", "--jwt-secret-file: " + shortFile + ": 5 bytes are too few: at least 32, as openssl rand -base64 32 makes, would be right (fewer with --dev alone)"},
		{"serve|--jwt-secret-file=" + public, "", "--jwt-secret-file: is a key as PEM, which others may know: random bytes would be right"},
		{"serve|--jwt-public-key=" + public + "|--jwt-algorithms=RS256", "", "--jwt-public-key: " + public + ": fits none of the algorithms that are allowed: EdDSA would be right"},
		{"serve|--jwt-secret=" + goodSecret + "|--jwt-algorithms=HS256,ES256", "", "--jwt-algorithms: ES256 fits none of the keys"},
		{"serve|--jwks-url=http://login.example.com/keys?x=hunter22", "", "--jwks-url: it is of http and leads to another machine: whoever is on the way could make tokens; https would be right"},
		{"serve|--jwks-url=x", "", "--jwks-url: it is no URL of https with a host: https://login.example.com/.well-known/jwks.json would be right"},
		{"serve|--jwks-url=https://a/|--jwks-refresh=5s", "", "--jwks-refresh: 5s is out of range: 10s to 24h would be right"},
		{"token|--sub=a|--jwt-private-key=/nowhere", "", "--jwt-private-key: open /nowhere: no such file or directory"},
		{"token|--sub=a|--jwt-private-key=" + public, "", "--jwt-private-key: " + public + `: holds "PUBLIC KEY": a private key without a passphrase would be right`},
		{"token|--sub=a|--jwt-algorithms=RS256|--jwt-private-key=" + private, "", "--jwt-private-key: " + private + ": is a key for EdDSA, which is not among RS256"},
		{"token|--sub=a|--jwt-algorithms=RS256,ES256|--secret=" + goodSecret, "", "--jwt-algorithms: a secret signs by HS256, HS384 or HS512 alone: one of them would be right; for RS256,ES256, --jwt-private-key"},
	} {
		args := strings.Split(c.args, "|")
		status, stdout, stderr := invoke(args, []string{c.env})
		if want := "roost: " + c.want + "\nsee roost " + args[0] + " --help\n"; status != statusUsage || stdout != "" || stderr != want {
			t.Errorf("%s: status %d, stdout %q, stderr\n%swant\n%s", c.args, status, stdout, stderr, want)
		}
	}
	for _, args := range []string{
		"--jwks-url=http://login.example.com/keys|--jwks-insecure", "--jwks-url=https://login.example.com/keys|--jwt-public-key=" + public,
		"--jwt-secret-file=" + secretFile + "|--jwt-public-key=" + public + "|--jwt-algorithms=HS512,EdDSA", "--dev|--jwt-public-key=" + public,
	} {
		status, stdout, stderr := invoke(append([]string{"serve", "--check"}, strings.Split(args, "|")...), nil)
		if status != statusOK || stderr != "" {
			t.Errorf("%s: status %d, %s", args, status, stderr)
			continue
		}
		again := writeFile(t, "roost.yaml", stdout)
		if status, second, stderr := invoke([]string{"serve", "--check", "--config", again}, nil); status != statusOK {
			t.Errorf("its own output gives status %d, %s\n%s", status, stderr, second)
		}
	}
	if _, _, stderr := invoke([]string{"serve", "--check", "--jwt-secret", goodSecret, "--jwks-refresh=1h"}, nil); stderr != "roost: --jwks-refresh has no effect without --jwks-url\n" {
		t.Errorf("without a URL: %s", stderr)
	}
}

// What token signs with a private key, serve takes by the public one.
func TestRun_Token_PrivateKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for alg, key := range map[string]crypto.Signer{"EdDSA": edKey(t), "ES384": ec, "PS256": rs} {
		private, public := pair(t, key)
		token := minted(t, "--jwt-private-key="+private, "--jwt-algorithms=HS256,EdDSA,ES384,PS256", "--jwt-issuer=shop")
		text, err := os.ReadFile(public)
		if err != nil {
			t.Fatal(err)
		}
		v, err := auth.NewKeys(auth.KeysConfig{PublicKeys: [][]byte{text}, Algorithms: []string{alg}, Issuer: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		if id, err := v.Verify(context.Background(), token, time.Now()); err != nil || id.User != "alice" || !id.Rooms.Match("any") {
			t.Errorf("%s: %+v, %v", alg, id, err)
		}
	}
}

// SIGHUP takes the new key in and the old one away; what is wrong changes nothing; and
// connections stay.
func TestBinary_Serve_ReadsKeysAgain(t *testing.T) {
	oldPrivate, public := pair(t, edKey(t))
	newPrivate, newPublic := pair(t, edKey(t))
	folder := t.TempDir()
	secretFile, file := filepath.Join(folder, "secret"), filepath.Join(folder, "roost.yaml")
	const second = "fedcba9876543210fedcba9876543210"
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secretFile, goodSecret+"\n")
	write(file, "jwt-secret-file: "+secretFile+"\n")
	p := begin(t, nil, "--config="+file, "--jwt-public-key="+public, "--log-level=debug")
	hs, old, next := minted(t, "--secret="+goodSecret), minted(t, "--jwt-private-key="+oldPrivate), minted(t, "--jwt-private-key="+newPrivate)
	c, err := dial(t, "ws://"+p.client()+"/rooms/a?token="+old, "")
	if err != nil {
		t.Fatal(err)
	}
	if !p.admits(hs) || p.admits(next) {
		t.Fatal("the first keys are not in force")
	}
	p.hup(readAgain + ": none is changed")

	good, err := os.ReadFile(newPublic)
	if err != nil {
		t.Fatal(err)
	}
	write(public, string(good))
	write(secretFile, second+"\n")
	p.hup(`"changed":"jwt-secret,jwt-public-key"`)
	if !p.admits(next) || p.admits(old) || p.admits(hs) || !p.admits(minted(t, "--secret="+second)) {
		t.Errorf("the new keys are not in force\n%s", p.logged())
	}

	for what, spoil := range map[string]func(){
		"a file that is no key": func() { write(public, "nonsense") },
		"a short secret":        func() { write(secretFile, "short") },
		"an unknown key":        func() { write(file, "jwt-secret-file: "+secretFile+"\nnonsense: 1\n") },
		"no asking any more":    func() { write(file, "auth: none\n") },
		"no file":               func() { _ = os.Remove(secretFile) },
	} {
		spoil()
		p.hup(staysOld)
		if !p.admits(next) {
			t.Errorf("after %s the old keys are not in force", what)
		}
		write(public, string(good))
		write(secretFile, second)
		write(file, "jwt-secret-file: "+secretFile+"\n")
	}

	write(file, "jwt-secret-file: "+secretFile+"\njwt-issuer: shop\n")
	p.hup(`"changed":"jwt-issuer"`)
	if p.admits(next) || !p.admits(minted(t, "--jwt-private-key="+newPrivate, "--jwt-issuer=shop")) {
		t.Error("the new issuer is not asked for")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.CloseRead(ctx)
	if err := c.Ping(ctx); err != nil {
		t.Errorf("the connection of the old key: %v", err)
	}
	for _, word := range []string{second, goodSecret} {
		if strings.Contains(p.logged(), word) {
			t.Error("a secret is logged")
		}
	}
}

// The secret that --dev made outlives SIGHUP, and with it the token that was printed.
func TestBinary_Serve_DevSecretStays(t *testing.T) {
	p := begin(t, nil, "--dev")
	p.waitFor("the token", func() bool { return strings.Contains(p.printed(), "  token    ") })
	_, rest, _ := strings.Cut(p.printed(), "  token    ")
	token, _, _ := strings.Cut(rest, "\n")
	p.hup(readAgain + ": none is changed")
	if !p.admits(token) {
		t.Errorf("the token is not good any more\n%s", p.logged())
	}
}

// A key server that fails at first: the server starts, says so, and lets clients in once
// it has the keys; a new key is good within ten seconds.
func TestBinary_Serve_KeyServer(t *testing.T) {
	first, second := edKey(t), edKey(t)
	var set atomic.Pointer[string]
	publish := func(kids map[string]ed25519.PrivateKey) {
		var keys []string
		for kid, key := range kids {
			x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
			keys = append(keys, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, x))
		}
		text := `{"keys":[` + strings.Join(keys, ",") + `]}`
		set.Store(&text)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if text := set.Load(); text != nil {
			fmt.Fprint(w, *text)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer s.Close()
	root := writeFile(t, "root.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	p := begin(t, []string{"SSL_CERT_FILE=" + root}, "--jwks-url="+s.URL+"/keys?token=hunter22")
	private, _ := pair(t, first)
	a := minted(t, "--jwt-private-key="+private)
	private, _ = pair(t, second)
	b := minted(t, "--jwt-private-key="+private)
	p.waitFor("a failure", func() bool { return p.count("cannot fetch the keys of tokens") > 0 })
	if p.admits(a) {
		t.Error("a token is let in without a key")
	}
	publish(map[string]ed25519.PrivateKey{"1": first})
	p.waitFor("the first key", func() bool { return p.admits(a) })
	publish(map[string]ed25519.PrivateKey{"1": first, "2": second})
	begin := time.Now()
	p.waitFor("the second key", func() bool { return p.admits(b) })
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("the second key is good after %v", d)
	}
	if !p.admits(a) {
		t.Error("the first key is not good any more")
	}
	if strings.Contains(p.logged(), "hunter22") {
		t.Errorf("the query of the URL is logged:\n%s", p.logged())
	}
	p.signal(syscall.SIGTERM)
	if status := p.ends(); status != statusOK {
		t.Errorf("status %d\n%s", status, p.logged())
	}
}
