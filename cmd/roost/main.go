package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// The exit statuses.
const (
	statusOK     = 0 // stopped as asked
	statusFailed = 1 // failed while running
	statusUsage  = 2 // wrong usage or configuration
)

func main() {
	runtime.MemProfileRate = 0 // as early as can be: see tuneCollector
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main without the process: it gives the exit status.
func run(args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	p, err := read(args, environ, stdout)
	if err != nil {
		return report(stderr, err)
	}
	if p.command == "serve" {
		return serve(p, stdout, stderr)
	}
	p.tell(stderr)
	switch p.command {
	case "token":
		err = p.grammar.Token.mint(stdout, time.Now())
	case "drain":
		err = p.grammar.Drain.drain(context.Background(), stdout)
	case "version":
		err = thisBuild().print(stdout)
	}
	if err != nil {
		return report(stderr, err)
	}
	return statusOK
}

// read parses and settles what a command is told.
func read(args, environ []string, stdout io.Writer) (*parsed, error) {
	p, err := parse(args, environ, stdout)
	if err != nil {
		return nil, err
	}
	p.again = func() (*parsed, error) { return read(args, environ, io.Discard) }
	return p, p.settle()
}

// settle makes the checks that a command's settings need together.
func (p *parsed) settle() error {
	var err error
	switch p.command {
	case "serve":
		c := &p.grammar.Serve
		p.keys, err = c.settle(p.origins)
		err = errors.Join(err, p.sections.settle(c, p.origins))
		p.hints = append(append(p.hints, c.oddities(p.origins)...), p.sections.oddities(c)...)
	case "token":
		c := &p.grammar.Token
		err = c.settle(p.origins)
		p.hints = append(p.hints, c.hints()...)
	case "drain":
		err = p.grammar.Drain.settle(p.origins)
	}
	if err != nil {
		return &usageError{err, "roost " + p.command + " --help"}
	}
	return nil
}

// tell writes the hints, a line each.
func (p *parsed) tell(w io.Writer) {
	for _, h := range p.hints {
		fmt.Fprintln(w, "roost: "+h)
	}
}

// report writes what is wrong, a line each, and gives the exit status.
func report(w io.Writer, err error) int {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(w, "roost: "+line)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(w, "see "+usage.help)
		return statusUsage
	}
	return statusFailed
}
