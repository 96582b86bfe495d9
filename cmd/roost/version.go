package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by -ldflags "-X main.version=v1.2.3"; without it the module's
// version is told.
var version string

// A build says what a binary was made from.
type build struct {
	version string
	commit  string
	time    string // of the commit
	changed bool   // the tree held more than the commit
	golang  string
}

// thisBuild reads what the linker and the go command left in the binary.
func thisBuild() build {
	b := build{version: version, golang: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.read(info)
	}
	b.version = cmp.Or(b.version, "devel")
	b.commit = cmp.Or(b.commit, "unknown")
	return b
}

func (b *build) read(info *debug.BuildInfo) {
	if v := info.Main.Version; v != "(devel)" {
		b.version = cmp.Or(b.version, v)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.time = s.Value
		case "vcs.modified":
			b.changed = s.Value == "true"
		}
	}
}

// print writes one line: roost v1.2.3, commit 0a1b2c (2026-01-02T03:04:05Z), go1.26 linux/amd64.
func (b build) print(w io.Writer) error {
	detail := ""
	if b.time != "" {
		detail = b.time
		if b.changed {
			detail += ", changed"
		}
		detail = " (" + detail + ")"
	}
	_, err := fmt.Fprintf(w, "roost %s, commit %s%s, %s %s/%s\n", b.version, b.commit, detail, b.golang, runtime.GOOS, runtime.GOARCH)
	return err
}
