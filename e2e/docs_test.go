package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shownAt finds the blocks of docs/protocol.md that show a conversation.
var shownAt = regexp.MustCompile("(?s)<!-- conversation: ([a-z-]+) -->\n```text\n(.*?)```\n")

// What docs/protocol.md shows is what was recorded, all of it.
func TestDoc_ShowsConversations(t *testing.T) {
	const page = "../docs/protocol.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	want := shownAt.ReplaceAllStringFunc(string(text), func(block string) string {
		parts := shownAt.FindStringSubmatch(block)
		name := parts[1]
		seen[name] = true
		recorded, err := os.ReadFile(filepath.Join(conversations, name+".txt"))
		if err != nil {
			t.Error(err)
			return block
		}
		if parts[2] != string(recorded) && !*update {
			t.Errorf("%s is not as recorded: go test ./e2e -run Doc -update would be right", name)
		}
		return "<!-- conversation: " + name + " -->\n```text\n" + string(recorded) + "```\n"
	})
	files, err := filepath.Glob(conversations + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !seen[name] {
			t.Errorf("the conversation %s is not shown", name)
		}
	}
	if *update && want != string(text) {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// words finds what the page's tables promise: codes of errors, close codes, types.
var words = regexp.MustCompile("(?m)^\\| \\[?`?([a-z_]+|[0-9]{4})`?(?:\\]\\([^)]*\\))? \\|")

// Each word of the three tables is heard in some conversation, but for those that this
// test cannot bring about at will.
func TestDoc_EveryWordIsHeard(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	files, _ := filepath.Glob(conversations + "/*.txt")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	elsewhere := map[string]bool{
		"gap": true, // it takes a reader who falls far behind: package edge tests it
		// The tests of package edge bring these about: no client's library breaks the
		// protocol, and the others take a program, a panic, or a peer that does not read.
		"1000": true, "1002": true, "1007": true, "1011": true, "4003": true, "4004": true, "4005": true,
	}
	checked := 0
	for _, table := range []string{"| client sends |", "| server sends |", "| `code` |", "| code |"} {
		_, rest, ok := strings.Cut(string(text), "\n"+table)
		if !ok {
			t.Fatalf("no table %s", table)
		}
		rest, _, _ = strings.Cut(rest, "\n\n")
		for _, m := range words.FindAllStringSubmatch(rest, -1) {
			checked++
			heard := strings.Contains(all.String(), `"`+m[1]+`"`) || strings.Contains(all.String(), " closed "+m[1])
			if heard == elsewhere[m[1]] {
				t.Errorf("%s: heard %v, and heard elsewhere %v", m[1], heard, elsewhere[m[1]])
			}
		}
	}
	if checked != 7+8+9+13 {
		t.Errorf("%d words were found", checked)
	}
}

// The page's client, as it stands there, comes back without a gap and without a
// duplicate.
func TestDoc_ClientComesBack(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```js\n(.*?)```\n").FindSubmatch(text)
	if shown == nil {
		t.Fatal("there is no client")
	}
	s := start(t, "--auth", "jwt", "--jwt-secret", secret)
	script := fmt.Sprintf("const url = %q, token = () => %q, reload = () => console.log('reload'), show = (m) => console.log(m.data)\n%s\nconnect()\n",
		"ws://"+s.client+"/ws", token(t, "--sub", "alice", "--rooms", "chat.*"), shown[1])
	cmd := exec.CommandContext(t.Context(), "node", "--experimental-websocket", "--input-type=module", "--eval", script)
	out := new(output)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	want := "reload\n"
	s.until("it has joined", func() bool { return out.String() == want })
	for i := range 5 {
		for _, when := range []string{"before", "while it is away", "and after"} {
			s.publish("chat.1", fmt.Sprintf("%d, %s", i, when))
			want += fmt.Sprintf("%d, %s\n", i, when)
			switch when {
			case "before":
				s.post("/v1/users/alice/disconnect?reconnect=true", "", "")
				s.until("it is away", func() bool { return s.stats("connections") == 0 })
			case "while it is away":
				s.until("it is back", func() bool { return out.String() == want })
			}
		}
	}
	s.until("it has got all", func() bool { return out.String() == want })
	s.post("/v1/users/alice/disconnect", "", "") // to stay away: it has nothing more to do
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("it does not stay away")
	}
}
