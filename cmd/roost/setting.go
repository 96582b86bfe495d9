package main

import (
	"fmt"
	"slices"
	"strings"
)

// A setting is what is known of one flag: help, checks and defaults are made
// from it.
type setting struct {
	// What it is called and where it may stand.
	name    string
	section string
	places  places

	// What it takes.
	unit      string   // as help shows the value: SIZE; empty for a toggle
	many      bool     // it is a list: repeatable, or with commas
	repeats   bool     // an element of the list may be there twice
	low, high int64    // of a number; both 0: any
	whole     int64    // a number is a multiple of it; 0: any
	choices   []string // the texts it may be; nil: any
	standard  string   // the default, as text; empty: none
	automatic string   // what the default is where it is computed

	// What is said about it.
	meaning string
	when    string // when to turn it
}

// places are the sources that may hold a setting, besides the command line.
type places uint8

const (
	inEnv places = 1 << iota
	inFile
	anywhere = inEnv | inFile
)

// env is the setting's name in the environment.
func (s *setting) env() string {
	return "ROOST_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// numberOf gives an empty number of the setting's kind, to format with.
func (s *setting) numberOf() number {
	switch s.unit {
	case unitSize:
		return new(size)
	case unitSpan:
		return new(span)
	}
	return new(count)
}

// bounds says what the setting may be, or nothing where it may be anything.
func (s *setting) bounds() string {
	switch {
	case s.choices != nil:
		return alternatives(s.choices)
	case s.high != 0:
		n := s.numberOf()
		return fmt.Sprintf("%s to %s", n.format(s.low), n.format(s.high))
	}
	return ""
}

// byDefault says what the setting is when nobody sets it.
func (s *setting) byDefault() string {
	switch {
	case s.automatic != "":
		return s.automatic
	case s.standard != "":
		return s.standard
	case s.unit == "":
		return "false"
	}
	return "none"
}

// check holds a value against the setting's range and choices.
func (s *setting) check(v value) error {
	switch v := v.(type) {
	case number:
		n := v.int64()
		if s.high != 0 && (n < s.low || n > s.high) {
			return fmt.Errorf("%s is out of range: %s would be right", v, s.bounds())
		}
		if s.whole != 0 && n%s.whole != 0 {
			return fmt.Errorf("%s has a fraction: whole seconds would be right", v)
		}
	case *text:
		if s.choices != nil && !slices.Contains(s.choices, string(*v)) {
			return fmt.Errorf("%q is unknown: %s would be right", string(*v), s.bounds())
		}
	case *list:
		for i, e := range *v {
			if s.choices != nil && !slices.Contains(s.choices, e) {
				return fmt.Errorf("%q is unknown: %s would be right", e, s.bounds())
			}
			if !s.repeats && slices.Contains((*v)[:i], e) {
				return fmt.Errorf("%q is there twice: once would be right", e)
			}
		}
	}
	return nil
}

// help is the whole of what --help says about the setting.
func (s *setting) help() string {
	var b strings.Builder
	b.WriteString(s.meaning)
	switch {
	case s.choices != nil:
		fmt.Fprintf(&b, " One of %s.", strings.Join(s.choices, ", "))
	case s.high != 0:
		fmt.Fprintf(&b, " Range: %s.", s.bounds())
	}
	if s.unit != "" && s.byDefault() != "none" {
		fmt.Fprintf(&b, " Default: %s.", s.byDefault())
	}
	b.WriteString(" " + s.when)
	if s.places&inEnv != 0 {
		fmt.Fprintf(&b, " (%s)", s.env())
	}
	return b.String()
}

// alternatives joins words: none or jwt; text, json or xml.
func alternatives(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
