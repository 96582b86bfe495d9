package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A keySet takes the keys of one mapping: those that are known, each once.
type keySet struct {
	p     *fileParser
	in    string         // the keys above: rooms. or rooms.history. ; empty: none
	names []string       // those that are known
	right string         // what would be right where none of them stands
	seen  map[string]int // the line of each that stood there
}

// take gives a pair's key, or tells what is wrong with it.
func (k *keySet) take(pair *ast.MappingValueNode) (key string, ok bool) {
	tk := pair.Key.GetToken()
	if _, plain := pair.Key.(*ast.StringNode); !plain {
		k.p.fail(tk, "%s stands where a key should: %s would be right", nodeName(pair.Key), k.right)
		return "", false
	}
	key = tk.Value
	if !slices.Contains(k.names, key) {
		if k.in == "" && find(k.p.settings, key) != nil {
			k.p.fail(tk, "%s cannot stand in a file: --%s would be right", key, key)
		} else {
			k.p.fail(tk, "unknown key %q%s", key, k.suggest(key))
		}
		return "", false
	}
	if line := k.seen[key]; line != 0 {
		k.p.fail(tk, "%s stands in line %d already: once would be right", k.in+key, line)
		return "", false
	}
	k.seen[key] = tk.Position.Line
	return key, true
}

// suggest ends the sentence on an unknown key: where it stands, and the key that
// was likely meant.
func (k *keySet) suggest(key string) string {
	in := ""
	if k.in != "" {
		in = " in " + strings.TrimSuffix(k.in, ".")
	}
	if name := nearest(key, k.names); name != "" {
		return fmt.Sprintf("%s: did you mean %s?", in, name)
	}
	return fmt.Sprintf("%s: %s would be right", in, k.right)
}

// A section is a mapping within the file, and what its keys set.
type section struct {
	name     string            // as the file has it
	settings []setting         // one a key; history.size is the key size of the key history
	values   map[string]value  // what each sets, by its name
	places   map[string]string // where those that were found stand, as an error begins
}

// read gives the values their defaults, then what the mapping says.
func (s *section) read(p *fileParser, m *ast.MappingNode) {
	s.places = make(map[string]string)
	for i := range s.settings {
		if set := &s.settings[i]; set.standard != "" {
			_ = s.values[set.name].decode(set.standard) // a test decodes each
		}
	}
	s.level(p, m, "")
}

// level reads a mapping whose keys are the settings that begin with prefix.
func (s *section) level(p *fileParser, m *ast.MappingNode, prefix string) {
	keys := keySet{p: p, in: s.name + "." + prefix, names: s.names(prefix), seen: make(map[string]int)}
	keys.right = alternatives(keys.names)
	if len(m.Values) == 0 {
		p.fail(m.GetToken(), "%s: the mapping is empty: %s would be right", strings.TrimSuffix(keys.in, "."), keys.right)
	}
	for _, pair := range m.Values {
		key, ok := keys.take(pair)
		if !ok {
			continue
		}
		name := prefix + key
		place := p.place(pair, s.name+"."+name)
		set := find(s.settings, name)
		if set != nil {
			s.places[name] = place
			if err := set.take(s.values[name], pair.Value); err != nil {
				p.failAt(place, "%w", err)
			}
			continue
		}
		below, ok := pair.Value.(*ast.MappingNode)
		if !ok {
			p.failAt(place, "%w", wrongType(pair.Value, "a mapping with "+alternatives(s.names(name+"."))))
			continue
		}
		s.level(p, below, name+".")
	}
}

// names are the keys of the mapping whose settings begin with prefix.
func (s *section) names(prefix string) []string {
	var names []string
	for i := range s.settings {
		rest, ok := strings.CutPrefix(s.settings[i].name, prefix)
		name, _, _ := strings.Cut(rest, ".")
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// take sets a value from the file and checks it.
func (s *setting) take(v value, node ast.Node) error {
	texts, err := fileTexts(s, node)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if err := v.decode(text); err != nil {
			return err
		}
	}
	return s.check(v)
}
