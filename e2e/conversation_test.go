package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "record docs/conversations anew, and show them in docs/protocol.md")

const conversations = "../docs/conversations"

// patience is how long a line may take.
const patience = 20 * time.Second

// Each recorded conversation goes the same way with the server as it is.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob(conversations + "/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d conversations, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, file: file, canon: newCanon(), people: map[string]*person{}, tokens: map[string]ends{}}
			recorded := p.play(string(text))
			if *update && recorded != string(text) {
				if err := os.WriteFile(file, []byte(recorded), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A player plays a recorded conversation. A line is one of these; lines that begin
// with # are for people:
//
//	config: YAML                   a line of roost.yaml; these come first. Without auth: it is jwt
//	file NAME: TEXT                a file beside it
//	NAME is a token: sub=alice …   to be named in a command
//	alice connects /ws sub=alice … with a token that says so; without options, with none
//	alice refused 401 TEXT         the answer was no upgrade
//	alice > TEXT                   she sends a message; (binary) HEX is a binary one
//	alice < TEXT                   she gets a message, and no other before it
//	alice closes 1000              she says goodbye
//	alice drops                    her connection breaks
//	alice closed 1008 TEXT         the server said goodbye, or answered hers
//	service > POST /path TEXT      a call of the HTTP API
//	service < 200 TEXT             its answer
//	backend < TEXT                 roost asks the backend at http://127.0.0.1:3000/roost
//	backend > TEXT                 its answer
//	server stops                   it is sent SIGTERM
type player struct {
	t       *testing.T
	file    string
	number  int // of the line
	canon   *canon
	server  *server
	backend *backend
	people  map[string]*person
	tokens  map[string]ends // by what is sent
	answer  string          // of the API
	lines   []string        // as recorded now
}

// ends says when a token ends, and after how long that is.
type ends struct{ unix, ttl int64 }

func (p *player) fatal(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", p.file, p.number, fmt.Sprintf(format, args...))
}

func (p *player) play(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	p.start(lines)
	for i, line := range lines {
		p.number = i + 1
		head, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "", line[0] == '#', head == "config:", head == "file":
		case strings.HasPrefix(rest, "is a token: "):
			token, e := p.token(strings.Fields(strings.TrimPrefix(rest, "is a token: ")))
			p.canon.add(head, token)
			p.tokens[token] = e
		case line == "server stops":
			_ = p.server.cmd.Process.Signal(syscall.SIGTERM)
		default:
			verb, rest, _ := strings.Cut(rest, " ")
			line = p.line(head, verb, rest, lines[i+1:])
		}
		p.lines = append(p.lines, line)
	}
	p.end()
	return strings.Join(p.lines, "\n") + "\n"
}

// line plays a line of somebody, and gives it as it went now.
func (p *player) line(who, verb, rest string, next []string) string {
	prefix := who + " " + verb + " "
	switch {
	case who == "service" && verb == ">":
		p.call(rest)
	case who == "service" && verb == "<":
		p.expect(rest, p.show(p.answer, nil), &rest)
	case who == "backend" && verb == ">":
		p.backend.answer(p, rest)
	case who == "backend" && verb == "<":
		p.expect(rest, p.show(p.backend.next(p), nil), &rest)
	case verb == "connects":
		p.connect(who, strings.Fields(rest), next)
	case p.people[who] == nil:
		p.fatal("%s is not connected", who)
	case verb == ">":
		p.people[who].send(rest)
	case verb == "closes":
		p.people[who].close(rest)
		return who + " " + verb + " " + rest
	case verb == "drops":
		p.people[who].drop()
		return who + " " + verb
	case verb == "<":
		p.expect(rest, p.people[who].next(""), &rest)
	case verb == "closed", verb == "refused":
		p.expect(rest, p.people[who].next(verb+" "), &rest)
	default:
		p.fatal("what does %q mean?", verb)
	}
	return prefix + rest
}

// expect compares a line with what came; -update takes what came.
func (p *player) expect(want, came string, line *string) {
	p.t.Helper()
	if want != came && !*update {
		p.fatal("\ngot      %s\nexpected %s", came, want)
	}
	*line = came
}

// show gives what came as it is recorded. Somebody's own tokens say how long their
// ends are away; all others are a minute away.
func (p *player) show(text string, own map[int64]int64) string {
	text = replaceGroup(expires, text, func(unix string) string {
		var n int64
		_, _ = fmt.Sscan(unix, &n)
		ttl, ok := own[n]
		if !ok {
			ttl = 60
		}
		return fmt.Sprint(canonEnd + ttl)
	})
	return p.canon.show(text)
}

// start runs the server that the conversation is with.
func (p *player) start(lines []string) {
	dir := p.t.TempDir()
	config := ""
	for _, line := range lines {
		if yaml, ok := strings.CutPrefix(line, "config: "); ok {
			config += yaml + "\n"
		}
		if rest, ok := strings.CutPrefix(line, "file "); ok {
			name, text, _ := strings.Cut(rest, ": ")
			p.write(filepath.Join(dir, filepath.Base(name)), text)
		}
	}
	if !strings.Contains(config, "auth:") {
		config += "auth: jwt\njwt-secret: " + secret + "\n"
	}
	const backendURL = "http://127.0.0.1:3000/roost"
	if strings.Contains(config, backendURL) {
		p.backend = newBackend(p.t)
		config = strings.ReplaceAll(config, backendURL, p.backend.server.URL+"/roost")
	}
	p.write(filepath.Join(dir, "roost.yaml"), config)
	p.server = start(p.t, "--config", filepath.Join(dir, "roost.yaml"), "--loops", "1")
}

func (p *player) write(file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// end looks that nobody got more than was recorded.
func (p *player) end() {
	for name, one := range p.people {
		if more := one.left(); more != "" {
			p.fatal("%s got more: %s", name, more)
		}
	}
	for _, one := range p.people {
		one.drop()
	}
}

// token mints a token from what is said of it.
func (p *player) token(options []string) (string, ends) {
	args, ttl := []string{}, time.Hour
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		args = append(args, "--"+name, value)
		if name == "ttl" {
			var err error
			if ttl, err = time.ParseDuration(value); err != nil {
				p.fatal("%v", err)
			}
		}
	}
	tok := token(p.t, args...)
	_, payload, _ := strings.Cut(tok, ".")
	payload, _, _ = strings.Cut(payload, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		p.fatal("the token's claims: %v", err)
	}
	var claims struct{ Exp int64 }
	if err := json.Unmarshal(b, &claims); err != nil {
		p.fatal("the token's claims are %s: %v", b, err)
	}
	return tok, ends{claims.Exp, int64(ttl / time.Second)}
}

// call calls the HTTP API.
func (p *player) call(rest string) {
	method, rest, _ := strings.Cut(rest, " ")
	path, body, _ := strings.Cut(rest, " ")
	data, binary := p.bytes(body)
	q, err := http.NewRequest(method, "http://"+p.server.admin+p.canon.mean(path), bytes.NewReader(data))
	if err != nil {
		p.fatal("%v", err)
	}
	switch {
	case binary:
		q.Header.Set("Content-Type", "application/octet-stream")
	case method == http.MethodPatch:
		q.Header.Set("Content-Type", "application/json-patch+json")
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		p.fatal("%v", err)
	}
	status, text := answer(p.t, resp)
	p.answer = strings.TrimRight(fmt.Sprintf("%d %s", status, text), "\n")
}
