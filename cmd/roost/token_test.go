package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
)

// verify reads a token as serve would.
func verify(t *testing.T, token string, cfg auth.HMACConfig) (auth.Identity, error) {
	t.Helper()
	v, err := auth.NewHMAC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(context.Background(), token, time.Now())
}

func TestRun_Token_IsVerified(t *testing.T) {
	secretFile := writeFile(t, "secret", goodSecret+"\n")
	file := writeFile(t, "roost.yaml", "jwt-secret: "+goodSecret+"\njwt-issuer: shop\njwt-audience: push\njwt-algorithms: [HS512]\nheartbeat: 20s\n")
	for _, c := range []struct {
		what      string
		args, env string
		cfg       auth.HMACConfig
	}{
		{"the flag", "--jwt-secret|" + goodSecret, "", auth.HMACConfig{}},
		{"the short flag", "--secret|" + goodSecret, "", auth.HMACConfig{}},
		{"a file", "--jwt-secret-file|" + secretFile, "", auth.HMACConfig{}},
		{"the environment", "", "ROOST_JWT_SECRET=" + goodSecret, auth.HMACConfig{}},
		{"serve's file", "--config|" + file, "", auth.HMACConfig{Algorithms: []string{"HS512"}, Issuer: "shop", Audience: "push"}},
		{"serve's file, by the environment", "", "ROOST_CONFIG=" + file, auth.HMACConfig{Algorithms: []string{"HS512"}, Issuer: "shop", Audience: "push"}},
		{"another algorithm", "--jwt-algorithms|HS384|--jwt-secret|" + goodSecret, "", auth.HMACConfig{Algorithms: []string{"HS384"}}},
	} {
		args := []string{"token", "--sub", "alice", "--rooms", "chat.*,news", "--rooms=a@b", "--publish", "chat.1", "--ttl", "90s", "--info", `{"name":"Alice"}`}
		if c.args != "" {
			args = append(args, strings.Split(c.args, "|")...)
		}
		status, stdout, stderr := invoke(args, []string{c.env})
		if status != statusOK || stderr != "" || strings.Count(stdout, "\n") != 1 {
			t.Errorf("by %s: status %d, stdout %q, stderr %s", c.what, status, stdout, stderr)
			continue
		}
		c.cfg.Secrets = [][]byte{[]byte(goodSecret)}
		id, err := verify(t, strings.TrimSpace(stdout), c.cfg)
		if err != nil {
			t.Errorf("by %s: %v", c.what, err)
			continue
		}
		if id.User != "alice" || string(id.Info) != `{"name":"Alice"}` {
			t.Errorf("by %s it says %+v", c.what, id)
		}
		if left := time.Until(time.Unix(id.Expires, 0)); left < 80*time.Second || left > 90*time.Second {
			t.Errorf("by %s it ends in %v", c.what, left)
		}
		for room, may := range map[string][2]bool{"chat.1": {true, true}, "chat.2": {true, false}, "news": {true, false}, "a@b": {true, false}, "other": {false, false}} {
			if id.Rooms.Match(room) != may[0] || id.Publish.Match(room) != may[1] {
				t.Errorf("by %s, %s: join %v, publish %v", c.what, room, id.Rooms.Match(room), id.Publish.Match(room))
			}
		}
	}
}

func TestRun_Token_Hints(t *testing.T) {
	status, stdout, stderr := invoke([]string{"token", "--sub", "alice", "--secret", "short"}, nil)
	want := "roost: the token may join no room: --rooms 'chat.*' would let it\n" +
		"roost: the secret is shorter than 32 bytes: serve takes it with --dev alone\n"
	if status != statusOK || stderr != want || strings.Count(stdout, ".") != 2 {
		t.Errorf("status %d, stdout %q, stderr\n%s", status, stdout, stderr)
	}
	if _, err := verify(t, strings.TrimSpace(stdout), auth.HMACConfig{Secrets: [][]byte{[]byte("short")}, AllowShort: true}); err != nil {
		t.Error(err)
	}
}

// The sections of the file mean nothing to token: it opens no file that they name.
func TestRun_Token_SectionsMeanNothing(t *testing.T) {
	file := writeFile(t, "roost.yaml", "auth: webhook\njwt-secret: "+goodSecret+"\nrooms:\n  - match: \"*\"\n    schema: nowhere.json\nwebhooks:\n  url: http://127.0.0.1:1/\n  secret-file: nowhere\n  events: [connect]\n")
	status, stdout, stderr := invoke([]string{"token", "--sub", "alice", "--rooms", "a.*", "--config", file}, []string{envWebhookSecret + "=x"})
	if status != statusOK || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	id, err := verify(t, strings.TrimSpace(stdout), auth.HMACConfig{Secrets: [][]byte{[]byte(goodSecret)}})
	if err != nil || !id.Rooms.Match("a.b") || id.Rooms.Match("b") {
		t.Errorf("the token says %+v, %v", id, err)
	}
}

// What is wrong with another setting of the file is told by token too.
func TestRun_Token_FileIsReadStrictly(t *testing.T) {
	file := writeFile(t, "roost.yaml", "jwt-secret: "+goodSecret+"\nmax_message: 1\n")
	status, stdout, stderr := invoke([]string{"token", "--sub", "alice", "--config", file}, nil)
	want := "roost: " + file + ":2:1: unknown key \"max_message\": did you mean max-message?\nsee roost token --help\n"
	if status != statusUsage || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr %s", status, stdout, stderr)
	}
}
