package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// grammar is the command line as kong reads it.
type grammar struct {
	Serve   Config      `cmd:"" help:"Run the server."`
	Token   TokenConfig `cmd:"" help:"Make a token (JWT) for trying."`
	Drain   DrainConfig `cmd:"" help:"Have a running server send its clients away, and end."`
	Version struct{}    `cmd:"" help:"Print the version, the commit and the version of Go."`
}

// A usageError is a wrong command line, environment or file: exit status 2.
type usageError struct {
	err  error
	help string // the command that explains: roost serve --help
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// A parsed is what the command line, the environment and the file say.
type parsed struct {
	command  string // empty: help was asked for and printed
	grammar  grammar
	origins  origins
	sections sections
	keys     *keyring                // of serve, once it is settled
	again    func() (*parsed, error) // parses and settles anew: files may have changed
	hints    []string                // what is odd and no error
}

// parse reads args, then what they leave open from the environment, the file
// and the defaults. Help goes to stdout.
func parse(args, environ []string, stdout io.Writer) (*parsed, error) {
	p := &parsed{origins: make(origins)}
	helped := false
	m := new(mapper)
	parser, err := kong.New(&p.grammar,
		kong.Name("roost"),
		kong.Description("A WebSocket push server: many idle connections, and rooms to publish to."),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.ValueFormatter(func(v *kong.Value) string { return v.Help }),
		mapped[text](m), mapped[secret](m), mapped[toggle](m), mapped[count](m), mapped[size](m), mapped[span](m), mapped[list](m),
		kong.PostBuild(describe),
	)
	if err != nil {
		return nil, err
	}
	ctx, err := parser.Parse(args)
	if helped {
		return p, nil
	}
	if err != nil {
		return nil, commandLineError(parser, args, err)
	}
	p.command = ctx.Command()
	settings := settingsOf(p.command)
	if settings == nil {
		return p, nil
	}
	f := filler{origins: p.origins, settings: settings, environ: variables(environ)}
	if err := errors.Join(append(m.errs, f.fill(ctx, m.failed))...); err != nil {
		return nil, &usageError{err, "roost " + p.command + " --help"}
	}
	p.sections, p.hints = f.file.sections, f.hints()
	return p, nil
}

// mapped lets kong read a value by its own decode.
func mapped[T any](m *mapper) kong.Option {
	return kong.TypeMapper(reflect.TypeFor[T](), m)
}

// A mapper decodes for kong. It keeps errors, since kong would stop at the first.
type mapper struct {
	errs   []error
	failed map[string]bool // the flags that have one
}

var errNoValue = errors.New("a value is missing (one that begins with - is written --flag=VALUE)")

// Decode reads the value of a flag, or its next one when it is repeated.
func (m *mapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	v := target.Addr().Interface().(value)
	text := "true"
	if _, ok := v.(*toggle); !ok || ctx.Scan.Peek().Type == kong.FlagValueToken {
		if !ctx.Scan.Peek().IsValue() {
			return errNoValue
		}
		text = ctx.Scan.Pop().String()
	}
	if err := v.decode(text); err != nil {
		m.errs = append(m.errs, fmt.Errorf("%s: %w", ctx.Value.ShortSummary(), err))
		if m.failed == nil {
			m.failed = make(map[string]bool)
		}
		m.failed[ctx.Value.Name] = true
	}
	return nil
}

// IsBoolFromValue tells kong that a toggle needs no value.
func (*mapper) IsBoolFromValue(target reflect.Value) bool { return target.Kind() == reflect.Bool }

// describe gives kong's flags what the settings say of them.
func describe(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		settings := settingsOf(command.Name)
		groups := make(map[string]*kong.Group)
		for _, flag := range command.Flags {
			s := find(settings, flag.Name)
			if s == nil {
				return fmt.Errorf("flag --%s of %s has no setting", flag.Name, command.Name)
			}
			if groups[s.section] == nil {
				groups[s.section] = &kong.Group{Key: s.section, Title: s.section + ":"}
			}
			flag.Group = groups[s.section]
			flag.Help, flag.OrigHelp = s.help(), s.help()
			flag.PlaceHolder = s.unit
		}
	}
	return nil
}

// commandLineError says in our words what kong found wrong.
func commandLineError(parser *kong.Kong, args []string, err error) error {
	command := "roost"
	var flags []string
	var perr *kong.ParseError
	if errors.As(err, &perr) && perr.Context != nil {
		if node := perr.Context.Selected(); node != nil {
			command += " " + node.Name
			for _, f := range node.Flags {
				flags = append(flags, f.Name)
			}
		}
	}
	message := err.Error()
	switch word, isFlag := strings.CutPrefix(message, "unknown flag "); {
	case isFlag:
		word, _, _ = strings.Cut(word, ",")
		message = unknownFlag(word, args, flags)
	case strings.HasPrefix(message, "unexpected argument "):
		word := strings.TrimPrefix(message, "unexpected argument ")
		word, _, _ = strings.Cut(word, ", did you mean ")
		message = fmt.Sprintf("unexpected argument %q: flags alone would be right", word)
		if command == "roost" {
			message = fmt.Sprintf("unknown command %q: %s would be right", word, commandNames(parser))
		}
	case strings.HasPrefix(message, "expected one of "):
		message = "a command is missing: " + commandNames(parser) + " would be right"
	case strings.HasPrefix(message, "missing flags: "):
		message = strings.TrimPrefix(message, "missing flags: ") + " is missing"
	}
	return &usageError{errors.New(message), command + " --help"}
}

func commandNames(parser *kong.Kong) string {
	var names []string
	for _, c := range parser.Model.Children {
		names = append(names, c.Name)
	}
	return alternatives(names)
}

// unknownFlag says which flag is unknown, and which was likely meant. kong
// takes -listen for the short flag -l; the whole word is more help.
func unknownFlag(word string, args, flags []string) string {
	if !strings.HasPrefix(word, "--") {
		for _, arg := range args {
			if strings.HasPrefix(arg, word) && len(arg) > len(word) {
				word, _, _ = strings.Cut(arg, "=")
				break
			}
		}
	}
	if name := nearest(word, flags); name != "" {
		return fmt.Sprintf("unknown flag %s: did you mean --%s?", word, name)
	}
	return "unknown flag " + word
}
