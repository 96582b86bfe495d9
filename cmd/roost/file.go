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

// The bounds of a file. The parser's time grows with the square of a mapping's
// keys and of the depth (goccy/go-yaml v1.19.2, parser.parseMap), so both are
// counted before: so many keys take it half a second at worst, and are enough for
// maxRooms rules that say all a rule can.
const (
	maxFile  = 1 << 20
	maxKeys  = 12_000
	maxDepth = 32
	maxTold  = 100 // things that are wrong
)

// A fileContent is what a file says.
type fileContent struct {
	values map[string]fileValue // of settings, by name
	sections
}

// A fileValue is what the file says of one setting.
type fileValue struct {
	texts []string // one, or a list's elements
	place string   // FILE:LINE:COLUMN: KEY
}

// readFile reads the file of a configuration: a mapping from the names of
// settings to their values, and the sections. What is wrong comes back as one
// joined error, each part with file, line and column.
func readFile(path string, settings []setting) (fileContent, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		return fileContent{}, err
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
	content  fileContent
	errs     []error
}

// parseFile is readFile for data that was read already. It does not keep data.
func parseFile(path string, data []byte, settings []setting) (fileContent, error) {
	p := &fileParser{path: path, settings: settings}
	root, err := p.root(data)
	if err != nil || root == nil {
		return fileContent{}, err
	}
	p.content.values = make(map[string]fileValue)
	keys := keySet{p: p, names: p.names(), right: "a flag's name without its dashes", seen: make(map[string]int)}
	for _, pair := range root.Values {
		if key, ok := keys.take(pair); ok {
			p.pair(key, pair)
		}
	}
	return p.content, errors.Join(p.errs...)
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

// names are the keys that the file may have.
func (p *fileParser) names() []string {
	names := []string{keyRooms, keyWebhooks}
	for _, s := range p.settings {
		if s.places&inFile != 0 {
			names = append(names, s.name)
		}
	}
	return names
}

// pair takes the value of one key: a section's, or a setting's.
func (p *fileParser) pair(key string, pair *ast.MappingValueNode) {
	place := p.place(pair, key)
	switch key {
	case keyRooms:
		p.content.roomsAt, p.content.rooms = place, p.rooms(pair.Value, place)
		return
	case keyWebhooks:
		p.content.webhooks = p.webhooks(pair.Value, place)
		return
	}
	texts, err := fileTexts(find(p.settings, key), pair.Value)
	if err != nil {
		p.failAt(place, "%w", err)
		return
	}
	p.content.values[key] = fileValue{texts: texts, place: place}
}

// place is where a pair's value stands, as an error of its key begins.
func (p *fileParser) place(pair *ast.MappingValueNode, key string) string {
	tk := start(pair.Value)
	if _, null := pair.Value.(*ast.NullNode); null {
		tk = pair.Key.GetToken() // what is not there has no place
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.path, tk.Position.Line, tk.Position.Column, key)
}

// at makes an error at a token's place.
func (p *fileParser) at(tk *token.Token, format string, args ...any) error {
	line, column := 1, 1
	if tk != nil && tk.Position != nil {
		line, column = cmp.Or(tk.Position.Line, 1), cmp.Or(tk.Position.Column, 1)
	}
	return fmt.Errorf("%s:%d:%d: %w", p.path, line, column, fmt.Errorf(format, args...))
}

// fail notes what is wrong at a token.
func (p *fileParser) fail(tk *token.Token, format string, args ...any) {
	p.add(p.at(tk, format, args...))
}

// failAt notes what is wrong at a place.
func (p *fileParser) failAt(place, format string, args ...any) {
	p.add(fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...)))
}

// add keeps an error, up to a number that somebody may read.
func (p *fileParser) add(err error) {
	switch {
	case len(p.errs) < maxTold:
		p.errs = append(p.errs, err)
	case len(p.errs) == maxTold:
		p.errs = append(p.errs, fmt.Errorf("%s: and more: it is told once these %d are right", p.path, maxTold))
	}
}
