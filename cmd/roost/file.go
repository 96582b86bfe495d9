package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a file. The parser's time grows with the square of keys and
// depth (goccy/go-yaml v1.19.2, parser.parseMap), so both are counted before.
const (
	maxFile  = 1 << 20
	maxKeys  = 1000
	maxDepth = 32
)

// A fileValue is what the file says of one setting.
type fileValue struct {
	texts []string // one, or a list's elements
	place string   // FILE:LINE:COLUMN: KEY
}

// readFile reads the file of a configuration: a mapping from the names of
// settings to their values. All that is wrong comes back as one joined error,
// each part with file, line and column.
func readFile(path string, settings []setting) (map[string]fileValue, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		return nil, err
	}
	return parseFile(path, data, settings)
}

// readBounded reads a whole file of at most limit bytes. Its errors are
// PathErrors: they name the path.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a directory: a file would be right")}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("is too large: at most %s would be right", formatSize(limit))}
	}
	return data, nil
}

// A fileParser walks over one file and gathers what is wrong.
type fileParser struct {
	path     string
	settings []setting
	seen     map[string]int // the line of each key
	errs     []error
}

// parseFile is readFile for data that was read already. It does not keep data.
func parseFile(path string, data []byte, settings []setting) (values map[string]fileValue, err error) {
	p := &fileParser{path: path, settings: settings, seen: make(map[string]int)}
	root, err := p.root(data)
	if err != nil || root == nil {
		return nil, err
	}
	values = make(map[string]fileValue)
	for _, pair := range root.Values {
		p.pair(pair, values)
	}
	return values, errors.Join(p.errs...)
}

// root parses data and gives the mapping that it must be; nil for an empty file.
func (p *fileParser) root(data []byte) (root *ast.MappingNode, err error) {
	data = []byte(strings.TrimPrefix(string(data), "\uFEFF"))
	if err := p.plain(data); err != nil {
		return nil, err
	}
	// A parser's panic is a bug of its own; to the reader the file is not valid.
	defer func() {
		if recover() != nil {
			root, err = nil, fmt.Errorf("%s:1:1: not valid YAML", p.path)
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if err := p.bounded(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if !errors.As(err, &syntax) {
			return nil, fmt.Errorf("%s:1:1: not valid YAML: %w", p.path, err)
		}
		return nil, p.at(syntax.GetToken(), "not valid YAML: %s", syntax.GetMessage())
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			return nil, p.at(start(doc.Body), "a second document begins: one would be right")
		default:
			body = doc.Body
		}
	}
	switch body := body.(type) {
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.MappingNode:
		return body, nil
	default:
		return nil, p.at(body.GetToken(), "%s stands where keys should: listen: 127.0.0.1:8080 would be right", nodeName(body))
	}
}

// plain refuses what no YAML file may hold, before the parser sees it: bytes
// that are not UTF-8, control characters, and tabs that indent.
func (p *fileParser) plain(data []byte) error {
	line, column, indent := 1, 1, true
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		here := fmt.Sprintf("%s:%d:%d", p.path, line, column)
		switch {
		case r == utf8.RuneError && n == 1:
			return fmt.Errorf("%s: not valid YAML: a byte is not UTF-8", here)
		case r == '\t' && indent:
			return fmt.Errorf("%s: not valid YAML: a tab indents: spaces would be right", here)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return fmt.Errorf("%s: not valid YAML: a control character", here)
		}
		indent = r == '\n' || r == '\r' || indent && r == ' '
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[n:]
	}
	return nil
}

// bounded refuses more keys or a deeper nesting than any configuration has.
func (p *fileParser) bounded(tokens token.Tokens) error {
	keys, entries, depth := 0, 0, 0
	for _, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.MappingValueType, token.MappingKeyType, token.AnchorType, token.TagType, token.AliasType:
			keys++
		case token.SequenceEntryType:
			entries++
		}
		if keys > maxKeys || entries > maxKeys {
			return p.at(tk, "too many keys: at most %d would be right", maxKeys)
		}
		if depth > maxDepth {
			return p.at(tk, "nested too deep: at most %d would be right", maxDepth)
		}
	}
	return nil
}

// pair takes one key and its value.
func (p *fileParser) pair(pair *ast.MappingValueNode, values map[string]fileValue) {
	keyToken := pair.Key.GetToken()
	if _, plain := pair.Key.(*ast.StringNode); !plain {
		p.fail(keyToken, "%s stands where a key should: a flag's name without its dashes would be right", nodeName(pair.Key))
		return
	}
	key := keyToken.Value
	s := find(p.settings, key)
	switch {
	case s == nil:
		p.fail(keyToken, "unknown key %q%s", key, p.suggest(key))
		return
	case s.places&inFile == 0:
		p.fail(keyToken, "%s cannot stand in a file: --%s would be right", key, key)
		return
	}
	if line := p.seen[key]; line != 0 {
		p.fail(keyToken, "%s stands in line %d already: once would be right", key, line)
		return
	}
	p.seen[key] = keyToken.Position.Line
	tk := start(pair.Value)
	if _, null := pair.Value.(*ast.NullNode); null {
		tk = keyToken // what is not there has no place
	}
	place := fmt.Sprintf("%s:%d:%d: %s", p.path, tk.Position.Line, tk.Position.Column, key)
	texts, err := fileTexts(s, pair.Value)
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: %w", place, err))
		return
	}
	values[key] = fileValue{texts: texts, place: place}
}

// fileTexts gives the texts that a setting's value decodes, once the node is of
// the right type. The error never holds the value, which may be a secret.
func fileTexts(s *setting, node ast.Node) ([]string, error) {
	if seq, ok := node.(*ast.SequenceNode); ok && s.many {
		if len(seq.Values) == 0 {
			return nil, errors.New("the list is empty: an element, or no such key, would be right")
		}
		texts := make([]string, 0, len(seq.Values))
		for i, n := range seq.Values {
			text, ok := nodeText(n)
			switch {
			case !ok:
				return nil, fmt.Errorf("element %d is %s: a text would be right", i+1, nodeName(n))
			case strings.Contains(text, ","):
				return nil, fmt.Errorf("element %d holds a comma: an element of its own for each would be right", i+1)
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	text, isText := nodeText(node)
	_, isInt := node.(*ast.IntegerNode)
	_, isBool := node.(*ast.BoolNode)
	switch {
	case s.unit == "":
		if isBool {
			return []string{node.GetToken().Value}, nil
		}
		return nil, wrongType(node, "true or false")
	case s.unit == unitCount:
		if isInt {
			return []string{node.GetToken().Value}, nil
		}
		return nil, wrongType(node, "a whole number such as 1000")
	case s.unit == unitSize:
		if isInt {
			return []string{node.GetToken().Value}, nil
		}
		if isText {
			return []string{text}, nil
		}
		return nil, wrongType(node, "bytes such as 65536, 64KiB or 1MiB")
	case s.unit == unitSpan && isInt:
		return []string{node.GetToken().Value}, nil // decode tells that a unit is missing
	case s.unit == unitSpan && !isText:
		return nil, wrongType(node, "a duration such as 30s")
	case s.many && isText && strings.Contains(text, ","):
		return nil, errors.New("a comma stands in a text: a list such as [a, b] would be right")
	case s.many && !isText:
		return nil, wrongType(node, "a list of texts such as [a, b]")
	case isText:
		return []string{text}, nil
	case isInt, isBool:
		return nil, wrongType(node, "a text in quotes")
	}
	return nil, wrongType(node, "a text")
}

// start gives the token where a node begins; of a mapping, the parser tells the
// first colon.
func start(node ast.Node) *token.Token {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// wrongType says what was found and what would be right.
func wrongType(node ast.Node, right string) error {
	return fmt.Errorf("%s is not right here: %s would be", nodeName(node), right)
}

// nodeText gives the text of a string, in quotes or not, or of a block without
// the newline that ends it.
func nodeText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), true
	}
	return "", false
}

// nodeName says in words what a node is.
func nodeName(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.AnchorNode:
		return "an anchor (&)"
	case *ast.AliasNode:
		return "an alias (*)"
	case *ast.TagNode:
		return "a tag (!)"
	case *ast.MergeKeyNode:
		return "a merge key (<<)"
	}
	return "something else"
}

// suggest names the key that was likely meant.
func (p *fileParser) suggest(key string) string {
	var names []string
	for _, s := range p.settings {
		if s.places&inFile != 0 {
			names = append(names, s.name)
		}
	}
	if name := nearest(key, names); name != "" {
		return fmt.Sprintf(": did you mean %s?", name)
	}
	return ": a flag's name without its dashes would be right"
}

// at makes an error at a token's place.
func (p *fileParser) at(tk *token.Token, format string, args ...any) error {
	line, column := 1, 1
	if tk != nil && tk.Position != nil {
		line, column = cmp.Or(tk.Position.Line, 1), cmp.Or(tk.Position.Column, 1)
	}
	return fmt.Errorf("%s:%d:%d: %w", p.path, line, column, fmt.Errorf(format, args...))
}

func (p *fileParser) fail(tk *token.Token, format string, args ...any) {
	p.errs = append(p.errs, p.at(tk, format, args...))
}
