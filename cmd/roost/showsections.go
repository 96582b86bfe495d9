package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/roostws/roost/auth"
)

// show writes the sections as YAML that --config reads, but for secrets.
func (s *sections) show(b *bytes.Buffer) {
	fmt.Fprintf(b, "# %s\n", sectionRooms)
	if len(s.rooms) == 0 {
		fmt.Fprintf(b, "# %s:\n", keyRooms)
	} else {
		fmt.Fprintf(b, "%-40s # file\n", keyRooms+":")
	}
	for i := range s.rooms {
		r := s.rooms[i]
		r.schema = absolute(r.schema)
		for j, line := range r.section().lines() {
			fmt.Fprintf(b, "  %s%s\n", []string{"- ", "  "}[min(j, 1)], line)
		}
	}
	fmt.Fprintf(b, "# %s\n", sectionWebhooks)
	if s.webhooks == nil {
		fmt.Fprintf(b, "# %s:\n", keyWebhooks)
		return
	}
	w := *s.webhooks
	w.URL = text(auth.Redact(string(w.URL)))
	if w.SecretFile = absolute(w.SecretFile); w.SecretFile != "" {
		w.Secret = "" // it is the file's
	}
	fmt.Fprintf(b, "%-40s # file\n", keyWebhooks+":")
	for _, line := range w.section().lines() {
		if strings.HasPrefix(line, "secret: ") && w.secretFrom.rank == fromEnv {
			line = fmt.Sprintf("%-38s # environment", line)
		}
		fmt.Fprintf(b, "  %s\n", line)
	}
}

// lines are the keys of a section that are set, each with its value; the keys
// within a key stand in its line.
func (s *section) lines() []string {
	var lines []string
	open := "" // the key that the last line is of, where it has keys within it
	for i := range s.settings {
		set := &s.settings[i]
		text := set.fileText(s.values[set.name])
		if text == "" {
			continue
		}
		outer, inner, nested := strings.Cut(set.name, ".")
		switch {
		case !nested:
			lines, open = append(lines, outer+": "+text), ""
		case outer == open:
			last := &lines[len(lines)-1]
			*last = strings.TrimSuffix(*last, "}") + ", " + inner + ": " + text + "}"
		default:
			lines, open = append(lines, outer+": {"+inner+": "+text+"}"), outer
		}
	}
	return lines
}

// absolute is a path that means the same from every folder.
func absolute(path text) text {
	if path == "" {
		return ""
	}
	abs, err := filepath.Abs(string(path))
	if err != nil {
		return path // without a working directory
	}
	return text(abs)
}
