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
	file fileContent
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
	f.file.secret = secret(f.environ[envWebhookSecret])
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
	if v, ok := f.file.values[s.name]; ok {
		return origin{fromFile, v.place}, v.texts
	}
	if s.standard == "" {
		return origin{}, nil
	}
	return origin{}, []string{s.standard}
}

// check holds a value that was set against its setting.
func (f *filler) check(s *setting, v value) error {
	if f.origins[s.name].rank == fromDefault {
		return nil
	}
	if err := s.check(v); err != nil {
		return f.origins.problem(s.name, "%w", err)
	}
	return nil
}

// hints names variables that look like a setting's and are none. They are no
// error: Kubernetes makes ROOST_SERVICE_HOST and the like for a service that is
// called roost.
func (f *filler) hints() []string {
	names, hints := []string{strings.TrimPrefix(envWebhookSecret, "ROOST_")}, []string(nil)
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
