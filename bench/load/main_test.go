package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/roostws/roost/bench"
)

// load runs it, and returns its exit status and what it said.
func load(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestRun_Status(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/echo" {
			http.Error(w, "no such path", http.StatusNotFound)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil || c.Write(context.Background(), kind, b) != nil {
				return
			}
		}
	}))
	defer s.Close()
	url := "ws" + strings.TrimPrefix(s.URL, "http")

	code, out, said := load(t, "echo", "--url", url+"/echo", "--conns", "5", "--duration", "200ms", "--warmup", "10ms")
	var r bench.Result
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || r.Up != 5 || *r.Ops == 0 || said != "" {
		t.Errorf("status %d, %v, said %q: %s", code, err, said, out)
	}

	code, out, said = load(t, "echo", "--url", url+"/nowhere", "--conns", "5")
	if err := json.Unmarshal([]byte(out), &r); code != 1 || err != nil || r.Failed != 5 || !strings.Contains(said, "404 Not Found: no such path") {
		t.Errorf("status %d, %v, said %q: %s", code, err, said, out)
	}

	for want, args := range map[string]string{
		"Mode: \"\" is none": "--url " + url,
		"dance":              "dance --url " + url,
		"URL":                "echo",
		"not defined":        "echo --colour",
		"unknown argument":   "echo --url " + url + " more",
	} {
		code, out, said := load(t, strings.Fields(args)...)
		if code != 2 || out != "" || !strings.Contains(said, want) {
			t.Errorf("%q: status %d, said %q, wrote %q", args, code, said, out)
		}
	}
}

func TestMinter_Token_IsGoodAndItsOwn(t *testing.T) {
	m := newMinter("0123456789abcdef0123456789abcdef", "bench")
	for i, sub := range []string{"user-0", "user-1"} {
		var claims struct {
			jwt.RegisteredClaims
			Rooms []string `json:"rooms"`
		}
		_, err := jwt.ParseWithClaims(m.token(i), &claims, func(*jwt.Token) (any, error) {
			return []byte("0123456789abcdef0123456789abcdef"), nil
		}, jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
		if err != nil || claims.Subject != sub || len(claims.Rooms) != 1 || claims.Rooms[0] != "bench" {
			t.Errorf("%v: %+v", err, claims)
		}
	}
}

func TestHeaders_NumbersAndTokens(t *testing.T) {
	if headers("", "", "*") != nil {
		t.Error("headers of nothing")
	}
	h := headers("A: {i}\nB: x", strings.Repeat("s", 32), "*")
	if got := h(7); !strings.HasPrefix(got, "A: 7\r\nB: x\r\nAuthorization: Bearer ey") || !strings.HasSuffix(got, "\r\n") || h(7) == h(8) {
		t.Errorf("%q", got)
	}
}
