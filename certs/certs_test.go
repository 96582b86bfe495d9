package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/roostws/roost/certs/certstest"
)

// certificate makes a certificate for names, good until end, signed by an authority or by
// itself.
func certificate(by *certstest.Certificate, end time.Time, names ...string) *certstest.Certificate {
	return certstest.New(certstest.Options{By: by, Until: end, Names: names})
}

func nextYear() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

// write puts a certificate and its key into files of dir.
func write(t testing.TB, m *certstest.Certificate, dir, name string) Pair {
	t.Helper()
	cert, key, err := m.Write(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return Pair{cert, key}
}

// put replaces a file, all at once: nobody sees the half of it.
func put(t testing.TB, path, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+"~", []byte(text), 0o600), os.Rename(path+"~", path)); err != nil {
		t.Fatal(err)
	}
}

// shown makes a handshake and gives the certificate that a client of name sees.
func shown(t testing.TB, c *Certificates, name string, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	refused := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			err = tls.Server(conn, c.TLS()).Handshake()
			_, _ = io.Copy(io.Discard, conn) // until the client goes
			_ = conn.Close()
		}
		refused <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	if client == nil {
		client = new(tls.Config)
	}
	client.ServerName, client.InsecureSkipVerify = name, true
	conn := tls.Client(raw, client)
	err = conn.Handshake()
	if err == nil && client.ClientSessionCache != nil {
		_ = raw.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = conn.Read(make([]byte, 1)) // takes the ticket
	}
	_ = raw.Close()
	if err := errors.Join(err, <-refused); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestCertificates_TLS_ServerNameChooses(t *testing.T) {
	dir := t.TempDir()
	a, b, c := certificate(nil, nextYear(), "a.example.com"), certificate(nil, nextYear(), "b.example.com"), certificate(nil, nextYear(), "*.wild.example.com")
	all, err := New(Config{Pairs: []Pair{write(t, a, dir, "a"), write(t, b, dir, "b"), write(t, c, dir, "c")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*certstest.Certificate{
		"a.example.com": a, "b.example.com": b, "B.Example.com": b, "x.wild.example.com": c, "unknown.example.com": a, "": a,
	} {
		if got, err := shown(t, all, name, nil); err != nil || !got.Equal(want.TLS.Leaf) {
			t.Errorf("%q sees another certificate: %v", name, err)
		}
	}
	if ends := all.Stats().Ends; len(ends) != 3 || ends[1].Name != "b.example.com" || !ends[1].NotAfter.Equal(b.TLS.Leaf.NotAfter) {
		t.Errorf("the ends are %v", ends)
	}
}

func TestNew_Errors(t *testing.T) {
	dir := t.TempDir()
	a, b := certificate(nil, nextYear(), "a"), certificate(nil, nextYear(), "b")
	pa, pb := write(t, a, dir, "a"), write(t, b, dir, "b")
	put(t, filepath.Join(dir, "empty"), "")
	put(t, filepath.Join(dir, "huge"), strings.Repeat("x", MaxFile+1))
	for _, r := range []struct {
		name string
		cfg  Config
		pair int // of the FileError; -2: it is none
		want string
	}{
		{"none", Config{}, -2, "1 to 64 would be right"},
		{"too many", Config{Pairs: make([]Pair, MaxPairs+1)}, -2, "65 certificates"},
		{"no file", Config{Pairs: []Pair{pa, {filepath.Join(dir, "nowhere"), pb.Key}}}, 1, "nowhere: no such file"},
		{"another's key", Config{Pairs: []Pair{pb, {pa.Cert, pb.Key}}}, 1, "private key does not match"},
		{"turned round", Config{Pairs: []Pair{{pa.Key, pa.Cert}}}, 0, "the key of its first, would be right"},
		{"empty", Config{Pairs: []Pair{{filepath.Join(dir, "empty"), pa.Key}}}, 0, "empty with"},
		{"huge", Config{Pairs: []Pair{{filepath.Join(dir, "huge"), pa.Key}}}, 0, "is over 1048576 bytes"},
		{"an authority that is none", Config{Pairs: []Pair{pa}, ClientCA: pa.Key}, -1, "holds no certificate"},
		{"no authority", Config{Pairs: []Pair{pa}, ClientCA: filepath.Join(dir, "nowhere")}, -1, "nowhere: no such file"},
	} {
		_, err := New(r.cfg)
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		var file *FileError
		if found := errors.As(err, &file); found != (r.pair > -2) || found && file.Pair != r.pair {
			t.Errorf("%s: the error is about %+v", r.name, file)
		}
		if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: the error tells of the key", r.name)
		}
	}
}

func TestCertificates_ClientCA(t *testing.T) {
	dir := t.TempDir()
	authority, another := certificate(nil, nextYear(), "authority"), certificate(nil, nextYear(), "another")
	own := write(t, certificate(nil, nextYear(), "localhost"), dir, "own")
	put(t, filepath.Join(dir, "ca"), authority.Cert)
	cfg := Config{Pairs: []Pair{own}, ClientCA: filepath.Join(dir, "ca")}
	all, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client := func(by *certstest.Certificate, end time.Time) *tls.Config {
		m := certificate(by, end, "client")
		// Whatever authorities the server names, as a client that is not asked would.
		return &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &m.TLS, nil }}
	}
	if _, err := shown(t, all, "localhost", client(authority, nextYear())); err != nil {
		t.Errorf("a client of the authority: %v", err)
	}
	for name, c := range map[string]*tls.Config{
		"no certificate": {}, "of another authority": client(another, nextYear()), "one that has ended": client(authority, time.Now().Add(-time.Hour)),
	} {
		if _, err := shown(t, all, "localhost", c); err == nil {
			t.Errorf("%s: the client is let in", name)
		}
	}
	// Another authority comes into force as a certificate does; a ticket does not help.
	kept := client(authority, nextYear())
	kept.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if _, err := shown(t, all, "localhost", kept); err != nil {
		t.Fatal(err)
	}
	put(t, cfg.ClientCA, another.Cert)
	if changed, err := all.Reload(cfg); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if _, err := shown(t, all, "localhost", kept); err == nil {
		t.Error("a client of the authority of before is let in")
	}
}

// A journal keeps what is logged.
type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), text)
}

func TestCertificates_Run_SeesChanges(t *testing.T) {
	dir := t.TempDir()
	first, second, third := certificate(nil, nextYear(), "a"), certificate(nil, nextYear(), "a"), certificate(nil, nextYear(), "a")
	// As Kubernetes mounts a secret: files are links through a directory that changes.
	for name, m := range map[string]*certstest.Certificate{"v1": first, "v2": second} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, m, filepath.Join(dir, name), "tls")
	}
	link := func(to string) {
		tmp := filepath.Join(dir, "tmp")
		if err := errors.Join(os.Symlink(to, tmp), os.Rename(tmp, filepath.Join(dir, "now"))); err != nil {
			t.Fatal(err)
		}
	}
	link("v1")
	log := new(journal)
	pair := Pair{filepath.Join(dir, "now", "tls.crt"), filepath.Join(dir, "now", "tls.key")}
	all, err := New(Config{Pairs: []Pair{pair}, Interval: 5 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); all.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited too long until %s; the log is\n%s", what, log.b.String())
			}
		}
	}
	sees := func(m *certstest.Certificate) bool {
		got, err := shown(t, all, "a", nil)
		return err == nil && got.Equal(m.TLS.Leaf)
	}
	if !sees(first) {
		t.Fatal("the first is not shown")
	}
	link("v2")
	until("the second is shown", func() bool { return sees(second) })

	// The half of a change: the new certificate meets the old key.
	put(t, pair.Cert, third.Cert)
	until("it is refused", func() bool { return all.Stats().Failures == 1 })
	for range 5 { // looked at again, and told once
		time.Sleep(10 * time.Millisecond)
		if !sees(second) {
			t.Fatal("the one of before is not shown")
		}
	}
	if n := log.count("level=ERROR"); n != 1 || all.Stats().Failures != 1 {
		t.Errorf("it was told %d times, and counted %d times", n, all.Stats().Failures)
	}
	put(t, pair.Key, third.Key)
	until("the third is shown", func() bool { return sees(third) })

	// A file that is gone is a change that is refused, too; another one is told anew.
	if err := os.Remove(pair.Key); err != nil {
		t.Fatal(err)
	}
	until("it is refused", func() bool { return all.Stats().Failures == 2 })
	put(t, pair.Key, "nothing")
	until("it is refused", func() bool { return all.Stats().Failures == 3 })
	put(t, pair.Key, third.Key)
	until("nothing is wrong any more", func() bool {
		all.mu.Lock()
		defer all.mu.Unlock()
		return all.broken == nil
	})
	if st := all.Stats(); st.Reloads != 2 || !sees(third) {
		t.Errorf("%d reloads", st.Reloads)
	}
}

func TestCertificates_Reload(t *testing.T) {
	dir := t.TempDir()
	a, b := certificate(nil, nextYear(), "a"), certificate(nil, nextYear(), "b")
	pa, pb := write(t, a, dir, "a"), write(t, b, dir, "b")
	all, err := New(Config{Pairs: []Pair{pa}})
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := all.Reload(Config{Pairs: []Pair{pa}}); changed || err != nil {
		t.Errorf("the same: %v, %v", changed, err)
	}
	if changed, err := all.Reload(Config{Pairs: []Pair{pa, pb}}); !changed || err != nil {
		t.Errorf("one more: %v, %v", changed, err)
	}
	if changed, err := all.Reload(Config{Pairs: []Pair{{pa.Cert, pb.Key}}}); changed || err == nil {
		t.Errorf("a wrong one: %v, %v", changed, err)
	}
	if got, err := shown(t, all, "b", nil); err != nil || !got.Equal(b.TLS.Leaf) {
		t.Errorf("after it: %v", err)
	}
	if changed, err := all.Reload(Config{Pairs: []Pair{pa, pb}, MinVersion: tls.VersionTLS13}); !changed || err != nil {
		t.Errorf("another version: %v, %v", changed, err)
	}
	if _, err := shown(t, all, "a", &tls.Config{MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("1.2 is spoken")
	}
	if st := all.Stats(); st.Reloads != 2 || st.Failures != 1 {
		t.Errorf("%+v", st)
	}
}

func TestCertificates_Warn(t *testing.T) {
	dir, log := t.TempDir(), new(journal)
	_, err := New(Config{Logger: slog.New(slog.NewTextHandler(log, nil)), Pairs: []Pair{
		write(t, certificate(nil, time.Now().Add(-time.Hour), "past"), dir, "past"),
		write(t, certificate(nil, time.Now().Add(time.Hour), "soon"), dir, "soon"),
		write(t, certificate(nil, nextYear(), "later"), dir, "later"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"has ended: clients will refuse it\" name=past": 1, "ends soon\" name=soon": 1, "name=later": 0} {
		if n := log.count(text); n != want {
			t.Errorf("%q is logged %d times", text, n)
		}
	}
}
