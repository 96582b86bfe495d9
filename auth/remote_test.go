package auth

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
)

// A keyServer publishes a JWK Set, and counts who asks.
type keyServer struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]

	mu    sync.Mutex
	times []time.Time // of the requests
}

func newKeyServer(t testing.TB, answer http.HandlerFunc) *keyServer {
	s := new(keyServer)
	s.answer.Store(&answer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.times = append(s.times, time.Now())
		s.mu.Unlock()
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) set(answer http.HandlerFunc) { s.answer.Store(&answer) }

func (s *keyServer) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// spaced fails where two requests came within a second.
func (s *keyServer) spaced(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.times); i++ {
		if d := s.times[i].Sub(s.times[i-1]); d < minPause {
			t.Errorf("requests %d and %d came %v apart", i, i+1, d)
		}
	}
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

// jwk is a public key as JSON; more are members beside its numbers, each with a comma
// before.
func jwk(t testing.TB, key crypto.Signer, kid, more string) string {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	return string(text[:len(text)-1]) + more + "}"
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// running is a Keys whose Run runs until the test ends.
func running(t testing.TB, cfg KeysConfig) *Keys {
	t.Helper()
	k := newKeys(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		k.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return k
}

// waits is Verify as it is called where it may wait.
func (k *Keys) waits(token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := k.Verify(ctx, token, now)
	return err
}

// until tries again until f is true.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A lines is a log that a test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// The first token waits for the keys, and each key is found by its kid; one of a wrong
// kid or a wrong type is refused.
func TestKeys_Verify_OfAKeyServer(t *testing.T) {
	t.Parallel()
	p := private()
	s := newKeyServer(t, says(jwks(jwk(t, p["RS"], "r1", `,"alg":"RS512","use":"sig"`), jwk(t, p["ES256"], "e1", ""), jwk(t, p["EdDSA"], "d1", ""), jwk(t, p["ES256b"], "", ""))))
	k := running(t, KeysConfig{URL: s.URL})
	if err := k.waits(signKid(t, "RS512", p["RS"], "r1", nil)); err != nil {
		t.Errorf("the first token: %v", err)
	}
	for _, c := range []struct {
		alg, key string
		kid      any
		want     error
	}{
		{"ES256", "ES256", "e1", nil}, {"EdDSA", "EdDSA", "d1", nil}, {"ES256", "ES256", nil, nil}, {"RS512", "RS", nil, nil},
		{"ES256", "ES256b", "whatever", nil},
		{"ES256", "ES256b", "e1", nil}, // the key without a name is tried, too
		{"RS256", "RS", "r1", ErrSignature}, {"RS512", "RS2", "r1", ErrSignature}, {"ES256", "ES256", "d1", ErrSignature}, {"PS512", "RS", "r1", ErrSignature},
	} {
		_, err := k.check(signKid(t, c.alg, p[c.key], c.kid, nil))
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if st := k.Stats(); st.Keys != 4 || st.Refreshes != 1 || time.Since(st.Refreshed) > time.Minute || st.Failures != 0 || k.Inline() {
		t.Errorf("%+v", st)
	}
}

// The key is changed while tokens of both keys come from all sides: those of the old
// one are good until it goes, the first of the new one is good within seconds, and none
// is ever told that its key is wrong before the server was asked.
func TestKeys_Verify_RotationUnderLoad(t *testing.T) {
	t.Parallel()
	p := private()
	old, next := jwk(t, p["ES256"], "k1", ""), jwk(t, p["ES256b"], "k2", "")
	s := newKeyServer(t, says(jwks(old)))
	k := running(t, KeysConfig{URL: s.URL})
	before, after := signKid(t, "ES256", p["ES256"], "k1", nil), signKid(t, "ES256", p["ES256b"], "k2", nil)
	until(t, "the old key", func() bool { return k.waits(before) == nil })
	s.set(says(jwks(old, next)))
	begin := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if err := k.waits(before); err != nil {
					t.Errorf("of the old key: %v", err)
				}
				err := k.waits(after)
				if err == nil {
					return
				}
				if !errors.Is(err, ErrUnavailable) || time.Since(begin) > 10*time.Second {
					t.Errorf("of the new key, after %v: %v", time.Since(begin), err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.set(says(jwks(next)))
	unknown := signKid(t, "ES256", p["ES256"], "k3", nil)
	until(t, "the old key goes", func() bool {
		_ = k.waits(unknown) // has the server be asked
		return errors.Is(k.waits(before), ErrSignature) || errors.Is(k.waits(before), ErrUnavailable)
	})
	if err := k.waits(after); err != nil {
		t.Error(err)
	}
	s.spaced(t)
}

// However many unknown keys are named, the server is asked once a second at most, and
// those whose key is known do not wait.
func TestKeys_Verify_FloodOfUnknownKids(t *testing.T) {
	t.Parallel()
	p := private()
	s := newKeyServer(t, says(jwks(jwk(t, p["ES256"], "k1", ""))))
	k := running(t, KeysConfig{URL: s.URL})
	good := signKid(t, "ES256", p["ES256"], "k1", nil)
	if err := k.waits(good); err != nil {
		t.Fatal(err)
	}
	const long = 3500 * time.Millisecond
	end := time.Now().Add(long)
	var tried, decided atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		token := signKid(t, "ES256", p["ES256b"], fmt.Sprint("unknown-", i), nil)
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				err := k.waits(token)
				tried.Add(1)
				if errors.Is(err, errUnknownKey) {
					decided.Add(1)
				} else if !errors.Is(err, ErrUnavailable) {
					t.Errorf("%v", err)
				}
				if n%100 == 0 {
					if _, err := k.check(good); err != nil {
						t.Errorf("the good one: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := s.asked(); n < 3 || n > 5 {
		t.Errorf("the server was asked %d times in %v", n, long)
	}
	s.spaced(t)
	if st := k.Stats(); st.Unknown < uint64(tried.Load()) || decided.Load() == 0 {
		t.Errorf("%d tokens, %d told that their key is unknown, %+v", tried.Load(), decided.Load(), st)
	}
}

// A Verify that may not wait does not, and has the server be asked all the same.
func TestKeys_Verify_WithoutDeadline(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	p := private()
	set := jwks(jwk(t, p["ES256"], "k1", ""))
	s := newKeyServer(t, func(w http.ResponseWriter, r *http.Request) {
		<-hold
		fmt.Fprint(w, set)
	})
	k := running(t, KeysConfig{URL: s.URL})
	token := signKid(t, "ES256", p["ES256"], "k1", nil)
	until(t, "the server is asked", func() bool { return s.asked() == 1 })
	for range 100 {
		if _, err := k.check(token); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := k.Verify(ctx, token, now); !errors.Is(err, ErrUnavailable) || k.set.Load().remote.waiting.Load() != 0 {
		t.Errorf("with a deadline that passes: %v", err)
	}
	close(hold)
	until(t, "the key", func() bool { _, err := k.check(token); return err == nil })
}

// A key server that is down at first: tokens are not called wrong, the log says so, and
// the keys come by themselves once it is up.
func TestKeys_Run_ServerDownAtStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	log := new(lines)
	p := private()
	k := running(t, KeysConfig{URL: "http://" + addr + "/keys?secret=hunter22", Secrets: [][]byte{secret}, Logger: slog.New(slog.NewTextHandler(log, nil))})
	token := signKid(t, "ES256", p["ES256"], "k1", nil)
	if err := k.waits(token); !errors.Is(err, ErrUnavailable) {
		t.Errorf("of a key that nobody knows: %v", err)
	}
	if err := k.waits(signKid(t, "HS256", secret, "k1", nil)); err != nil {
		t.Errorf("of a secret: %v", err)
	}
	until(t, "a failure", func() bool { return k.Stats().Failures > 0 })
	if !strings.Contains(log.String(), "cannot fetch the keys") || strings.Contains(log.String(), "hunter22") {
		t.Errorf("the log says %s", log)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skip("the port was taken by another: ", err)
	}
	s := httptest.NewUnstartedServer(says(jwks(jwk(t, p["ES256"], "k1", ""))))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	until(t, "the keys", func() bool { _, err := k.check(token); return err == nil })
	if !strings.Contains(log.String(), "fetched the keys of tokens") {
		t.Errorf("the log says %s", log)
	}
}

// A server that never ends its answer is given up, and holds up no one for long.
func TestRemote_Load_SlowServer(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 8)
	s := newKeyServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	k := running(t, KeysConfig{URL: s.URL})
	token := signKid(t, "ES256", private()["ES256"], "k1", nil)
	begin := time.Now()
	if err := k.waits(token); !errors.Is(err, ErrUnavailable) || time.Since(begin) > 2*maxWait {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
	until(t, "it is given up", func() bool { return k.Stats().Failures > 0 })
	<-gone
	if d := time.Since(begin); d > fetchTime+2*time.Second {
		t.Errorf("that took %v", d)
	}
	begin = time.Now()
	if err := k.waits(token); !errors.Is(err, ErrUnavailable) || time.Since(begin) > maxWait/2 {
		t.Errorf("a token waits %v for a server that fails: %v", time.Since(begin), err)
	}
}

// Another key server takes the place of the first; until it answers the keys of the
// first stay in force.
func TestKeys_Reload_AnotherServer(t *testing.T) {
	t.Parallel()
	p := private()
	a := newKeyServer(t, says(jwks(jwk(t, p["ES256"], "k1", ""))))
	b := newKeyServer(t, says("not yet"))
	k := running(t, KeysConfig{URL: a.URL})
	first, second := signKid(t, "ES256", p["ES256"], "k1", nil), signKid(t, "ES256", p["ES256b"], "k2", nil)
	if err := k.waits(first); err != nil {
		t.Fatal(err)
	}
	r := k.set.Load().remote
	if err := k.Reload(KeysConfig{URL: a.URL, Issuer: ""}); err != nil || k.set.Load().remote != r {
		t.Errorf("the same again: %v", err)
	}
	if err := k.Reload(KeysConfig{URL: b.URL}); err != nil {
		t.Fatal(err)
	}
	until(t, "the second is asked", func() bool { return b.asked() > 0 })
	if _, err := k.check(first); err != nil {
		t.Errorf("while the second does not answer: %v", err)
	}
	b.set(says(jwks(jwk(t, p["ES256b"], "k2", ""))))
	until(t, "the second's key", func() bool { return k.waits(second) == nil })
	if err := k.waits(first); err == nil {
		t.Error("the first's key is still good")
	}
	if err := k.Reload(KeysConfig{URL: b.URL, Algorithms: []string{"RS256"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.check(second); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("an algorithm that is not allowed any more: %v", err)
	}
	if err := k.Reload(KeysConfig{Secrets: [][]byte{secret}}); err != nil || !k.Inline() || k.Stats().Keys != 1 {
		t.Errorf("without a server: %v, %+v", err, k.Stats())
	}
	b.spaced(t)
}
