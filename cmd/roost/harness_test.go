package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goodSecret is long enough to sign tokens with.
const goodSecret = "0123456789abcdef0123456789abcdef"

// invoke runs a command inside the test. Not for serve, but with --check or
// where it fails before it serves.
func invoke(args, environ []string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = run(args, environ, &out, &errs)
	return status, out.String(), errs.String()
}

// writeFile puts text into a file of its own and gives the path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parseServe parses a command line of serve.
func parseServe(t *testing.T, args, environ []string) *parsed {
	t.Helper()
	p, err := parse(append([]string{"serve"}, args...), environ, os.Stderr)
	if err != nil {
		t.Fatalf("serve %q with %q: %v", args, environ, err)
	}
	return p
}
