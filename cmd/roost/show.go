package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/roostws/roost/auth"
)

// printConfig writes the configuration in force as YAML that --config reads,
// but for the secrets, with where each value comes from. computed holds the
// defaults that depend on the machine.
func printConfig(w io.Writer, c *Config, o origins, computed map[string]string, s *sections) error {
	var b bytes.Buffer
	section := ""
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		name := field.Tag.Get("name")
		if name == "" {
			name = fieldFlag(field.Name)
		}
		set := find(serveSettings, name)
		if set.places&inFile == 0 {
			continue
		}
		if file := o[name+"-file"]; file.rank != fromDefault && file == o[name] {
			continue // the secret is the file's
		}
		if set.section != section {
			section = set.section
			fmt.Fprintf(&b, "# %s\n", section)
		}
		text := set.fileText(fields.Field(i).Addr().Interface().(value))
		from := []string{"default", "file", "environment", "flag"}[o[name].rank]
		if o[name].rank == fromDefault && computed[name] != "" {
			text = computed[name]
		}
		if text != "" && name == "jwt-secret" && o[name].rank == fromDefault {
			from = "made at each start"
		}
		if text == "" {
			fmt.Fprintf(&b, "# %s:\n", name)
			continue
		}
		fmt.Fprintf(&b, "%-40s # %s\n", name+": "+text, from)
	}
	s.show(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// fileText is a value as the file holds it; empty for one that is not set.
func (s *setting) fileText(v value) string {
	switch v := v.(type) {
	case number:
		if v.int64() < s.low { // 0 for none
			return ""
		}
	case *text, *secret:
		if v.String() == "" {
			return ""
		}
		if s.unit == unitURL {
			return quoted(auth.Redact(v.String()))
		}
		return quoted(v.String())
	case *list:
		if len(*v) == 0 {
			return ""
		}
		parts := make([]string, len(*v))
		for i, e := range *v {
			parts[i] = quoted(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return v.String()
}

// quoted is s in double quotes, as JSON and so YAML has it.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""` // no string is refused
	}
	return strings.TrimSuffix(b.String(), "\n")
}
