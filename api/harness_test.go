package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve serves an API over HTTP at 127.0.0.1 for the test.
func serve(t testing.TB, cfg Config, e Edge) *httptest.Server {
	t.Helper()
	h, err := New(cfg, e)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// A reply is an HTTP response, read whole.
type reply struct {
	*http.Response
	body string
}

// ask sends a request; headers come as "Name: value", Host among them.
func ask(t testing.TB, method, url, body string, headers ...string) reply {
	t.Helper()
	var from io.Reader
	if body != "" {
		from = bytes.NewReader([]byte(body))
	}
	q, err := http.NewRequest(method, url, from)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			q.Host = value
			continue
		}
		q.Header.Add(name, value)
	}
	r, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return reply{r, string(text)}
}

// wantError checks that r is a failure as all are: one line of JSON.
func (r reply) wantError(t testing.TB, status int, code, message string) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if r.Request.Method == http.MethodHead {
		return
	}
	if strings.Count(r.body, "\n") != 1 || !strings.HasSuffix(r.body, "\n") {
		t.Errorf("body is not one line: %q", r.body)
	}
	var e struct {
		Error, Message    string
		Version           uint64          // of a conflict
		Document, Details json.RawMessage // of a conflict; of what is invalid
	}
	d := json.NewDecoder(strings.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		t.Fatalf("%q: %v", r.body, err)
	}
	if e.Error != code || !strings.Contains(e.Message, message) {
		t.Errorf("%s: want error %q with %q", r.body, code, message)
	}
}

func (r reply) wantOK(t testing.TB, body string) {
	t.Helper()
	if r.StatusCode != http.StatusOK || r.body != body {
		t.Errorf("%d %q, want 200 %q", r.StatusCode, r.body, body)
	}
}
