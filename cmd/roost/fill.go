package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A filler sets what the command line leaves open: from the environment, else
// from the file, else from the defaults.
type filler struct {
	// Given.
	origins  origins
	settings []setting
	environ  map[string]string

	// Found.
	file map[string]fileValue
}

// variables gives those of "NAME=VALUE" that are roost's and not empty: an
// empty one is as good as none, since it is what a variable of a compose file
// gives that nobody set.
func variables(environ []string) map[string]string {
	vars := make(map[string]string)
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok && value != "" && strings.HasPrefix(name, "ROOST_") {
			vars[name] = value
		}
	}
	return vars
}

// fill sets every flag of the command that ctx selected, but for those that
// failed on the command line.
func (f *filler) fill(ctx *kong.Context, failed map[string]bool) error {
	flags := ctx.Selected().Flags
	for _, path := range ctx.Path {
		if path.Flag != nil {
			f.origins[path.Flag.Name] = origin{fromFlag, "--" + path.Flag.Name}
		}
	}
	// --config first: it says where the file is.
	i := slices.IndexFunc(flags, func(flag *kong.Flag) bool { return flag.Name == "config" })
	if err := f.set(flags[i]); err != nil {
		return err
	}
	var errs []error
	if path := flags[i].Target.Interface().(text); path != "" {
		// The file is serve's, whatever command reads it.
		var err error
		if f.file, err = readFile(string(path), serveSettings); err != nil {
			var read *fs.PathError
			if errors.As(err, &read) {
				err = f.origins.problem("config", "%w", err)
			}
			errs = append(errs, err)
		}
	}
	for j, flag := range flags {
		if j != i && !failed[flag.Name] {
			if err := f.set(flag); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// set gives one flag its value, unless the command line did, and checks its range.
func (f *filler) set(flag *kong.Flag) error {
	s := find(f.settings, flag.Name)
	v := flag.Target.Addr().Interface().(value)
	if f.origins[s.name].rank != fromFlag {
		place, texts := f.lookUp(s)
		f.origins[s.name] = place
		for _, text := range texts {
			if err := v.decode(text); err != nil {
				return f.origins.problem(s.name, "%w", err)
			}
		}
	}
	return f.check(s, v)
}

// lookUp finds where a setting stands, and the texts that stand there.
func (f *filler) lookUp(s *setting) (origin, []string) {
	if text, ok := f.environ[s.env()]; ok && s.places&inEnv != 0 {
		return origin{fromEnv, s.env()}, []string{text}
	}
	if v, ok := f.file[s.name]; ok {
		return origin{fromFile, v.place}, v.texts
	}
	if s.standard == "" {
		return origin{}, nil
	}
	return origin{}, []string{s.standard}
}

// check holds a value that was set against its setting's range and choices.
func (f *filler) check(s *setting, v value) error {
	if f.origins[s.name].rank == fromDefault {
		return nil
	}
	switch v := v.(type) {
	case number:
		n := v.int64()
		if s.high != 0 && (n < s.low || n > s.high) {
			return f.origins.problem(s.name, "%s is out of range: %s would be right", v, s.bounds())
		}
		if s.whole != 0 && n%s.whole != 0 {
			return f.origins.problem(s.name, "%s has a fraction: whole seconds would be right", v)
		}
	case *text:
		if s.choices != nil && !slices.Contains(s.choices, string(*v)) {
			return f.origins.problem(s.name, "%q is unknown: %s would be right", string(*v), s.bounds())
		}
	case *list:
		for i, e := range *v {
			if s.choices != nil && !slices.Contains(s.choices, e) {
				return f.origins.problem(s.name, "%q is unknown: %s would be right", e, s.bounds())
			}
			if slices.Contains((*v)[:i], e) {
				return f.origins.problem(s.name, "%q is there twice: once would be right", e)
			}
		}
	}
	return nil
}

// hints names variables that look like a setting's and are none. They are no
// error: Kubernetes makes ROOST_SERVICE_HOST and the like for a service that is
// called roost.
func (f *filler) hints() []string {
	var names, hints []string
	for i := range serveSettings {
		if s := &serveSettings[i]; s.places&inEnv != 0 {
			names = append(names, strings.TrimPrefix(s.env(), "ROOST_"))
		}
	}
	for name := range f.environ {
		word := strings.TrimPrefix(name, "ROOST_")
		if slices.Contains(names, word) {
			continue
		}
		for _, n := range names {
			if distance(word, n) <= 2 && len(word) > 4 {
				hints = append(hints, fmt.Sprintf("%s is not known: did you mean ROOST_%s?", name, n))
				break
			}
		}
	}
	slices.Sort(hints)
	return hints
}
