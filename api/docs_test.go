package api

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page about the API names every call, and none that there is not; so with
// parameters, figures and metrics.
func TestDoc_HTTPAPI(t *testing.T) {
	data, err := os.ReadFile("../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	s := debugService(t)
	served := append(served(s), "GET /") // the page itself
	var told []string
	for _, m := range regexp.MustCompile(`\b(GET|POST|PUT|PATCH|DELETE) (/[^\s?`+"`"+`]*)`).FindAllStringSubmatch(page, -1) {
		call := m[1] + " " + m[2]
		told = append(told, call)
		if !slices.Contains(served, call) {
			t.Errorf("the page tells of %s, which is not served", call)
		}
	}
	for _, call := range served {
		if !slices.Contains(told, call) && !strings.HasSuffix(call, " /debug/pprof/symbol") {
			t.Errorf("the page does not tell of %s", call)
		}
	}
	model := newContract(t).model
	for path, item := range model.Paths.PathItems.FromOldest() {
		for _, op := range item.GetOperations().FromOldest() {
			for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
				if !strings.HasPrefix(path, "/debug/") && !strings.Contains(page, p.Name) {
					t.Errorf("the page does not tell of %s of %s", p.Name, path)
				}
			}
		}
	}
	for name := range model.Components.Schemas.GetOrZero("Stats").Schema().Properties.KeysFromOldest() {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not tell of the figure %s", name)
		}
	}
	metrics, err := newRegistry(s).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if strings.HasPrefix(m.GetName(), "roost_") && !strings.Contains(page, "`"+m.GetName()) {
			t.Errorf("the page does not tell of %s", m.GetName())
		}
	}
}
