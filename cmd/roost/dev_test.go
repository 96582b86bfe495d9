package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/auth"
)

func devConfig(t *testing.T, args ...string) *Config {
	t.Helper()
	p := parseServe(t, append([]string{"--dev"}, args...), nil)
	if _, err := p.grammar.Serve.settle(p.origins); err != nil {
		t.Fatal(err)
	}
	return &p.grammar.Serve
}

func TestDevAccess_Print_ReadyToPaste(t *testing.T) {
	c := devConfig(t, "--jwt-issuer=shop", "--jwt-algorithms=HS512", "--admin-secret=hunter22")
	c.JWTSecret = randomSecret()
	d, err := newDevAccess(c, "ws://127.0.0.1:8080", "http://127.0.0.1:8081", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id, err := verify(t, d.token, auth.HMACConfig{Secrets: [][]byte{[]byte(c.JWTSecret)}, Algorithms: []string{"HS512"}, Issuer: "shop"})
	if err != nil || !id.Rooms.Match("any.room") || !id.Publish.Match("any.room") {
		t.Errorf("the token says %+v, %v", id, err)
	}
	var out strings.Builder
	if err := d.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"  admin    http://127.0.0.1:8081/\n",
		"  client   ws://127.0.0.1:8080/rooms/ticker.NORD?token=" + d.token + "\n",
		"  token    " + d.token + "\n",
		"  npx wscat -c 'ws://127.0.0.1:8080/rooms/chat.1?token=" + d.token + "'\n",
		"  curl -H \"Authorization: Bearer $ROOST_ADMIN_SECRET\" -d 'hello' http://127.0.0.1:8081/v1/rooms/chat.1/publish\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the line is missing: %sin\n%s", line, &out)
		}
	}
	if strings.Contains(out.String(), "hunter22") || strings.Contains(out.String(), string(c.JWTSecret)) {
		t.Errorf("it tells a secret:\n%s", &out)
	}
}

func TestDevAccess_Print_WithoutAuth(t *testing.T) {
	d, err := newDevAccess(devConfig(t, "--auth=none"), "ws://127.0.0.1:8080", "http://127.0.0.1:8081", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := d.print(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "token") || !strings.Contains(out.String(), "  curl -d 'hello' http://127.0.0.1:8081/v1/rooms/chat.1/publish\n") {
		t.Errorf("it prints\n%s", &out)
	}
}

// The admin page's Origin is let in, the ports' own stay in, others do not come in.
func TestDevOrigins_Allow_AdminPage(t *testing.T) {
	for _, c := range []struct {
		listen, admin string
		port          int // of admin
		yes, no       string
	}{
		{"127.0.0.1:8080", "127.0.0.1:8081", 8081, "http://127.0.0.1:8081|http://localhost:8081|http://127.0.0.1:8080|http://localhost:8080", "http://evil.example|http://127.0.0.1:9999|null"},
		{"localhost:8080", "localhost:0", 4321, "http://localhost:4321|http://127.0.0.1:4321|http://localhost:8080", "http://evil.example|http://localhost:4322"},
		{"[::1]:8080", "[::1]:8081", 8081, "http://[::1]:8081|http://[::1]:8080", "http://evil.example"},
		{":8080", "0.0.0.0:8081", 8081, "http://desk.example:8081|http://desk.example:8080|http://127.0.0.1:8081", "http://evil.example|http://evil.example:80"},
		{"10.0.0.1:8080", "10.0.0.1:8081", 8081, "http://10.0.0.1:8081|http://10.0.0.1:8080", "http://evil.example"},
		{"10.0.0.1:8080", "[fd00::1]:8081", 8081, "http://[fd00::1]:8081", "http://evil.example:8081"},
	} {
		cfg := devConfig(t, "--listen="+c.listen, "--admin="+c.admin, "--admin-secret=hunter22")
		o, err := auth.NewOrigins(devOrigins(cfg, &net.TCPAddr{Port: c.port}))
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		for _, origin := range strings.Split(c.yes, "|") {
			if !o.Allow([]byte(origin), []byte("127.0.0.1:8080")) {
				t.Errorf("%s with %s: %s is kept out", c.listen, c.admin, origin)
			}
		}
		for _, origin := range strings.Split(c.no, "|") {
			if o.Allow([]byte(origin), []byte("127.0.0.1:8080")) {
				t.Errorf("%s with %s: %s is let in", c.listen, c.admin, origin)
			}
		}
	}
}
