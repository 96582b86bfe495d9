package broker

import (
	"errors"
	"fmt"
	"slices"
)

// ErrTooLarge is what Patch gives where a document would pass its limit.
var ErrTooLarge = errors.New("the document would be too large")

const (
	// maxOperations is how many operations a patch may have.
	maxOperations = 1000
	// maxCopied is how often its limit the copies of a patch may take together: what
	// is copied and removed again is work, too.
	maxCopied = 4
)

// Patch applies a JSON Patch (RFC 6902) to a document, an object or an array of at
// most 100 levels, and gives the result, which is one, too: compact, and with
// numbers as they were written. All operations are applied, at most 1,000, or
// none. After none of them the document may have more than limit bytes, compact:
// ErrTooLarge. All else that is wrong is an *InvalidError whose path leads into the
// patch: to /2/path where the third operation's path leads nowhere. Neither doc nor
// patch is kept or changed.
//
// It is not evanphx/json-patch that applies: v5.9.11 panics on a test for an array
// with null in it, takes 1 and 1.0 for different, /01 for an index, and "" for a
// name where a whole document is to be copied. The tests compare with it.
func Patch(doc, patch []byte, limit int) ([]byte, error) {
	p := patcher{limit: limit}
	if err := p.apply(doc, patch); err != nil {
		return nil, err
	}
	result := appendJSON(make([]byte, 0, p.size), p.root, nil)
	if measure(result).depth > maxDepth {
		return nil, invalidf("", "the document must not be nested deeper than %d levels", maxDepth)
	}
	return result, nil
}

// A patcher is a document in the course of being patched: of objects, arrays, and
// texts that nobody has looked into. Each object and array is in it once.
type patcher struct {
	root   any
	size   int // of root as JSON
	limit  int
	copied int // bytes

	index  int            // of the operation
	fields map[string]any // of the operation, all of them text
}

func (p *patcher) apply(doc, patch []byte) error {
	t, err := compact(doc)
	if err != nil {
		return invalidf("", "the document %v", err)
	}
	if p.root, p.size = t, len(t); !holds(t) {
		return invalidf("", "the document must be an object or an array")
	}
	if t, err = compact(patch); err != nil {
		return invalidf("", "a patch %v", err)
	}
	operations, ok := t.open().([]any)
	if !ok {
		return invalidf("", "a patch must be an array of operations")
	}
	if len(operations) > maxOperations {
		return invalidf("", "a patch must have at most %d operations, but has %d", maxOperations, len(operations))
	}
	for i, o := range operations {
		p.index = i
		if p.fields, ok = o.(text).open().(map[string]any); !ok {
			return invalidf(fmt.Sprintf("/%d", i), "must be an object")
		}
		if err := p.operate(); err != nil {
			return err
		}
	}
	return p.grow(0)
}

// operate applies the operation.
func (p *patcher) operate() error {
	op, _ := p.string("op")
	if !slices.Contains([]string{"add", "remove", "replace", "move", "copy", "test"}, op) {
		return p.invalid("op", "must be add, remove, replace, move, copy or test")
	}
	to, err := p.way("path")
	if err != nil {
		return err
	}
	switch op {
	case "remove":
		v, err := p.take("path", to)
		p.size -= sizeJSON(v)
		return err
	case "move", "copy":
		from, err := p.way("from")
		if err != nil {
			return err
		}
		if op == "move" {
			return p.move(from, to)
		}
		return p.copy(from, to)
	}
	value, ok := p.fields["value"]
	switch {
	case !ok:
		return p.invalid("value", "is missing")
	case op == "test":
		return p.test(to, value)
	case op == "replace":
		return p.replace(to, value)
	}
	return p.add(to, value, sizeJSON(value), "value")
}

func (p *patcher) test(at []string, want any) error {
	v, err := p.get("path", at)
	if err == nil && !p.equal(v, want) {
		return p.invalid("value", "the test failed: the document has another value at %q", pointer(at))
	}
	return err
}

// add puts a value somewhere that makes the document larger by its size. Source is
// the field that it came from.
func (p *patcher) add(at []string, v any, size int, source string) error {
	if len(at) == 0 {
		return p.become(v, source)
	}
	return p.change("path", at, func(holder any, name string) (any, error) {
		array, ok := holder.([]any)
		if !ok {
			object := holder.(map[string]any)
			if old, ok := object[name]; ok {
				size -= sizeJSON(old)
			} else {
				size += sizeMember(name, len(object))
			}
			return putAt(object, name, v), p.grow(size)
		}
		i := len(array)
		if name != "-" {
			if i, ok = readIndex(name, len(array)); !ok {
				return nil, p.invalid("path", "an index must be 0 to %d here, or -", len(array))
			}
		}
		if len(array) > 0 {
			size += len(",")
		}
		return slices.Insert(array, i, v), p.grow(size)
	})
}

// become makes a value the whole document.
func (p *patcher) become(v any, source string) error {
	if !holds(v) {
		return p.invalid(source, "the document must be an object or an array")
	}
	p.root = v
	return p.grow(sizeJSON(v) - p.size)
}

func (p *patcher) replace(at []string, v any) error {
	if len(at) == 0 {
		return p.become(v, "value")
	}
	return p.change("path", at, func(holder any, name string) (any, error) {
		old, ok := valueAt(holder, name)
		if !ok {
			return nil, p.nothing("path", at)
		}
		return putAt(holder, name, v), p.grow(sizeJSON(v) - sizeJSON(old))
	})
}

// take takes a value out, which still counts for the document's size.
func (p *patcher) take(field string, at []string) (v any, err error) {
	if len(at) == 0 {
		return nil, p.invalid(field, "the whole document cannot be taken away")
	}
	err = p.change(field, at, func(holder any, name string) (any, error) {
		var ok bool
		if v, ok = valueAt(holder, name); !ok {
			return nil, p.nothing(field, at)
		}
		if object, ok := holder.(map[string]any); ok {
			delete(object, name)
			p.size -= sizeMember(name, len(object))
			return object, nil
		}
		array := holder.([]any)
		i, _ := readIndex(name, len(array)-1)
		if len(array) > 1 {
			p.size -= len(",")
		}
		return slices.Delete(array, i, i+1), nil
	})
	return v, err
}

func (p *patcher) move(from, to []string) error {
	if len(from) <= len(to) && slices.Equal(from, to[:len(from)]) {
		if len(from) < len(to) {
			return p.invalid("path", "a value cannot be moved into itself")
		}
		_, err := p.get("from", from)
		return err
	}
	v, err := p.take("from", from)
	if err != nil {
		return err
	}
	return p.add(to, v, 0, "from")
}

func (p *patcher) copy(from, to []string) error {
	v, err := p.get("from", from)
	if err != nil {
		return err
	}
	size := sizeJSON(v)
	if p.copied += size; size > p.limit || p.copied > maxCopied*p.limit {
		return ErrTooLarge
	}
	v, ok := clone(v, maxDepth) // not to double the depth each time
	if !ok {
		return p.invalid("from", "must not be nested deeper than %d levels", maxDepth)
	}
	return p.add(to, v, size, "from")
}

// grow notes that the document has become larger, or smaller.
func (p *patcher) grow(by int) error {
	if p.size += by; p.size > p.limit {
		return ErrTooLarge
	}
	return nil
}

// get gives the value at a place.
func (p *patcher) get(field string, at []string) (any, error) {
	if len(at) == 0 {
		p.root = p.open(p.root)
		return p.root, nil
	}
	var v any
	err := p.change(field, at, func(holder any, name string) (any, error) {
		var ok bool
		if v, ok = valueAt(holder, name); !ok {
			return nil, p.nothing(field, at)
		}
		v = p.open(v)
		return putAt(holder, name, v), nil
	})
	return v, err
}

// change calls f with what holds a place, an object or an array, and the place's
// name there. What f gives takes the holder's place.
func (p *patcher) change(field string, at []string, f func(holder any, name string) (any, error)) error {
	p.root = p.open(p.root)
	var above any // what holds the holder
	holder, last := p.root, len(at)-1
	for i, name := range at[:last] {
		v, ok := valueAt(holder, name)
		if !ok {
			return p.nothing(field, at[:i+1])
		}
		v = p.open(v)
		putAt(holder, name, v)
		above, holder = holder, v
	}
	if !holds(holder) {
		return p.nothing(field, at)
	}
	changed, err := f(holder, at[last])
	switch {
	case err != nil:
		return err
	case last == 0:
		p.root = changed
	default:
		putAt(above, at[last-1], changed)
	}
	return nil
}

// open looks into a value of the document. What it gives takes the value's place,
// and may be shorter: a name once, and written in the shortest way.
func (p *patcher) open(v any) any {
	t, ok := v.(text)
	if !ok || !holds(t) {
		return v
	}
	opened := t.open()
	p.size -= len(t) - sizeJSON(opened)
	return opened
}

// equal says whether a value of the document equals a text.
func (p *patcher) equal(v any, want any) bool {
	wanted := want.(text)
	switch v := v.(type) {
	case map[string]any:
		names, ok := wanted.open().(map[string]any)
		if !ok || len(v) != len(names) {
			return false
		}
		for name, want := range names {
			item, ok := v[name]
			if !ok {
				return false
			}
			v[name] = p.open(item)
			if !p.equal(v[name], want) {
				return false
			}
		}
		return true
	case []any:
		items, ok := wanted.open().([]any)
		if !ok || len(v) != len(items) {
			return false
		}
		for i, want := range items {
			if v[i] = p.open(v[i]); !p.equal(v[i], want) {
				return false
			}
		}
		return true
	}
	return v.(text).equalPlain(wanted)
}

// way reads a field that is a JSON Pointer: the names on the way.
func (p *patcher) way(field string) ([]string, error) {
	path, ok := p.string(field)
	if !ok {
		return nil, p.invalid(field, "must be a JSON Pointer")
	}
	names, ok := readPointer(path)
	if !ok {
		return nil, p.invalid(field, "must be a JSON Pointer: each name after a /, and in it ~0 for ~ and ~1 for /")
	}
	return names, nil
}

// string reads a field that is a string.
func (p *patcher) string(field string) (s string, ok bool) {
	t, ok := p.fields[field].(text)
	if !ok || t[0] != '"' {
		return "", false
	}
	return t.unquote(), true
}

func (p *patcher) nothing(field string, at []string) error {
	return p.invalid(field, "there is nothing at %q", pointer(at))
}

// invalid makes an error of a field of the operation.
func (p *patcher) invalid(field, format string, args ...any) error {
	return invalidf(fmt.Sprintf("/%d/%s", p.index, field), format, args...)
}
