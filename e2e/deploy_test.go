package e2e

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	unitFile      = "../deploy/roost.service"
	containerFile = "../deploy/Containerfile"
	ignoreFile    = "../.dockerignore"
)

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// unit gives what the systemd unit says, by key; a key may stand there several times.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	said := map[string][]string{}
	for line := range strings.Lines(readText(t, unitFile)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			said[key] = append(said[key], value)
		}
	}
	return said
}

// image gives the instructions of the image's description, by word.
func image(t *testing.T) map[string][]string {
	t.Helper()
	said := map[string][]string{}
	for line := range strings.Lines(readText(t, containerFile)) {
		word, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && !strings.HasPrefix(word, "#") {
			said[word] = append(said[word], rest)
		}
	}
	return said
}

// listed reads an instruction in the form of a list. The other form needs a shell.
func listed(t *testing.T, said []string) (list []string) {
	t.Helper()
	if len(said) != 1 {
		t.Fatalf("it stands there %d times", len(said))
	}
	if err := json.Unmarshal([]byte(said[0]), &list); err != nil {
		t.Fatalf("%s is no list: %v", said[0], err)
	}
	return list
}

// check runs roost serve --check with a command line that names files of a machine,
// in whose place others are put, and gives what would be in force.
func check(t *testing.T, args []string, places ...string) string {
	t.Helper()
	args = append(slices.Clone(args), "--check")
	for i, arg := range args {
		args[i] = strings.NewReplacer(places...).Replace(arg)
	}
	status, stdout, stderr := run(t, nil, args...)
	if status != 0 || stderr != "" {
		t.Fatalf("roost %s: status %d: %s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// secrets writes files of secrets with these names, and gives their folder.
func secrets(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		text := secret
		if strings.Contains(name, "admin") {
			text = "s3cret" // it stands in a header, where no space may be
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// spanOf reads a key of what --check prints.
func spanOf(t *testing.T, checked, key string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + key + `: "?([0-9a-z]+)`).FindStringSubmatch(checked)
	if m == nil {
		t.Fatalf("no %s in\n%s", key, checked)
	}
	d, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The unit's command line is one that serve takes, its secrets come from where the
// unit puts them, and systemd waits for longer than the server needs for its end.
func TestDeploy_Unit_CommandLine(t *testing.T) {
	said := unit(t)
	dir := secrets(t, "jwt-secret", "admin-secret")
	args := strings.Fields(said["ExecStart"][0])
	if args[0] != "/usr/local/bin/roost" {
		t.Errorf("it starts %s", args[0])
	}
	checked := check(t, args[1:], "%d", dir, "/etc/roost/roost.yaml", "../deploy/roost.yaml")
	for _, name := range []string{"jwt-secret", "admin-secret"} {
		if !slices.Contains(said["LoadCredential"], name+":/etc/roost/"+name) {
			t.Errorf("no credential %s in %q", name, said["LoadCredential"])
		}
	}
	stop, err := time.ParseDuration(said["TimeoutStopSec"][0] + "s")
	if err != nil {
		t.Fatal(err)
	}
	// Beside the drain: 5 s for a backend that is told of it, 5 s for the API's last answers.
	if least := spanOf(t, checked, "drain-timeout") + 15*time.Second; stop < least {
		t.Errorf("systemd kills after %v: %v would be right", stop, least)
	}
}

// Nobody loosens the unit without a word.
func TestDeploy_Unit_LeastRights(t *testing.T) {
	said := unit(t)
	for key, want := range map[string]string{
		"Type": "exec", "DynamicUser": "yes", "UMask": "0077", "NoNewPrivileges": "yes",
		"CapabilityBoundingSet": "", "AmbientCapabilities": "",
		"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
		"ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible",
		"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
		"RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes",
		"SystemCallArchitectures": "native", "SystemCallFilter": "@system-service|~@privileged",
		"LimitNOFILE": "1048576", "KillSignal": "SIGTERM", "ExecReload": "/bin/kill -HUP $MAINPID", "RestartPreventExitStatus": "2",
	} {
		if values, ok := said[key]; !ok || strings.Join(values, "|") != want {
			t.Errorf("%s=%s: %s would be right", key, strings.Join(values, "|"), want)
		}
	}
	for _, key := range []string{"User", "ReadWritePaths", "StateDirectory", "Environment", "EnvironmentFile"} {
		if values, ok := said[key]; ok {
			t.Errorf("%s=%s: it needs none", key, values)
		}
	}
}

// systemd understands the unit, and finds little to blame.
func TestDeploy_Unit_AsSystemdSeesIt(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	file := filepath.Join(t.TempDir(), "roost.service")
	text := strings.ReplaceAll(readText(t, unitFile), "/usr/local/bin/roost", binary) // verify looks whether it is there
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	// In tenths: 14 with systemd 252; what a unit gets that says nothing is 96.
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput()
	if err != nil && strings.Contains(string(out), "unrecognized option") {
		t.Skip("this systemd-analyze has no --offline") // before systemd 250
	}
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}

// The image starts with what serve takes, without root and a shell, at the ports it names.
func TestDeploy_Image_Instructions(t *testing.T) {
	said := image(t)
	if from := said["FROM"]; len(from) != 2 || from[1] != "scratch" {
		t.Errorf("it is made from %q", from)
	}
	if user := said["USER"]; !slices.Equal(user, []string{"65532:65532"}) {
		t.Errorf("it runs as %q", user)
	}
	if e := listed(t, said["ENTRYPOINT"]); !slices.Equal(e, []string{"/roost"}) {
		t.Errorf("it starts %q", e)
	}
	dir := secrets(t, "roost-jwt", "roost-admin")
	checked := check(t, listed(t, said["CMD"]), "/run/secrets", dir)
	for _, port := range strings.Fields(said["EXPOSE"][0]) {
		if !regexp.MustCompile(`(?m)^(listen|admin): .*:` + port + `\b`).MatchString(checked) {
			t.Errorf("nothing listens at %s:\n%s", port, checked)
		}
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readText(t, "../go.mod"))
	if version == nil || !strings.HasSuffix(said["ARG"][0], "/golang:"+version[1]) {
		t.Errorf("it is built by %s, go.mod asks for %v", said["ARG"][0], version)
	}
}

// staticBinary is the server as the image's description has it built, once for all tests.
var staticBinary = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(containerFile)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*)$`).FindSubmatch(text)
	if m == nil {
		return "", errors.New("the image builds nothing")
	}
	file := filepath.Join(filepath.Dir(binary), "static")
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(string(m[1]), "/out/roost", file))
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3-image")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return file, nil
})

// What the image is built by makes one file that needs no other, and tells no path of
// the machine that built it.
func TestDeploy_Image_BinaryIsStatic(t *testing.T) {
	file, err := staticBinary()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has %v: it is linked at run time", p.Type)
		}
	}
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(readText(t, file), here) {
		t.Error("it tells where it was built")
	}
	out, err := exec.Command(file, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "roost v1.2.3-image") {
		t.Errorf("%s, %v", out, err)
	}
}

// ignored says whether a file of the repository is kept out of the image's context.
// It knows as much of the patterns as .dockerignore uses: a path from the top, and
// **/ for any folder.
func ignored(patterns []string, file string) bool {
	for part := file; part != "."; part = path.Dir(part) {
		for _, p := range patterns {
			anywhere, deep := strings.CutPrefix(p, "**/")
			name := part
			if deep {
				name = path.Base(part)
			}
			if ok, err := path.Match(anywhere, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// What the server is built from is in the image's context, and what may be secret is not.
func TestDeploy_Image_Context(t *testing.T) {
	var patterns []string
	for line := range strings.Lines(readText(t, ignoreFile)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			patterns = append(patterns, line)
		}
	}
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}} {{end}}{{range .EmbedFiles}}{{$d}}/{{.}} {{end}}{{end}}{{end}}`,
		"github.com/roostws/roost/cmd/roost")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := append(strings.Fields(string(out)), top+"/go.mod", top+"/go.sum")
	if len(needed) < 50 {
		t.Fatalf("it is built from %d files", len(needed))
	}
	for _, file := range needed {
		file = strings.TrimPrefix(file, top+"/")
		if ignored(patterns, file) {
			t.Errorf("%s is kept out", file)
		}
	}
	for _, file := range []string{".git/config", "bin/roost", "tls/server.key", "a/b/cert.pem", ".env", ".env.local", "deploy/jwt-secret", "cmd/roost/jwt-secret"} {
		if !ignored(patterns, file) {
			t.Errorf("%s comes in", file)
		}
	}
}
