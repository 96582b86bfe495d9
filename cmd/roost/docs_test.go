package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const configurationDoc = "../../docs/configuration.md"

var update = flag.Bool("update", false, "write the tables of docs/configuration.md anew")

// docRow is a setting's line in docs/configuration.md.
func docRow(s *setting) string {
	cell := func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
	name := "`--" + s.name + "`"
	if s.places&inEnv != 0 {
		name += "<br>`" + s.env() + "`"
	}
	if s.places&inFile != 0 {
		name += "<br>`" + s.name + ":`"
	}
	return fmt.Sprintf("| %s | %s | %s | %s %s |", name, cell(docType(s)), cell(s.byDefault()), cell(s.meaning), cell(s.when))
}

// docKeyRow is the line of a key that the file alone has.
func docKeyRow(s *setting) string {
	row := docRow(s)
	name := "`" + s.name + ":`"
	if outer, inner, nested := strings.Cut(s.name, "."); nested {
		name = "`" + outer + ": {" + inner + ": }`"
	}
	return "| " + name + row[strings.Index(row, " | "):]
}

// docType says what a setting takes: its type, unit and range.
func docType(s *setting) string {
	text := map[string]string{
		"": "true or false", unitAddr: "host:port", unitListen: "host:port or tls://host:port", unitCount: "a number", unitFile: "a path", unitSize: "bytes", unitSpan: "a duration",
		unitText: "text", unitChoice: "a word", unitPattern: "a pattern", unitURL: "a URL", "USER": "text", "JSON": "JSON",
	}[s.unit]
	switch {
	case s.many && s.section == sectionWebhooks:
		text = "a list of words"
	case s.many:
		text += ", repeatable"
	}
	switch {
	case s.choices != nil:
		text += ": " + strings.Join(s.choices, ", ")
	case s.high != 0:
		text += ": " + s.bounds()
	}
	if s.whole == second {
		text += ", whole seconds"
	}
	return text
}

// docTables gives the tables of the page, by section.
func docTables() map[string]string {
	tables := make(map[string]string)
	for _, s := range slices.Concat(settingsOf("serve"), tokenSettings, drainSettings) {
		if tables[s.section] == "" {
			tables[s.section] = "| flag, environment, key | takes | default | what it is, and when to turn it |\n| --- | --- | --- | --- |\n"
		}
		tables[s.section] += docRow(&s) + "\n"
	}
	for _, s := range append(roomKeys[:len(roomKeys):len(roomKeys)], webhookKeys...) {
		if tables[s.section] == "" {
			tables[s.section] = "| key | takes | default | what it is, and when to turn it |\n| --- | --- | --- | --- |\n"
		}
		tables[s.section] += docKeyRow(&s) + "\n"
	}
	return tables
}

// The page tells what the flags are: the tables under its headings are made of
// the same settings. go test -run Doc -update writes them anew.
func TestDoc_Configuration_MatchesFlags(t *testing.T) {
	data, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	tables := docTables()
	for section, table := range tables {
		heading := "\n## " + section + "\n"
		before, rest, found := strings.Cut(page, heading)
		if !found {
			t.Errorf("the heading %q is missing", section)
			continue
		}
		head, _, _ := strings.Cut(table, "\n")
		begin := strings.Index(rest, "\n"+head+"\n")
		if next := strings.Index(rest, "\n## "); begin < 0 || next >= 0 && begin > next {
			t.Errorf("section %q has no table", section)
			continue
		}
		old := rest[begin+1:]
		if end := strings.Index(old, "\n\n"); end >= 0 {
			old = old[:end+1]
		}
		if old == table {
			continue
		}
		if *update {
			at := len(before) + len(heading) + begin + 1
			page = page[:at] + table + page[at+len(old):]
			continue
		}
		t.Errorf("the table of %q is not what the flags are; it should be\n%s", section, table)
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "## ") && strings.Contains(page, line+"\n| flag") && tables[strings.TrimSpace(line[3:])] == "" {
			t.Errorf("there are no flags of the section %q", strings.TrimSpace(line[3:]))
		}
	}
	if *update {
		if err := os.WriteFile(configurationDoc, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The files that the page shows are such that serve takes.
func TestDoc_Configuration_ExamplesAreRight(t *testing.T) {
	data, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(data), "```yaml\n")[1:]
	if len(examples) != 4 {
		t.Errorf("the page shows %d files", len(examples))
	}
	secret := writeFile(t, "secret", goodSecret+"\n")
	cert, key := serverCert(1, "example.com")
	certFiles := map[string]string{"example.com": writeFile(t, "cert", cert), "example.org": writeFile(t, "cert", cert)}
	keyFile := writeFile(t, "key", key)
	for _, example := range examples {
		example, _, _ = strings.Cut(example, "```")
		for _, path := range []string{"/run/secrets/roost-jwt", "/run/secrets/roost-admin", "/run/secrets/roost-webhook"} {
			example = strings.ReplaceAll(example, path, secret)
		}
		for name, certFile := range certFiles {
			example = strings.ReplaceAll(example, "/etc/roost/"+name+".crt", certFile)
			example = strings.ReplaceAll(example, "/etc/roost/"+name+".key", keyFile)
		}
		if !strings.Contains(example, "auth: ") && !strings.Contains(example, "jwt-secret") {
			example = "auth: none\n" + example // a section alone
		}
		file := writeFile(t, "roost.yaml", example)
		folder := filepath.Join(filepath.Dir(file), "schemas")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "note.json"), []byte(`{"type":"object"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		status, _, stderr := invoke([]string{"serve", "--check", "--config", file}, nil)
		if status != statusOK || stderr != "" {
			t.Errorf("status %d: %s\n%s", status, stderr, example)
		}
	}
}

// The page names every key of the sections in a file that it shows.
func TestDoc_Configuration_ExamplesAreWhole(t *testing.T) {
	data, err := os.ReadFile(configurationDoc)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(strings.Split(string(data), "```yaml\n")[1:], "\n")
	for _, s := range append(roomKeys[:len(roomKeys):len(roomKeys)], webhookKeys...) {
		name := s.name[strings.LastIndex(s.name, ".")+1:]
		if !strings.Contains(shown, name+": ") && name != "secret" {
			t.Errorf("no file shows %s", s.name)
		}
	}
}
