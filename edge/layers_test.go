package edge_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/roostws/roost/"

// layers is what each package may import of this module, directly or not.
var layers = map[string][]string{
	"protocol":   nil,
	"poller":     {"tlsrecord"},
	"rooms":      nil,
	"auth":       nil,
	"broker":     nil,
	"native":     nil,
	"proxyproto": nil,
	"rate":       nil,
	"tlsrecord":  nil,
	"certs":      nil,
	"edge":       {"auth", "broker", "native", "poller", "protocol", "proxyproto", "rate", "rooms", "tlsrecord"},
	"api":        {"auth", "broker", "certs", "edge", "native", "poller", "protocol", "proxyproto", "rate", "rooms", "tlsrecord", "webhook"},
	"webhook":    {"auth", "broker", "edge", "native", "poller", "protocol", "proxyproto", "rate", "rooms", "tlsrecord"},
	"bench":      {"poller", "protocol", "tlsrecord"},
	"cmd/roost":  {"api", "auth", "bench", "broker", "certs", "edge", "native", "poller", "protocol", "proxyproto", "rate", "rooms", "tlsrecord", "webhook"},

	"broker/brokertest": {"broker"},
	"certs/certstest":   nil,
}

// owners says which packages alone may import a library directly.
var owners = map[string][]string{
	"github.com/gobwas/ws":                     {"protocol"},
	"github.com/panjf2000/gnet/v2":             {"poller"},
	"github.com/klauspost/compress":            {"protocol"},
	"github.com/golang-jwt/jwt/v5":             {"auth"},
	"github.com/MicahParks/jwkset":             {"auth"},
	"github.com/evanphx/json-patch/v5":         {"broker"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"broker"},
	"github.com/prometheus/client_golang":      {"api"},
	"github.com/prometheus/procfs":             {"api"},
	"github.com/KimMachineGun/automemlimit":    {"edge", "cmd/roost"},
	"github.com/alecthomas/kong":               {"cmd/roost"},
	"github.com/goccy/go-yaml":                 {"cmd/roost"},
	"github.com/go-json-experiment/json":       {"native", "edge", "api"},
	"golang.org/x/crypto":                      {"tlsrecord"},
	"net/http":                                 {"api", "auth", "webhook", "cmd/roost", "bench"},
}

func list(t *testing.T, format, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", format, module+pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", pkg, err, out)
	}
	return strings.Fields(string(out))
}

// The order of the packages: leaves know nothing of each other, the trunk knows
// the leaves, and nothing knows what stands above it.
func TestLayers_ImportOrder(t *testing.T) {
	for pkg, allowed := range layers {
		for _, dep := range list(t, `{{join .Deps "\n"}}`, pkg) {
			if name, ours := strings.CutPrefix(dep, module); ours && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", pkg, name)
			}
		}
	}
}

func TestLayers_LibrariesHaveOneOwner(t *testing.T) {
	for pkg := range layers {
		for _, imp := range list(t, `{{join .Imports "\n"}}`, pkg) {
			for lib, who := range owners {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(who, pkg) {
					t.Errorf("%s imports %s, which is for %v alone", pkg, imp, who)
				}
			}
		}
	}
}

// Every package of the module stands in the table above, but for programs
// that only show or measure something.
func TestLayers_KnowAllPackages(t *testing.T) {
	out, err := exec.Command("go", "list", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		name := strings.TrimPrefix(pkg, module)
		if _, known := layers[name]; !known && name != "e2e" && name != "hostile" && !strings.HasPrefix(name, "examples/") && !strings.HasPrefix(name, "bench/") {
			t.Errorf("package %s stands in no layer", name)
		}
	}
}
