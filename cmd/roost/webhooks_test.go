package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

// What is wrong in the section webhooks is told with its place and what would be
// right, and the URL and the secret are not told.
func TestParseFile_Webhooks_Errors(t *testing.T) {
	const keys = "url, secret, secret-file, events, ask, timeout, on_failure or queue"
	const badURL = "is not a URL of http or https with a host: http://127.0.0.1:3000/roost would be right"
	for _, c := range []struct{ file, want string }{
		// The mapping.
		{"webhooks:\n", "f:1:1: webhooks: nothing is not right here: a mapping with " + keys + " would be"},
		{"webhooks: http://a/\n", "f:1:11: webhooks: a text is not right here: a mapping with " + keys + " would be"},
		{"webhooks:\n  - url: http://a/\n", "f:2:3: webhooks: a list is not right here: a mapping with " + keys + " would be"},
		{"webhooks: {}\n", "f:1:11: webhooks: the mapping is empty: " + keys + " would be right"},
		{"webhooks: &w {url: http://a/}\n", "f:1:11: webhooks: an anchor (&) is not right here: a mapping with " + keys + " would be"},
		{"webhook:\n  url: http://a/\n", `f:1:1: unknown key "webhook": did you mean webhooks?`},
		{"webhooks: {url: \"http://a/\", ask: [join]}\nwebhooks: {url: \"http://b/\"}\n", `f:2:1: webhooks stands in line 1 already: once would be right`},

		// Its keys.
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  on-failure: deny\n", `f:4:3: unknown key "on-failure" in webhooks: did you mean on_failure?`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  secret_file: x\n", `f:4:3: unknown key "secret_file" in webhooks: did you mean secret-file?`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  retries: 3\n", `f:4:3: unknown key "retries" in webhooks: ` + keys + ` would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  url: http://b/\n", `f:4:3: webhooks.url stands in line 2 already: once would be right`},
		{"webhooks:\n  url: http://a/\n", `f:2:3: webhooks: events and ask are missing: one of the two would be right`},

		// url.
		{"webhooks:\n  ask: [join]\n", `f:2:3: webhooks: url is missing: url: http://127.0.0.1:3000/roost would be right`},
		{"webhooks:\n  ask: [join]\n  url:\n", `f:3:3: webhooks.url: nothing is not right here: a text would be`},
		{"webhooks:\n  ask: [join]\n  url: 3000\n", `f:3:8: webhooks.url: a number is not right here: a text in quotes would be`},
		{"webhooks:\n  ask: [join]\n  url: ''\n", `f:3:8: webhooks.url: is empty: a text, or nothing at all, would be right`},
		{"webhooks:\n  ask: [join]\n  url: /roost\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: 127.0.0.1:3000\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: ws://a/\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: http://\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: http://:80/\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: http://a:70000/\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: http://a:0/\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: http://a b/\n", `f:3:8: webhooks.url: ` + badURL},
		{"webhooks:\n  ask: [join]\n  url: https://me:hunter22@a/\n", `f:3:8: webhooks.url: holds a user: a URL without one would be right; the secret shows who sends`},
		{"webhooks:\n  ask: [join]\n  url: https://a/#hunter22\n", `f:3:8: webhooks.url: holds a fragment (#), which is never sent: a URL without one would be right`},
		{"webhooks:\n  ask: [join]\n  url: https://a/" + strings.Repeat("u", 2048) + "\n", `f:3:8: webhooks.url: 2058 bytes are too many: at most 2048 would be right`},

		// The secrets.
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  secret: 123456\n", `f:4:11: webhooks.secret: a number is not right here: a text in quotes would be`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  secret: ''\n", `f:4:11: webhooks.secret: is empty: a text, or nothing at all, would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  secret: hunter22\n  secret-file: x\n", `f:5:16: webhooks.secret-file: stands beside secret: one of the two would be right`},

		// events, ask.
		{"webhooks:\n  url: http://a/\n  events: []\n", `f:3:11: webhooks.events: the list is empty: an element, or no such key, would be right`},
		{"webhooks:\n  url: http://a/\n  events: [open]\n", `f:3:11: webhooks.events: "open" is unknown: connect, disconnect, join, leave, publish, occupied or vacated would be right`},
		{"webhooks:\n  url: http://a/\n  events: [join, join]\n", `f:3:11: webhooks.events: "join" is there twice: once would be right`},
		{"webhooks:\n  url: http://a/\n  events: true\n", `f:3:11: webhooks.events: true or false is not right here: a list of texts such as [a, b] would be`},
		{"webhooks:\n  url: http://a/\n  events: join,leave\n", `f:3:11: webhooks.events: a comma stands in a text: a list such as [a, b] would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [leave]\n", `f:3:8: webhooks.ask: "leave" is unknown: connect, join or publish would be right`},
		{"webhooks:\n  url: http://a/\n  ask:\n    - join\n    - 1\n", `f:4:5: webhooks.ask: element 2 is a number: a text would be right`},

		// timeout, on_failure, queue.
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  timeout: 2\n", `f:4:12: webhooks.timeout: "2" has no unit: 2s or 2ms would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  timeout: 9ms\n", `f:4:12: webhooks.timeout: 9ms is out of range: 10ms to 1m would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  timeout: 61s\n", `f:4:12: webhooks.timeout: 1m1s is out of range: 10ms to 1m would be right`},
		{"webhooks:\n  url: http://a/\n  ask: [join]\n  on_failure: open\n", `f:4:15: webhooks.on_failure: "open" is unknown: deny or allow would be right`},
		{"webhooks:\n  url: http://a/\n  events: [join]\n  queue: 99\n", `f:4:10: webhooks.queue: 99 is out of range: 100 to 1000000 would be right`},
		{"webhooks:\n  url: http://a/\n  events: [join]\n  queue: 1000001\n", `f:4:10: webhooks.queue: 1000001 is out of range: 100 to 1000000 would be right`},
		{"webhooks:\n  url: http://a/\n  events: [join]\n  queue: 1MiB\n", `f:4:10: webhooks.queue: a text is not right here: a whole number such as 1000 would be`},
	} {
		_, err := parseFile("f", []byte(c.file), serveSettings)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n%v\nwant\n%s", c.file, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q tells a secret", c.file)
		}
	}
}

func TestParseFile_Webhooks_Right(t *testing.T) {
	content, err := parseFile("f", []byte("webhooks:\n  url: https://user.example:8443/roost?x=1\n  secret: hunter22\n  events: join\n  ask: [connect, publish]\n  timeout: 500ms\n  on_failure: allow\n  queue: 100\n"), serveSettings)
	if err != nil {
		t.Fatal(err)
	}
	w := content.webhooks
	if w.URL != "https://user.example:8443/roost?x=1" || w.Secret != "hunter22" || w.Events.String() != "join" || w.Ask.String() != "connect,publish" ||
		time.Duration(w.Timeout) != 500*time.Millisecond || w.OnFailure != "allow" || w.Queue != 100 {
		t.Errorf("it is %+v", w)
	}
	if content, err = parseFile("f", []byte("webhooks: {url: 'http://[::1]:3000', events: [vacated]}\n"), serveSettings); err != nil {
		t.Fatal(err)
	}
	if w = content.webhooks; w.Timeout != span(2*time.Second) || w.OnFailure != "deny" || w.Queue != 10_000 || w.Ask != nil || w.Secret != "" {
		t.Errorf("by default it is %+v", w)
	}
	if content, err = parseFile("f", nil, serveSettings); err != nil || content.webhooks != nil || content.rooms != nil {
		t.Errorf("an empty file has sections: %+v, %v", content, err)
	}
}

// The environment's secret goes before the file's, and each is checked where it stands.
func TestWebhookSettings_Settle_Secret(t *testing.T) {
	path := writeFile(t, "secret", "from-a-file\r\n")
	long := strings.Repeat("s", 1025)
	env := func(s string) []string { return []string{envWebhookSecret + "=" + s} }
	for _, c := range []struct {
		key  string
		env  []string
		want string
	}{
		{"", nil, ""},
		{"secret: plain", nil, "plain"},
		{"secret: plain", env("over"), "over"},
		{"secret: plain", env(""), "plain"},
		{"secret-file: " + path, nil, "from-a-file"},
		{"secret-file: " + path, env("over"), "over"},
		{"secret-file: /nowhere", env("over"), "over"},
		{"", env("over"), "over"},
		{"secret-file: /nowhere", nil, "F:4:16: webhooks.secret-file: open /nowhere: no such file or directory"},
		{"secret-file: " + writeFile(t, "empty", "\n"), nil, "is empty: a secret in it would be right"},
		{"secret: " + long, nil, "F:4:11: webhooks.secret: 1025 bytes are too many: at most 1024 would be right"},
		{"secret-file: " + writeFile(t, "long", long), nil, "F:4:16: webhooks.secret-file: 1025 bytes are too many: at most 1024 would be right"},
		{"", env(long), "ROOST_WEBHOOK_SECRET: 1025 bytes are too many: at most 1024 would be right"},
	} {
		file := writeFile(t, "roost.yaml", "webhooks:\n  url: http://127.0.0.1:1/\n  ask: [join]\n  "+c.key+"\n")
		p := parseServe(t, []string{"--auth=none", "--config", file}, c.env)
		got := ""
		if err := p.settle(); err != nil {
			got = err.Error()
		} else {
			got = string(p.sections.webhooks.Secret)
		}
		want := strings.ReplaceAll(c.want, "F:", file+":")
		if got != want && !(strings.HasPrefix(want, "is empty") && strings.HasSuffix(got, want)) {
			t.Errorf("%q with %d variables: %s; want %s", c.key, len(c.env), got, want)
		}
	}
	// A path begins at the file's folder.
	file := writeFile(t, "roost.yaml", "webhooks:\n  url: http://127.0.0.1:1/\n  ask: [join]\n  secret-file: s\n")
	content, err := readFile(file, serveSettings)
	if want := filepath.Join(filepath.Dir(file), "s"); err != nil || string(content.webhooks.SecretFile) != want {
		t.Errorf("the secret's file is %s, %v; want %s", content.webhooks.SecretFile, err, want)
	}
}

// --auth webhook is refused where no backend is asked on connect.
func TestRun_AuthWebhook_NeedsABackend(t *testing.T) {
	const needs = "webhook needs a backend that is asked: webhooks.url, and connect in webhooks.ask, in the file of --config would be right"
	for file, want := range map[string]string{
		"auth: webhook\n": "F:1:7: auth: " + needs,
		"auth: webhook\nwebhooks:\n  url: http://127.0.0.1:1/\n  events: [connect]\n":                                     "F:1:7: auth: " + needs,
		"auth: webhook\nwebhooks:\n  url: http://127.0.0.1:1/\n  ask: [join]\n":                                           "F:1:7: auth: " + needs,
		"auth: webhook\nwebhooks:\n  url: http://127.0.0.1:1/\n  ask: [join, connect]\n":                                  "",
		"auth: webhook\nadmin: 127.0.0.1:8080\nwebhooks:\n  url: http://127.0.0.1:1/\n  secret-file: /n\n  ask: [join]\n": "F:2:8: admin: 127.0.0.1:8080 is a port of clients (--listen 127.0.0.1:8080): another one would be right\nF:5:16: webhooks.secret-file: open /n: no such file or directory\nF:1:7: auth: " + needs,
	} {
		path := writeFile(t, "roost.yaml", file)
		status, _, stderr := invoke([]string{"serve", "--check", "--config", path}, nil)
		if want == "" {
			if status != statusOK || stderr != "" {
				t.Errorf("%q: status %d\n%s", file, status, stderr)
			}
			continue
		}
		want = "roost: " + strings.ReplaceAll(strings.ReplaceAll(want, "F:", path+":"), "\n", "\nroost: ") + "\nsee roost serve --help\n"
		if status != statusUsage || stderr != want {
			t.Errorf("%q: status %d\n%swant\n%s", file, status, stderr, want)
		}
	}
}

// With --auth webhook no token is verified by roost itself.
func TestConfig_Edge_AuthWebhook(t *testing.T) {
	file := writeFile(t, "roost.yaml", "webhooks:\n  url: http://127.0.0.1:1/\n  ask: [connect]\nrooms:\n  - match: a\n")
	p := parseServe(t, []string{"--auth=webhook", "--config", file, "--max-per-user=7", "--max-joined=8", "--history-memory=1MiB", "--document-memory=2MiB"}, nil)
	if err := p.settle(); err != nil {
		t.Fatal(err)
	}
	cfg, err := p.grammar.Serve.edge(p.origins, p.sections.policies, nil)
	if err != nil || cfg.Auth != nil || len(cfg.Rooms) != 1 || cfg.MaxPerUser != 7 || cfg.MaxJoined != 8 || cfg.HistoryMemory != 1<<20 || cfg.DocumentMemory != 2<<20 {
		t.Errorf("the edge gets %+v, %v", cfg, err)
	}
}

// The words of the section are the edge's.
func TestWhats_AreTheEdges(t *testing.T) {
	words := find(webhookKeys, "events").choices
	var kinds []edge.What
	for _, word := range words {
		what, ok := edge.ParseWhat(word)
		if !ok || what.String() != word {
			t.Errorf("%s is none of the edge's", word)
		}
		kinds = append(kinds, what)
	}
	if !slices.Equal(whats(words), kinds) || len(kinds) != int(edge.WhatVacated)+1 {
		t.Errorf("%v are %v", words, kinds)
	}
	asks := find(webhookKeys, "ask").choices
	if want := []edge.What{edge.WhatConnect, edge.WhatJoin, edge.WhatPublish}; !slices.Equal(whats(asks), want) {
		t.Errorf("%v are %v", asks, whats(asks))
	}
}

// What was told before the hooks are stopped reaches the backend before stop returns.
func TestNode_StartHooks_StopWaits(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	(&node{log: log}).startHooks()() // without hooks
	var got atomic.Value
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		got.Store(string(body))
	}))
	defer backend.Close()
	w := &webhookSettings{URL: text(backend.URL), Events: list{"vacated"}, Ask: list{"connect"}, Timeout: span(5 * time.Second), Queue: 100}
	var cfg edge.Config
	hooks, err := w.attach(&cfg, log)
	if err != nil || cfg.Observer == nil || cfg.Decider == nil || len(cfg.Asks) != 1 || len(cfg.Events) != 1 || cfg.AskTime != 6*time.Second {
		t.Fatalf("%+v, %v", cfg, err)
	}
	stop := (&node{log: log, hooks: hooks}).startHooks()
	hooks.Event(&edge.Event{What: edge.WhatVacated, Time: time.Now(), Room: "r"})
	stop()
	if body, _ := got.Load().(string); !strings.Contains(body, `"event":"vacated"`) || !strings.Contains(body, `"room":"r"`) {
		t.Errorf("the backend got %q", body)
	}
}
