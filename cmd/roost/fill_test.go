package main

import (
	"fmt"
	"strings"
	"testing"
)

// fileLine is a setting's line in a file.
func fileLine(s *setting, text string) string {
	switch {
	case s.many:
		return fmt.Sprintf("%s: [%s]\n", s.name, quotedList(text))
	case s.unit == "" || s.unit == unitCount:
		return fmt.Sprintf("%s: %s\n", s.name, text)
	}
	return fmt.Sprintf("%s: %q\n", s.name, text)
}

func quotedList(text string) string {
	parts := strings.Split(text, ",")
	for i, p := range parts {
		parts[i] = fmt.Sprintf("%q", p)
	}
	return strings.Join(parts, ", ")
}

// For each setting: the flag goes before the environment, that before the file,
// that before the default; and each source is read.
func TestFiller_Fill_Precedence(t *testing.T) {
	for i := range serveSettings {
		s := &serveSettings[i]
		if s.places != anywhere {
			continue
		}
		a, b := sample(s)
		file := "--config=" + writeFile(t, "roost.yaml", fileLine(s, a))
		other := "--config=" + writeFile(t, "roost.yaml", fileLine(s, b))
		env := func(text string) []string { return []string{s.env() + "=" + text} }
		flag := func(text string) string { return "--" + s.name + "=" + text }
		for _, c := range []struct {
			what string
			args []string
			env  []string
			want string
			from rank
		}{
			{"default", nil, nil, s.standard, fromDefault},
			{"file", []string{file}, nil, a, fromFile},
			{"environment", nil, env(a), a, fromEnv},
			{"flag", []string{flag(a)}, nil, a, fromFlag},
			{"environment over file", []string{file}, env(b), b, fromEnv},
			{"flag over file", []string{other, flag(a)}, nil, a, fromFlag},
			{"flag over environment", []string{flag(a)}, env(b), a, fromFlag},
			{"flag over both", []string{file, flag(b)}, env(a), b, fromFlag},
			{"an empty variable", []string{file}, env(""), a, fromFile},
		} {
			p := parseServe(t, c.args, c.env)
			got := fieldsOf(&p.grammar.Serve)[s.name]
			text := got.String()
			if v, ok := got.(*secret); ok {
				text = string(*v)
			}
			if c.want == "" {
				switch got.(type) {
				case *toggle:
					c.want = "false"
				case number:
					c.want = "0"
				}
			}
			if text != c.want || p.origins[s.name].rank != c.from {
				t.Errorf("--%s by %s: %q from %d; want %q from %d", s.name, c.what, text, p.origins[s.name].rank, c.want, c.from)
			}
		}
	}
}

// Repeated flags add to a list, and replace what stands elsewhere.
func TestFiller_Fill_Lists(t *testing.T) {
	file := "--config=" + writeFile(t, "roost.yaml", "origin:\n  - https://file\n")
	p := parseServe(t, []string{file, "--origin", "https://a", "--origin=https://b,https://c"}, []string{"ROOST_ORIGIN=https://env"})
	if got := p.grammar.Serve.Origin.String(); got != "https://a,https://b,https://c" {
		t.Errorf("the flags give %s", got)
	}
	p = parseServe(t, []string{file}, []string{"ROOST_ORIGIN=https://x, https://y"})
	if got := p.grammar.Serve.Origin.String(); got != "https://x,https://y" {
		t.Errorf("the environment gives %s", got)
	}
	p = parseServe(t, []string{"--config=" + writeFile(t, "roost.yaml", "origin: https://one\n")}, nil)
	if got := p.grammar.Serve.Origin.String(); got != "https://one" {
		t.Errorf("the file gives %s", got)
	}
}

// The last of a repeated single flag counts, as usual.
func TestFiller_Fill_LastWins(t *testing.T) {
	p := parseServe(t, []string{"--max-message=1KiB", "--max-message=2KiB", "--echo", "--echo=false"}, nil)
	if c := p.grammar.Serve; c.MaxMessage != 2048 || c.Echo {
		t.Errorf("max-message %d, echo %v", c.MaxMessage, c.Echo)
	}
}

// The file's path may come from the environment; the flag goes before.
func TestFiller_Fill_ConfigPath(t *testing.T) {
	a, b := writeFile(t, "a.yaml", "outbox: 1KiB\n"), writeFile(t, "b.yaml", "outbox: 2KiB\n")
	if p := parseServe(t, nil, []string{"ROOST_CONFIG=" + a}); p.grammar.Serve.Outbox != 1024 {
		t.Errorf("by the environment: %v", p.grammar.Serve.Outbox)
	}
	if p := parseServe(t, []string{"--config", b}, []string{"ROOST_CONFIG=" + a}); p.grammar.Serve.Outbox != 2048 {
		t.Errorf("by the flag: %v", p.grammar.Serve.Outbox)
	}
}

// --check is no setting: neither the environment nor the file turns it on.
func TestFiller_Fill_CheckIsAFlag(t *testing.T) {
	if p := parseServe(t, nil, []string{"ROOST_CHECK=true"}); p.grammar.Serve.Check {
		t.Error("ROOST_CHECK turns it on")
	}
}

func TestFiller_Hints_NearVariables(t *testing.T) {
	p := parseServe(t, nil, []string{
		"ROOST_MAX_MESAGE=1", "ROOST_ORIGINS=x", // likely meant
		"ROOST_SERVICE_HOST=10.0.0.1", "ROOST_PORT=tcp://10.0.0.1:80", "ROOST_PORT_8080_TCP_ADDR=10.0.0.1", // of Kubernetes
		"PATH=/bin", "ROOST=1", "ROOST_=1",
	})
	want := "ROOST_MAX_MESAGE is not known: did you mean ROOST_MAX_MESSAGE?|ROOST_ORIGINS is not known: did you mean ROOST_ORIGIN?"
	if got := strings.Join(p.hints, "|"); got != want {
		t.Errorf("the hints are %s", got)
	}
}

// The secret comes from its file where that goes before, and both at once are
// an error.
func TestConfig_Settle_SecretFiles(t *testing.T) {
	path := writeFile(t, "secret", goodSecret+"\r\n")
	plain := strings.Repeat("p", 32)
	yaml := writeFile(t, "roost.yaml", "jwt-secret-file: "+path+"\n")
	for _, c := range []struct {
		args, env []string
		want      string
	}{
		{[]string{"--jwt-secret-file", path}, nil, goodSecret},
		{nil, []string{"ROOST_JWT_SECRET_FILE=" + path}, goodSecret},
		{[]string{"--config", yaml}, nil, goodSecret},
		{[]string{"--jwt-secret-file", path}, []string{"ROOST_JWT_SECRET=" + plain}, goodSecret},
		{[]string{"--jwt-secret", plain}, []string{"ROOST_JWT_SECRET_FILE=" + path}, plain},
		{[]string{"--config", yaml}, []string{"ROOST_JWT_SECRET=" + plain}, plain},
		{[]string{"--jwt-secret", plain, "--jwt-secret-file", path}, nil, "--jwt-secret-file: stands beside jwt-secret: one of the two would be right"},
		{nil, []string{"ROOST_JWT_SECRET=" + plain, "ROOST_JWT_SECRET_FILE=" + path}, "ROOST_JWT_SECRET_FILE: stands beside jwt-secret: one of the two would be right"},
	} {
		p := parseServe(t, c.args, c.env)
		got := ""
		if _, err := p.grammar.Serve.settle(p.origins); err != nil {
			got = err.Error()
		} else {
			got = string(p.grammar.Serve.JWTSecret)
		}
		if got != c.want {
			t.Errorf("%q with %q: %s; want %s", c.args, c.env, got, c.want)
		}
	}
}
