package main

import "testing"

func TestNearest_Names(t *testing.T) {
	var names []string
	for _, s := range serveSettings {
		names = append(names, s.name)
	}
	for word, want := range map[string]string{
		"max_message": "max-message", "maxMessage": "max-message", "MAX-MESSAGE": "max-message", "max-mesage": "max-message",
		"listn": "listen", "litsen": "listen", "--origins": "origin", "jwt-algorithm": "jwt-algorithms", "jwt-alg": "jwt-algorithms",
		"listen-addr": "listen", "heartbeat_timeout": "heartbeat-timeout", "log-lvl": "log-level", "admin_secret_file": "admin-secret-file",
		"redis": "", "": "", "-": "", "x": "", "rooms": "", "webhooks": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%q) = %q; want %q", word, got, want)
		}
	}
}

func TestNearest_Distance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"ab", "ba", 1}, {"listen", "listne", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d; want %d", c.a, c.b, got, c.want)
		}
	}
}
