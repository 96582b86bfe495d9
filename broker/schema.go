package broker

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Schema is a JSON Schema, ready for use from any goroutine: of the draft
// 2020-12, or of an older one from 4 on that $schema names. Formats are
// annotations from 2019-09 on and checked before, as those drafts have it; what
// contentEncoding and its like say is not checked. Regular expressions are RE2:
// without lookaround and backreferences, and linear in time.
type Schema struct {
	// free has what nobody checks with at the moment. A check holds one for as long
	// as it lasts.
	free chan *checker
}

const (
	// maxCheckers is how many goroutines check with one schema at a time, and more
	// than there are processors make no sense. Each has its own compiled form.
	maxCheckers = 8
	// stepsAtLeast and stepsEach bound the times that a part of a schema is applied
	// to a value: in all, and more for each value. A schema that describes a tree by
	// alternatives would try 2 to the power of the depth of them otherwise.
	stepsAtLeast = 10_000
	stepsEach    = 64
	// stepsExplained bounds it where it is found out what is wrong: each step may
	// take some hundred bytes until that is done.
	stepsExplained = 250_000
)

// CompileSchema reads a schema from a file of at most 256 KiB. A $ref may name
// other files below the file's folder, 1 MiB in all, and nothing else: none is
// fetched from anywhere. An error says in which file and where in it, why, and
// what would be right.
func CompileSchema(path string) (*Schema, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, schemaError(path, err)
	}
	folder, err := os.OpenRoot(filepath.Dir(abs))
	if err != nil {
		return nil, schemaError(path, err)
	}
	defer func() { _ = folder.Close() }()
	return compile(&schemaFiles{main: path, name: filepath.Base(abs), folder: folder})
}

// CompileSchemaBytes reads a schema that refers to no files. Name is what errors
// call it. Data is not kept.
func CompileSchemaBytes(name string, data []byte) (*Schema, error) {
	f := &schemaFiles{main: name, name: "schema.json"}
	if err := f.add(schemaBase+f.name, data); err != nil {
		return nil, schemaError(name, err)
	}
	return compile(f)
}

func compile(f *schemaFiles) (*Schema, error) {
	n := max(1, min(maxCheckers, runtime.GOMAXPROCS(0)))
	s := &Schema{free: make(chan *checker, n)}
	for range n {
		c, err := newChecker(f)
		if err != nil {
			return nil, f.explain(err)
		}
		s.free <- c
	}
	return s, nil
}

// Validate checks JSON; it gives nil or an *InvalidError. It takes time linear in
// the length of data. Data nested deeper than 100 levels, and numbers of more than
// 200 characters or an exponent beyond 400, are invalid. Data is not kept.
func (s *Schema) Validate(data []byte) error {
	m := measure(data)
	switch {
	case m.depth > maxDepth:
		return invalidf("", "must not be nested deeper than %d levels", maxDepth)
	case m.huge != "":
		return invalidf("", "numbers must have at most %d characters and an exponent of at most %d, but one is %s", maxDigits, maxExponent, m.huge)
	}
	v, err := readJSON(data)
	if err != nil {
		return invalidf("", "must be JSON: %s%v", position(data, err), err)
	}
	if s == nil || s.free == nil {
		return nil // no schema: all is right
	}
	c := <-s.free
	defer func() { s.free <- c }()
	if e := c.check(v, stepsAtLeast+stepsEach*m.values); e != nil {
		return e
	}
	return nil
}

// A checker is a compiled schema that counts what it does. One goroutine uses it
// at a time.
type checker struct {
	schema *jsonschema.Schema
	// not is the schema's negation. It stops at the first error, and keeps none.
	not  *jsonschema.Schema
	left int // steps
}

var errSteps = errors.New("the schema tries too many alternatives on it")

func (c *checker) check(v any, steps int) *InvalidError {
	c.left = steps
	refused, err := c.run(c.not, v)
	switch {
	case err != nil:
		return invalidf("", "cannot be checked: %v", err)
	case refused != nil:
		return nil // by the negation
	}
	c.left = min(steps, stepsExplained)
	refused, err = c.run(c.schema, v)
	if err != nil || refused == nil {
		return invalidf("", "does not match the schema")
	}
	return invalid(details(refused)...)
}

// run applies a schema. An error says that it did not come to an end.
func (c *checker) run(s *jsonschema.Schema, v any) (refused *jsonschema.ValidationError, err error) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case errSteps:
			err = errSteps
		default:
			err = errors.New("the schema fails on it") // a fault of the library is no reason to fall
		}
	}()
	errors.As(s.Validate(v), &refused)
	return refused, nil
}
