package api

import (
	"testing"
)

func TestForeign_Host(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	for _, host := range []string{"127.0.0.1", "127.0.0.1:8081", "localhost", "LOCALHOST:1", "a.localhost:80", "[::1]:8081", "[::1]", "10.1.2.3:80", "192.168.0.7"} {
		if r := ask(t, "GET", s.URL+"/healthz", "", "Host: "+host); r.StatusCode != 200 {
			t.Errorf("Host %s: %d %s", host, r.StatusCode, r.body)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "127.0.0.1.nip.io:80", "localhost.", "1"} {
		for _, path := range []string{"/healthz", "/", "/v1/stats", "/nothing"} {
			ask(t, "GET", s.URL+path, "", "Host: "+host).wantError(t, 403, "forbidden", "not this machine")
		}
		ask(t, "POST", s.URL+"/v1/rooms/r/publish", "x", "Host: "+host).wantError(t, 403, "forbidden", "Host")
	}
	rec.want(t)
}

func TestForeign_Origin(t *testing.T) {
	rec := &recorder{}
	s := serve(t, Config{}, rec)
	at := s.URL + "/v1/rooms/r/publish"
	for _, origin := range []string{"http://evil.example", "null", "", "http://127.0.0.1:1", "http://localhost:8081", "https://127.0.0.1", "file://", "chrome-extension://abc", "garbage", "http://"} {
		ask(t, "POST", at, "x", "Host: 127.0.0.1:8081", "Origin: "+origin).wantError(t, 403, "forbidden", "Origin")
		ask(t, "GET", s.URL+"/v1/stats", "", "Host: 127.0.0.1:8081", "Origin: "+origin).wantError(t, 403, "forbidden", "Origin")
	}
	ask(t, "POST", at, "x", "Host: 127.0.0.1:8081", "Origin: http://127.0.0.1:8081", "Origin: http://evil.example").wantError(t, 403, "forbidden", "Origin")
	for _, site := range []string{"cross-site", "same-site"} {
		ask(t, "POST", at, "x", "Sec-Fetch-Site: "+site).wantError(t, 403, "forbidden", "pages")
	}
	rec.want(t)
	for _, headers := range [][]string{
		{"Host: 127.0.0.1:8081", "Origin: http://127.0.0.1:8081"},
		{"Host: LocalHost", "Origin: http://localhost"},
		{"Host: localhost:80", "Origin: http://localhost"},
		{"Host: 10.0.0.1:443", "Origin: https://10.0.0.1"},
		{"Host: [::1]:8081", "Origin: http://[::1]:8081", "Sec-Fetch-Site: same-origin"},
		{"Sec-Fetch-Site: none"},
	} {
		if r := ask(t, "POST", at, "x", headers...); r.StatusCode != 200 {
			t.Errorf("%v: %d %s", headers, r.StatusCode, r.body)
		}
	}
	// A link on somebody's page may lead here.
	if r := ask(t, "GET", s.URL+"/", "", "Sec-Fetch-Site: cross-site"); r.StatusCode != 200 {
		t.Errorf("a link: %d", r.StatusCode)
	}
}
