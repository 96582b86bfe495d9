package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPage_Files(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8",
		"/ticker.js": "text/javascript; charset=utf-8", "/page.svg": "image/svg+xml",
	} {
		r := ask(t, "GET", s.URL+path, "")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.body == "" {
			t.Errorf("%s: %d, %s, %d bytes", path, r.StatusCode, r.Header.Get("Content-Type"), len(r.body))
		}
		if got := r.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		etag := r.Header.Get("Etag")
		if again := ask(t, "GET", s.URL+path, "", "If-None-Match: "+etag); etag == "" || again.StatusCode != 304 || again.body != "" {
			t.Errorf("%s: %d for ETag %q", path, again.StatusCode, etag)
		}
	}
}

// The page loads nothing that the policy forbids: no script or style within, and
// nothing of another server.
func TestPage_NeedsNothingElse(t *testing.T) {
	s := serve(t, Config{}, &recorder{})
	page := ask(t, "GET", s.URL+"/", "").body
	for _, bad := range []string{"<style", "style=", "onclick", "onload", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if inline := regexp.MustCompile(`<script[^>]*>\s*\S`).FindString(page); inline != "" && !strings.HasSuffix(inline, "></") && !strings.HasSuffix(inline, "<") {
		t.Errorf("a script within: %q", inline)
	}
	for _, path := range []string{"/", "/page.css", "/page.js", "/ticker.js"} {
		for _, url := range regexp.MustCompile(`(https?:)?//[a-z0-9.-]+\.[a-z]+`).FindAllString(ask(t, "GET", s.URL+path, "").body, -1) {
			t.Errorf("%s names %s", path, url)
		}
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(page, -1) {
		if r := ask(t, "GET", s.URL+link[1], ""); r.StatusCode != 200 {
			t.Errorf("%s: %d", link[1], r.StatusCode)
		}
	}
	// What the scripts look for is there.
	for _, path := range []string{"/page.js", "/ticker.js"} {
		for _, id := range regexp.MustCompile(`\$\("([a-z-]+)"\)`).FindAllStringSubmatch(ask(t, "GET", s.URL+path, "").body, -1) {
			if !strings.Contains(page, `id="`+id[1]+`"`) {
				t.Errorf("%s looks for %q", path, id[1])
			}
		}
	}
}

func TestPage_Policy(t *testing.T) {
	for _, c := range []struct{ client, host, connect string }{
		{"", "127.0.0.1:8081", "connect-src 'self';"},
		{"ws://127.0.0.1:8080", "127.0.0.1:8081", "connect-src 'self' ws://127.0.0.1:8080;"},
		{"ws://127.0.0.1:8080", "localhost:8081", "connect-src 'self' ws://127.0.0.1:8080;"},
		{"ws://127.0.0.1:8080", "192.168.1.5:8081", "connect-src 'self' ws://192.168.1.5:8080;"},
		{"wss://push.example.org/x", "127.0.0.1:8081", "connect-src 'self' wss://push.example.org;"},
		{"ws://[::1]:8080", "127.0.0.1:8081", "connect-src 'self' ws:;"},
	} {
		s := serve(t, Config{Dev: c.client != "", ClientURL: c.client}, &recorder{})
		r := ask(t, "GET", s.URL+"/", "", "Host: "+c.host)
		policy := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{c.connect, "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s at %s: no %q in %q", c.client, c.host, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
	}
}

func TestPage_ClientURL_NamesOfTheRequestStayOut(t *testing.T) {
	p, err := newPage(Config{Dev: true, ClientURL: "ws://127.0.0.1:8080"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"roost.lan:8081": "ws://roost.lan:8080", "10.0.0.1": "ws://10.0.0.1:8080", "[fe80::1]:8081": "ws://[fe80::1]:8080",
		"a;b": "ws://127.0.0.1:8080", "a b": "ws://127.0.0.1:8080", "a,b:1": "ws://127.0.0.1:8080", "'none'": "ws://127.0.0.1:8080", "": "ws://127.0.0.1:8080",
		"[fe80::1%25;x]": "ws://127.0.0.1:8080",
	} {
		q := request(nil, 0)
		q.Host = host
		if got := p.clientURL(q).String(); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
}

func TestPage_Config(t *testing.T) {
	plain := serve(t, Config{Version: "v1", DevToken: "tok", ClientURL: "ws://127.0.0.1:8080"}, &recorder{})
	ask(t, "GET", plain.URL+"/page.json", "").wantOK(t, `{"version":"v1","dev":false}`+"\n")

	s := serve(t, Config{Version: "v1", Dev: true, DevToken: "tok", ClientURL: "ws://127.0.0.1:8080/"}, &recorder{})
	var got demo
	if err := json.Unmarshal([]byte(ask(t, "GET", s.URL+"/page.json", "").body), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Dev || got.Token != "tok" || got.URL != "ws://127.0.0.1:8080" || !slices.Equal(got.Symbols, symbols) || got.Rooms[0] != "ticker.NORD" || !slices.Contains(got.Rooms, got.Lobby) {
		t.Errorf("%+v", got)
	}
	if strings.Contains(ask(t, "GET", s.URL+"/", "").body, `tok"`) {
		t.Error("the token stands in the page")
	}
}
