package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named finds the tests that a page names, as package.Test.
var named = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)`")

// testsOf gives the names of a package's tests.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests in %q, %v", pkg, err)
	}
	names := map[string]bool{}
	for _, file := range files {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(readText(t, file), -1) {
			names[m[1]] = true
		}
	}
	return names
}

// Each row of docs/security.md says what it is about and names a test, those that it
// names there are, and what is not stopped stands under each table.
func TestDoc_Security_NamesTests(t *testing.T) {
	page := readText(t, "../docs/security.md")
	known := map[string]map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(page, -1) {
		if known[m[1]] == nil {
			known[m[1]] = testsOf(t, m[1])
		}
		if !known[m[1]][m[2]] {
			t.Errorf("there is no test %s in %s", m[2], m[1])
		}
	}
	tables := 0
	for _, section := range strings.Split(page, "\n## ")[1:] {
		if !strings.Contains(section, "| tested by |") {
			continue
		}
		tables++
		title, rest, _ := strings.Cut(section, "\n")
		if !strings.Contains(rest, "\nNot stopped:\n\n- ") {
			t.Errorf("%s: what is not stopped is missing", title)
		}
		_, rows, _ := strings.Cut(rest, "| --- |\n")
		rows, _, _ = strings.Cut(rows, "\n\n")
		for row := range strings.Lines(rows) {
			cells := strings.Split(strings.Trim(row, "| \n"), " | ")
			if len(cells) != 4 || !named.MatchString(cells[3]) {
				t.Errorf("%s: no test is named in %s", title, row)
			}
		}
	}
	if tables != 9 {
		t.Errorf("there are %d tables of attackers", tables)
	}
}

// The pages on security and on deployment link to what there is.
func TestDoc_Security_LinksLead(t *testing.T) {
	for _, page := range []string{"../docs/security.md", "../SECURITY.md", "../deploy/README.md"} {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(readText(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
