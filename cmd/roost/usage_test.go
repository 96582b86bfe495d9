package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const noSecret = "is missing, and --auth jwt needs it: at least 32 bytes, as openssl rand -base64 32 makes, by --jwt-secret-file or ROOST_JWT_SECRET would be right; or --jwt-public-key or --jwks-url where others sign; or --dev to try with a random one; or --auth none to ask nobody"

// Each wrong usage gives status 2, nothing on stdout, a line for each thing that
// is wrong, and a line that says where help is.
func TestRun_Usage_Errors(t *testing.T) {
	dir := t.TempDir()
	empty, large, short := filepath.Join(dir, "empty"), filepath.Join(dir, "large"), filepath.Join(dir, "short")
	for path, text := range map[string]string{empty: "\n", large: strings.Repeat("x", maxSecretFile+1), short: "short\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string // parted by |
		env  string // the same
		want string // without the last line
	}{
		// The command.
		{"", "", `a command is missing: serve, token, drain or version would be right`},
		{"bench", "", `unknown command "bench": serve, token, drain or version would be right`},
		{"--listen=:1", "", `unknown flag --listen`},

		// Flags that are unknown, without a value, or out of place.
		{"serve|--redis|redis://x", "", `unknown flag --redis`},
		{"serve|--redis=redis://x", "", `unknown flag --redis`},
		{"serve|--tls-certs=x", "", `unknown flag --tls-certs: did you mean --tls-cert?`},
		{"serve|--auth=none|--listen=tls://:8443|--tls-cert=/a/x.crt", "", `--tls-cert: /a/x.crt has no key: as many --tls-key as --tls-cert, in the same order, would be right`},
		{"serve|--auth=none|--listen=tls://:8443|--tls-cert=/a/x.crt|--tls-key=/a/x.key|--tls-key=/a/y.key", "", `--tls-key: /a/y.key has no certificate: as many --tls-cert as --tls-key, in the same order, would be right`},
		{"serve|--auth=none|--listen=tls://:8443|--tls-cert=/nowhere/x.crt|--tls-key=/nowhere/x.key", "", "--tls-cert: open /nowhere/x.crt: no such file or directory\n--tls-key: open /nowhere/x.key: no such file or directory"},
		{"serve|--auth=none|--tls-min-version=1.1", "", `--tls-min-version: "1.1" is unknown: 1.2 or 1.3 would be right`},
		{"serve|--auth=none", "ROOST_LISTEN=wss://:8443", `ROOST_LISTEN: "wss://:8443" begins with wss://: host:port such as 127.0.0.1:8080, or tls://:8443, would be right`},
		{"serve|--webtransport", "", `unknown flag --webtransport`},
		{"serve|--rooms=a", "", `unknown flag --rooms`},
		{"serve|--webhook-url=http://127.0.0.1:3000/", "", `unknown flag --webhook-url`},
		{"serve|--max-mesage=1", "", `unknown flag --max-mesage: did you mean --max-message?`},
		{"serve|--max_message=1", "", `unknown flag --max_message: did you mean --max-message?`},
		{"serve|-listen|:1", "", `unknown flag -listen: did you mean --listen?`},
		{"serve|-x", "", `unknown flag -x`},
		{"serve|--no-echo", "", `unknown flag --no-echo`},
		{"serve|--listen", "", `--listen: a value is missing (one that begins with - is written --flag=VALUE)`},
		{"serve|--jwt-secret|-hunter22", "", `--jwt-secret: a value is missing (one that begins with - is written --flag=VALUE)`},
		{"serve|extra", "", `unexpected argument "extra": flags alone would be right`},
		{"serve|--echo|false", "", `unexpected argument "false": flags alone would be right`},
		{"version|extra", "", `unexpected argument "extra": flags alone would be right`},
		{"version|--echo", "", `unknown flag --echo`},

		// Values, from each place; all at once.
		{"serve|--auth=none|--max-message=64K|--heartbeat=25|--loops=x|--echo=maybe", "",
			"--max-message: \"64K\" has an unknown unit: 64KiB would be right\n" +
				"--heartbeat: \"25\" has no unit: 25s or 25ms would be right\n" +
				"--loops: \"x\" is not a number: a whole one such as 1000 would be right\n" +
				"--echo: \"maybe\" is neither true nor false"},
		{"serve|--auth=none", "ROOST_MAX_MESSAGE=64K|ROOST_ECHO=maybe|ROOST_LOOPS=65",
			"ROOST_LOOPS: 65 is out of range: 1 to 64 would be right\n" +
				"ROOST_ECHO: \"maybe\" is neither true nor false\n" +
				"ROOST_MAX_MESSAGE: \"64K\" has an unknown unit: 64KiB would be right"},
		{"serve|--auth=none|--max-message=124", "", `--max-message: 124 is out of range: 125 to 64MiB would be right`},
		{"serve|--auth=none|--max-message=64.5MiB", "", `--max-message: "64.5MiB" is not a size: bytes such as 65536, 64KiB or 1MiB would be right`},
		{"serve|--auth=none|--max-connections=0", "", `--max-connections: 0 is out of range: 1 to 16777216 would be right`},
		{"serve|--auth=none|--max-connections=-5", "", `--max-connections: -5 is out of range: 1 to 16777216 would be right`},
		{"serve|--auth=none|--outbox=1", "", `--outbox: 1 is out of range: 1KiB to 1GiB would be right`},
		{"serve|--auth=none|--publish-memory=1KiB", "", `--publish-memory: 1KiB is out of range: 1MiB to 1024TiB would be right`},
		{"serve|--auth=none|--heartbeat=1500ms", "", `--heartbeat: 1.5s has a fraction: whole seconds would be right`},
		{"serve|--auth=none|--heartbeat-timeout=2h", "", `--heartbeat-timeout: 2h is out of range: 1s to 1h would be right`},
		{"serve|--auth=none|--handshake-timeout=11m", "", `--handshake-timeout: 11m is out of range: 1s to 10m would be right`},
		{"serve|--auth=none|--drain-timeout=0", "", `--drain-timeout: 0s is out of range: 1s to 1h would be right`},
		{"serve|--auth=none|--history-memory=1", "", `--history-memory: 1 is out of range: 64KiB to 1024TiB would be right`},
		{"serve|--auth=none|--document-memory=63KiB", "", `--document-memory: 63KiB is out of range: 64KiB to 1024TiB would be right`},
		{"serve|--auth=none|--max-per-user=0", "", `--max-per-user: 0 is out of range: 1 to 1000000 would be right`},
		{"serve|--auth=none|--max-per-user=1000001", "", `--max-per-user: 1000001 is out of range: 1 to 1000000 would be right`},
		{"serve|--auth=none|--max-joined=10001", "", `--max-joined: 10001 is out of range: 1 to 10000 would be right`},
		{"serve|--auth=none", "ROOST_MAX_JOINED=0", `ROOST_MAX_JOINED: 0 is out of range: 1 to 10000 would be right`},
		{"serve|--auth=webhooks", "", `--auth: "webhooks" is unknown: none, jwt or webhook would be right`},
		{"serve|--auth=webhook", "", `--auth: webhook needs a backend that is asked: webhooks.url, and connect in webhooks.ask, in the file of --config would be right`},
		{"serve", "ROOST_AUTH=webhook", `ROOST_AUTH: webhook needs a backend that is asked: webhooks.url, and connect in webhooks.ask, in the file of --config would be right`},
		{"serve|--auth=none|--log-format=xml", "", `--log-format: "xml" is unknown: text or json would be right`},
		{"serve|--auth=none|--log-level=trace", "", `--log-level: "trace" is unknown: debug, info, warn or error would be right`},
		{"serve|--auth=none|--jwt-issuer=", "", `--jwt-issuer: is empty: a text, or nothing at all, would be right`},
		{"serve|--auth=none|--jwt-algorithms=HS256,none", "", `--jwt-algorithms: "none" is unknown: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA would be right`},
		{"serve|--auth=none|--jwt-algorithms=HS256,HS256", "", `--jwt-algorithms: "HS256" is there twice: once would be right`},
		{"serve|--auth=none|--jwt-leeway=1h", "", `--jwt-leeway: 1h is out of range: 0s to 5m would be right`},
		{"serve|--auth=none|--jwt-issuer=" + strings.Repeat("i", 1025), "", `--jwt-issuer: 1025 bytes are too many: at most 1024 would be right`},
		{"serve|--auth=none|--token-cookie=a b", "", `--token-cookie: "a b" cannot be a cookie's name: letters, digits, - and _ would be right`},
		{"serve|--auth=none", "ROOST_TOKEN_COOKIE=a=b", `ROOST_TOKEN_COOKIE: "a=b" cannot be a cookie's name: letters, digits, - and _ would be right`},

		// Addresses.
		{"serve|--auth=none|--listen=8080", "", `--listen: "8080" has no colon: :8080 for all addresses, or 127.0.0.1:8080, would be right`},
		{"serve|--auth=none|--listen=:1|--listen=:1", "", `--listen: ":1" is there twice: once would be right`},
		{"serve|--auth=none|--listen=:1,,:2", "", `--listen: an element is empty: texts with commas between them would be right`},
		{"serve|--auth=none", "ROOST_LISTEN=tls://:8443", `ROOST_LISTEN: tls://:8443 needs --tls-cert and --tls-key`},
		{"serve|--auth=none|--admin=127.0.0.1", "", `--admin: "127.0.0.1" has no port: 127.0.0.1:8080 would be right`},
		{"serve|--auth=none|--admin=127.0.0.1:8080", "", `--admin: 127.0.0.1:8080 is a port of clients (--listen 127.0.0.1:8080): another one would be right`},
		{"serve|--auth=none|--listen=:8081", "", `--admin: 127.0.0.1:8081 is a port of clients (--listen :8081): another one would be right`},
		{"serve|--auth=none|--admin=:9000", "", `--admin: :9000 can be reached from other machines: --admin-secret or --admin-secret-file is required with it; 127.0.0.1:9000 would do without`},
		{"serve|--auth=none|--admin=push.example.com:9000", "", `--admin: push.example.com:9000 can be reached from other machines: --admin-secret or --admin-secret-file is required with it; 127.0.0.1:9000 would do without`},

		// Secrets.
		{"serve", "", "--jwt-secret: " + noSecret},
		{"serve", "ROOST_JWT_SECRET=", "--jwt-secret: " + noSecret},
		{"serve|--jwt-secret=", "", `--jwt-secret: is empty: a text, or nothing at all, would be right`},
		{"serve|--jwt-secret=hunter22", "", `--jwt-secret: 8 bytes are too few: at least 32, as openssl rand -base64 32 makes, would be right (fewer with --dev alone)`},
		{"serve", "ROOST_JWT_SECRET=hunter22", `ROOST_JWT_SECRET: 8 bytes are too few: at least 32, as openssl rand -base64 32 makes, would be right (fewer with --dev alone)`},
		{"serve|--jwt-secret-file=" + short, "", `--jwt-secret-file: 5 bytes are too few: at least 32, as openssl rand -base64 32 makes, would be right (fewer with --dev alone)`},
		{"serve|--jwt-secret-file=" + empty, "", `--jwt-secret-file: ` + empty + `: is empty: a secret in it would be right`},
		{"serve|--jwt-secret-file=" + large, "", `--jwt-secret-file: read ` + large + `: is too large: at most 64KiB would be right`},
		{"serve|--jwt-secret-file=" + dir, "", `--jwt-secret-file: read ` + dir + `: is a directory: a file would be right`},
		{"serve|--jwt-secret-file=/nowhere", "", `--jwt-secret-file: open /nowhere: no such file or directory`},
		{"serve|--auth=none", "ROOST_ADMIN_SECRET_FILE=/nowhere", `ROOST_ADMIN_SECRET_FILE: open /nowhere: no such file or directory`},
		{"serve|--auth=none|--admin-secret=a b", "", `--admin-secret: byte 2 cannot stand in a header: visible ASCII characters would be right`},
		{"serve|--auth=none|--admin-secret=" + strings.Repeat("s", 1025), "", `--admin-secret: 1025 bytes are too many: at most 1024 would be right`},

		// The file itself.
		{"serve|--config=/nowhere", "", `--config: open /nowhere: no such file or directory`},
		{"serve", "ROOST_CONFIG=/nowhere", `ROOST_CONFIG: open /nowhere: no such file or directory`},
		{"serve|--config=" + dir, "", `--config: read ` + dir + `: is a directory: a file would be right`},

		// token.
		{"token", "", "--sub: is missing: --sub alice would be right\n" +
			"--jwt-secret: is missing: the secret that serve has, by --jwt-secret, --jwt-secret-file, ROOST_JWT_SECRET or --config, would be right; or --jwt-private-key"},
		{"token|--secret=" + goodSecret, "", `--sub: is missing: --sub alice would be right`},
		{"token|--secret=" + goodSecret + "|--sub=" + strings.Repeat("u", 201), "", `--sub: 1 to 200 bytes of UTF-8 without control characters would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a\nb", "", `--sub: 1 to 200 bytes of UTF-8 without control characters would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--ttl=0s", "", `--ttl: 0s is out of range: 1s to 87600h would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--ttl=60", "", `--ttl: "60" has no unit: 60s or 60ms would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--info={", "", `--info: is not JSON: '{"name":"Alice"}' would be right`},
		{"token|--secret=" + goodSecret + `|--sub=a|--info="` + strings.Repeat("i", 1024) + `"`, "", `--info: 1026 bytes are too many: at most 1024 would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--rooms=a,,b", "", `--rooms: an element is empty: texts with commas between them would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--rooms=" + strings.Repeat("r", 201), "", `--rooms: "` + strings.Repeat("r", 201) + `" cannot match a room: 1 to 200 bytes, such as chat.*, would be right`},
		{"token|--secret=" + goodSecret + "|--sub=a|--publish=" + numbered(65), "", `--publish: 65 are too many: at most 64 would be right`},
		{"drain|--over=1h1s", "", `--over: 1h0m1s is out of range: 1s to 1h would be right`},
		{"drain|--admin=8081", "", `--admin: "8081" has no colon: :8081 for all addresses, or 127.0.0.1:8081, would be right`},
		{"token|--user=a", "", `unknown flag --user`},
		{"token|--room=a", "", `unknown flag --room: did you mean --rooms?`},
		{"token|--sub=a|--jwt-algorithms=none", "", `--jwt-algorithms: "none" is unknown: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA would be right`},
	} {
		var args, env []string
		if c.args != "" {
			args = strings.Split(c.args, "|")
		}
		if c.env != "" {
			env = strings.Split(c.env, "|")
		}
		status, stdout, stderr := invoke(args, env)
		see := "see roost --help\n"
		if len(args) > 0 && (args[0] == "serve" || args[0] == "token" || args[0] == "drain" || args[0] == "version") {
			see = "see roost " + args[0] + " --help\n"
		}
		want := "roost: " + strings.ReplaceAll(c.want, "\n", "\nroost: ") + "\n" + see
		if status != statusUsage || stdout != "" || stderr != want {
			t.Errorf("%q with %q: status %d, stdout %q, stderr\n%swant\n%s", args, env, status, stdout, stderr, want)
		}
		if strings.Contains(stderr, "hunter22") {
			t.Errorf("%q with %q tells a secret", args, env)
		}
	}
}

// numbered gives n different texts with commas between them.
func numbered(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = "r" + strconv.Itoa(i)
	}
	return strings.Join(texts, ",")
}

func TestRun_Help_SaysAll(t *testing.T) {
	for _, command := range []string{"serve", "token", "drain"} {
		status, stdout, stderr := invoke([]string{command, "--help"}, nil)
		if status != statusOK || stderr != "" {
			t.Errorf("%s --help: status %d, stderr %q", command, status, stderr)
		}
		words := strings.Join(strings.Fields(stdout), " ")
		for _, s := range settingsOf(command) {
			if !strings.Contains(words, "--"+s.name) || !strings.Contains(words, strings.Join(strings.Fields(s.help()), " ")) {
				t.Errorf("%s --help does not say of --%s: %s", command, s.name, s.help())
			}
		}
	}
	status, stdout, _ := invoke([]string{"--help"}, nil)
	if status != statusOK || strings.Contains(stdout, "bench") || !strings.Contains(stdout, "serve") {
		t.Errorf("--help: status %d\n%s", status, stdout)
	}
	if status, _, _ := invoke([]string{"version", "--help"}, nil); status != statusOK {
		t.Errorf("version --help: status %d", status)
	}
}

// --check prints a file that gives the same configuration, but for secrets.
func TestRun_Check_RoundTrip(t *testing.T) {
	args := []string{"serve", "--check", "--jwt-secret", goodSecret, "--listen", "127.0.0.1:9001,[::1]:9001", "--max-message", "1000",
		"--heartbeat=90s", "--origin", "https://*.example.com",
		"--jwt-issuer", `issuer: #1 "x" \ é`, "--echo"}
	env := []string{"ROOST_LOOPS=3", "ROOST_ADMIN_SECRET=hunter22"}
	status, first, stderr := invoke(args, env)
	if status != statusOK || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if strings.Contains(first, goodSecret) || strings.Contains(first, "hunter22") {
		t.Fatalf("it tells a secret:\n%s", first)
	}
	for _, line := range []string{
		`listen: ["127.0.0.1:9001", "[::1]:9001"] # flag`,
		`max-message: 1000                        # flag`,
		`loops: 3                                 # environment`,
		`admin-secret: "********"                 # environment`,
		`heartbeat: 1m30s `,
		`drain-timeout: 30s                       # default`,
	} {
		if !strings.Contains(first, line) {
			t.Errorf("the line is missing: %s", line)
		}
	}
	file := writeFile(t, "roost.yaml", first)
	status, second, stderr := invoke([]string{"serve", "--check", "--config", file, "--jwt-secret", goodSecret}, []string{"ROOST_ADMIN_SECRET=x"})
	if status != statusOK {
		t.Fatalf("its own output is refused: %s", stderr)
	}
	values := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				line = line[:strings.LastIndex(line, "#")]
				b.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
		return b.String()
	}
	if values(first) != values(second) {
		t.Errorf("it is\n%sread again it is\n%s", first, second)
	}
}

// The sections are printed too, as a file that gives the same, but for secrets.
func TestRun_Check_Sections(t *testing.T) {
	secretFile := writeFile(t, "secret", "hunter22\n")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "op.json"), []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "roost.yaml")
	rooms := "rooms:\n  - match: a.*\n    publish: services\n    history: {size: 0}\n  - match: '*'\n    presence: true\n    document: json\n    schema: op.json\n    max_members: 5\n"
	shownRooms := `rooms:                                   # file
  - match: "a.*"
    publish: "services"
    slow: "close"
    history: {size: 0, ttl: 1m}
    presence: false
  - match: "*"
    publish: "claims"
    slow: "close"
    history: {size: 100, ttl: 1m}
    presence: true
    document: "json"
    schema: "` + filepath.Join(folder, "op.json") + `"
    max_members: 5
`
	hooks := func(secret string) string {
		return "webhooks:\n  url: https://a.example/?token=hunter22&x=1\n" + secret + "  ask: [join]\n  events: [connect, publish]\n  timeout: 500ms\n"
	}
	shownHooks := func(secret string) string {
		return "webhooks:                                # file\n  url: \"https://a.example/?token=REDACTED&x=1\"\n" + secret +
			"  events: [\"connect\", \"publish\"]\n  ask: [\"join\"]\n  timeout: 500ms\n  on_failure: \"deny\"\n  queue: 10000\n"
	}
	for _, c := range []struct{ file, env, want string }{
		{"", "", "# Rooms\n# rooms:\n# Webhooks\n# webhooks:\n"},
		{rooms, "", "# Rooms\n" + shownRooms + "# Webhooks\n# webhooks:\n"},
		{hooks(""), "", "# Rooms\n# rooms:\n# Webhooks\n" + shownHooks("")},
		{hooks("  secret: hunter22\n") + rooms, "", "# Rooms\n" + shownRooms + "# Webhooks\n" + shownHooks("  secret: \"********\"\n")},
		{hooks("  secret: x\n"), "hunter22", "# Rooms\n# rooms:\n# Webhooks\n" + shownHooks("  secret: \"********\"                     # environment\n")},
		{hooks("  secret-file: " + secretFile + "\n"), "", "# Rooms\n# rooms:\n# Webhooks\n" + shownHooks("  secret-file: \""+secretFile+"\"\n")},
	} {
		if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := invoke([]string{"serve", "--check", "--auth=none", "--config", file}, []string{envWebhookSecret + "=" + c.env})
		if status != statusOK || stderr != "" || !strings.HasSuffix(stdout, c.want) {
			t.Errorf("%q: status %d, stderr %s\n%s\nwant at its end\n%s", c.file, status, stderr, stdout, c.want)
		}
		if strings.Contains(stdout+stderr, "hunter22") {
			t.Errorf("%q: it tells a secret:\n%s", c.file, stdout)
		}
		again := writeFile(t, "roost.yaml", stdout)
		status, second, stderr := invoke([]string{"serve", "--check", "--config", again}, []string{envWebhookSecret + "=" + c.env})
		if status != statusOK || !strings.HasSuffix(second, c.want) {
			t.Errorf("its own output gives status %d, %s\n%s", status, stderr, second)
		}
	}
}

// What is odd and no error is told, and the status stays 0.
func TestRun_Check_Oddities(t *testing.T) {
	quiet := writeFile(t, "quiet.yaml", "webhooks:\n  url: http://a/\n  ask: [connect]\n")
	open := writeFile(t, "open.yaml", "webhooks:\n  url: http://a/\n  ask: [connect]\n  on_failure: allow\n")
	schema := writeFile(t, "any.json", "{}")
	idle := writeFile(t, "idle.yaml", "rooms:\n  - match: a\n    schema: "+schema+"\n    publish: services\nwebhooks:\n  url: http://a/\n  events: [connect]\n  on_failure: allow\n")
	for _, c := range []struct{ args, env, want string }{
		{"--auth=none|--tls-min-version=1.3", "", "roost: --tls-min-version has no effect without --listen tls://HOST:PORT\n"},
		{"--auth=none|--jwt-leeway=5s", "", "roost: --jwt-leeway has no effect with --auth none\n"},
		{"--auth=none", "ROOST_JWT_SECRET=" + goodSecret, "roost: ROOST_JWT_SECRET has no effect with --auth none\n"},
		{"--dev|--listen=:8080", "", "roost: --dev is not for service, and :8080 can be reached from other machines\n"},
		{"--auth=none", "ROOST_MAX_MESAGE=1", "roost: ROOST_MAX_MESAGE is not known: did you mean ROOST_MAX_MESSAGE?\n"},
		{"--auth=none", "ROOST_WEBHOOK_SECRET=x", "roost: ROOST_WEBHOOK_SECRET has no effect without the section webhooks in a file\n"},
		{"--auth=none", "ROOST_WEBHOK_SECRET=x", "roost: ROOST_WEBHOK_SECRET is not known: did you mean ROOST_WEBHOOK_SECRET?\n"},
		{"--auth=none|--config=" + quiet, "ROOST_WEBHOOK_SECRET=x", ""},
		{"--auth=webhook|--jwt-issuer=x|--token-cookie=c|--config=" + open, "", "roost: --jwt-issuer has no effect with --auth webhook\nroost: " + open +
			":4:15: webhooks.on_failure: with --auth webhook, who connects while the backend fails is anonymous and may join nothing\n"},
		{"--auth=none|--config=" + idle, "", "roost: " + idle + ":3:13: rooms.schema has no effect with publish: services, since no client publishes there\n" +
			"roost: " + idle + ":8:15: webhooks.on_failure has no effect without ask\n"},
		{"--dev", "", ""},
		{"--dev|--jwt-secret=short", "", ""},
		{"--dev|--auth=none", "", ""},
	} {
		status, stdout, stderr := invoke(append([]string{"serve", "--check"}, strings.Split(c.args, "|")...), []string{c.env})
		if status != statusOK || stderr != c.want || !strings.Contains(stdout, "max-message: 64KiB") {
			t.Errorf("%s %s: status %d\n%s", c.args, c.env, status, stderr)
		}
	}
}

func TestRun_Version_OneLine(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		status, stdout, stderr := invoke(args, nil)
		if status != statusOK || stderr != "" || !strings.HasPrefix(stdout, "roost ") || strings.Count(stdout, "\n") != 1 || !strings.Contains(stdout, "go1.") {
			t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}
