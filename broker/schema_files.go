package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// schemaBase is what a $ref is resolved against in place of the folder, so that
	// those that lead out of it are seen.
	schemaBase = "file:///schema/"
	// maxSchemaFile and maxSchemaFiles bound what is read: compiling takes time
	// quadratic in the number of parts.
	maxSchemaFile  = 256 << 10
	maxSchemaFiles = 1 << 20 // in all
)

// schemaFiles are the files of a schema. It loads them for the library.
type schemaFiles struct {
	main   string   // as errors call it
	name   string   // within the folder
	folder *os.Root // nil: no files
	read   map[string]any
	size   int
}

// Load gives the file at a URL, and an error for all that is no file in the folder.
func (f *schemaFiles) Load(where string) (any, error) {
	if doc, ok := f.read[where]; ok {
		return doc, nil
	}
	name, below := strings.CutPrefix(where, schemaBase)
	if !below || f.folder == nil {
		return nil, errOutside
	}
	name, err := url.PathUnescape(name)
	if err != nil {
		return nil, err
	}
	data, err := f.open(name)
	if err != nil {
		return nil, err
	}
	if err := f.add(where, data); err != nil {
		return nil, err
	}
	return f.read[where], nil
}

func (f *schemaFiles) open(name string) ([]byte, error) {
	file, err := f.folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("is not a file"))
	}
	return io.ReadAll(io.LimitReader(file, maxSchemaFile+1))
}

// add keeps a file's content.
func (f *schemaFiles) add(where string, data []byte) error {
	if f.size += len(data); len(data) > maxSchemaFile || f.size > maxSchemaFiles {
		return fmt.Errorf("is too large: at most %d bytes a file and %d in all would be right", maxSchemaFile, maxSchemaFiles)
	}
	if m := measure(data); m.depth > maxDepth || m.huge != "" {
		return fmt.Errorf("is nested too deeply or has too large a number: at most %d levels, and numbers of at most %d characters with an exponent of at most %d would be right", maxDepth, maxDigits, maxExponent)
	}
	doc, err := readJSON(data)
	if err != nil {
		return fmt.Errorf("%sis not JSON: %w", position(data, err), err)
	}
	if f.read == nil {
		f.read = make(map[string]any)
	}
	f.read[where] = doc
	return nil
}

// position says where a syntax error is.
func position(data []byte, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return ""
	}
	before := data[:min(int64(len(data)), max(0, syntax.Offset))]
	line := bytes.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d, column %d: ", bytes.Count(before, []byte{'\n'})+1, len(before)-line)
}

// newChecker compiles the schema once more.
func newChecker(f *schemaFiles) (c *checker, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be compiled: %v", r)
		}
	}()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(f)
	main := schemaBase + (&url.URL{Path: f.name}).EscapedPath()
	const negation = "roost:negation"
	if err := compiler.AddResource(negation, map[string]any{"not": map[string]any{"$ref": main}}); err != nil {
		return nil, err
	}
	c = &checker{}
	if c.schema, err = compiler.Compile(main); err != nil {
		return nil, err
	}
	if c.not, err = compiler.Compile(negation); err != nil {
		return nil, err
	}
	seen := make(map[*jsonschema.Schema]bool)
	c.count(c.not, seen)
	for where, doc := range f.read {
		for place := range places(doc, "$dynamicAnchor") { // a $dynamicRef may lead to any of them
			if part, err := compiler.Compile(where + "#" + (&url.URL{Fragment: place}).EscapedFragment()); err == nil {
				c.count(part, seen)
			}
		}
	}
	return c, nil
}
