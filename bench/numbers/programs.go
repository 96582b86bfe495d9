package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/roostws/roost/certs/certstest"
)

// programs are the paths of what is run.
type programs struct {
	roost, floor, load string
	presence           string // a configuration of rooms that keep presence
	cert, key          string // of TLS
}

// presenceRules have all rooms keep presence.
const presenceRules = "rooms:\n  - match: \"*\"\n    presence: true\n"

// build compiles all three: roost to where a user has it, the others to dir.
func build(ctx context.Context, dir string, stderr io.Writer) (programs, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return programs{}, err
	}
	p, err := newPrograms(filepath.Join(root, "bin", "roost"), dir)
	if err != nil {
		return programs{}, err
	}
	for path, out := range map[string]string{"./cmd/roost": p.roost, "./bench/floor": p.floor, "./bench/load": p.load} {
		c := exec.CommandContext(ctx, "go", "build", "-o", out, path)
		c.Dir, c.Stderr = root, stderr
		if err := c.Run(); err != nil {
			return programs{}, fmt.Errorf("go build %s: %w", path, err)
		}
	}
	return p, nil
}

// newPrograms says where the programs are to be, and writes the files that they read.
func newPrograms(roost, dir string) (p programs, err error) {
	p = programs{roost: roost, floor: filepath.Join(dir, "floor"), load: filepath.Join(dir, "load"), presence: filepath.Join(dir, "presence.yaml")}
	if p.cert, p.key, err = certstest.New(certstest.Options{}).Write(dir, "tls"); err != nil {
		return programs{}, err
	}
	return p, os.WriteFile(p.presence, []byte(presenceRules), 0o600)
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("start it within roost's source tree: there is no go.mod here")
	}
	return filepath.Dir(file), nil
}

// machine says what the figures were measured on.
func machine() string {
	cpu := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(text) {
		if key, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(key)) == "model name" {
			cpu = string(bytes.TrimSpace(value))
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d processors, Linux %s, %s", cpu, runtime.NumCPU(), bytes.TrimSpace(kernel), runtime.Version())
}
