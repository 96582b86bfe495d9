package api

import (
	"bytes"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// An entry is one message of a batch, as it was asked for.
type entry struct {
	room    []byte // valid as long as the body and the reader's next batch, as all others here
	data    []byte // text; nil where there was none
	base64  []byte // nil where there was none
	exclude []byte
	key     []byte
	text    bool  // data was a JSON string
	fields  field // which there are
}

// A field is one of an entry's fields.
type field uint8

const (
	fieldRoom field = 1 << iota
	fieldData
	fieldBase64
	fieldExclude
	fieldKey
)

func fieldOf(name []byte) field {
	switch string(name) {
	case "room":
		return fieldRoom
	case "data":
		return fieldData
	case "base64":
		return fieldBase64
	case "exclude":
		return fieldExclude
	case "key":
		return fieldKey
	}
	return 0
}

// put sets a field that is a string.
func (e *entry) put(which field, value []byte) {
	switch which {
	case fieldRoom:
		e.room = value
	case fieldData:
		e.data, e.text = value, true
	case fieldBase64:
		e.base64 = value
	case fieldExclude:
		e.exclude = value
	case fieldKey:
		e.key = value
	}
}

// An entryReader reads the entries of batches, one batch after the other. Against
// decoding into a struct it tells null from absent, keeps the bytes of a value,
// and allocates nothing in the long run.
type entryReader struct {
	decoder jsontext.Decoder
	buffer  bytes.Buffer // the body: the decoder reads in it, without a copy
	body    []byte       // the same
	decoded []byte       // strings of this batch that had escapes
}

// read reads the entries of body and appends them to dst. They point into body and
// into r.
func (r *entryReader) read(body []byte, dst []entry) ([]entry, *failure) {
	if !utf8.Valid(body) {
		return dst, badRequest("the body is not UTF-8")
	}
	r.buffer = *bytes.NewBuffer(body)
	r.body, r.decoded = body, r.decoded[:0]
	d := &r.decoder
	d.Reset(&r.buffer, verbatim...)
	switch kind := d.PeekKind(); kind {
	case jsontext.KindBeginArray:
	case jsontext.KindInvalid:
		return dst, r.wrong()
	default:
		if f := checkJSON(body); f != nil {
			return dst, f
		}
		return dst, badRequest(fmt.Sprintf(`the body is %s: an array of {"room","data"} would be right`, kindName(kind)))
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, malformed(err)
	}
	for d.PeekKind() != jsontext.KindEndArray {
		if len(dst) == maxBatchItems {
			return dst, &failure{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the array has too many entries: at most %d would be right", maxBatchItems)}
		}
		dst = append(dst, entry{})
		if f := r.entry(&dst[len(dst)-1], len(dst)-1); f != nil {
			return dst, f
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, malformed(err)
	}
	return dst, atEnd(d)
}

// release lets go of the body.
func (r *entryReader) release() {
	r.buffer, r.body = bytes.Buffer{}, nil
	r.decoder.Reset(&r.buffer)
	if cap(r.decoded) > maxKeptBuffer {
		r.decoded = nil
	}
}

// wrong is the failure for what comes next, which is not JSON.
func (r *entryReader) wrong() *failure {
	_, err := r.decoder.ReadToken()
	return malformed(err)
}

// entry reads the entry with the given index.
func (r *entryReader) entry(e *entry, index int) *failure {
	d := &r.decoder
	switch kind := d.PeekKind(); kind {
	case jsontext.KindBeginObject:
	case jsontext.KindInvalid:
		return r.wrong()
	default:
		return badRequest(fmt.Sprintf(`entry %d is %s: {"room","data"} would be right`, index, kindName(kind)))
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	for d.PeekKind() != jsontext.KindEndObject {
		if f := r.field(e, index); f != nil {
			return f
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	return nil
}

// field reads a name and its value.
func (r *entryReader) field(e *entry, index int) *failure {
	raw, err := r.value()
	if err != nil {
		return malformed(err)
	}
	name, ok := r.string(raw)
	if !ok {
		return badRequest(fmt.Sprintf("entry %d has a name that is not Unicode: half of a surrogate pair", index))
	}
	which := fieldOf(name)
	if which == 0 {
		return badRequest(fmt.Sprintf("entry %d has an unknown field %q: room, data, base64, exclude, key would be right", index, shorten(string(name))))
	}
	if e.fields&which != 0 {
		return badRequest(fmt.Sprintf("entry %d has %q twice", index, name))
	}
	e.fields |= which
	if raw, err = r.value(); err != nil {
		return malformed(err)
	}
	if kind := jsontext.Value(raw).Kind(); kind != jsontext.KindString {
		if which != fieldData {
			return badRequest(fmt.Sprintf("entry %d has %s as %q: a string would be right", index, kindName(kind), name))
		}
		e.data = raw
		return nil
	}
	value, ok := r.string(raw)
	if !ok {
		return badRequest(fmt.Sprintf("entry %d has text in %q that is not Unicode: half of a surrogate pair", index, name))
	}
	e.put(which, value)
	return nil
}

// value reads the next value or name and gives its bytes, which are the body's.
func (r *entryReader) value() ([]byte, error) {
	v, err := r.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(r.decoder.InputOffset()) // what v points to is good until the next call alone
	return r.body[end-len(v) : end : end], nil
}

// string gives the text of a JSON string, which is the body's or r's. Not ok: the
// text has half of a surrogate pair, which no UTF-8 can express.
func (r *entryReader) string(raw []byte) (text []byte, ok bool) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	start := len(r.decoded)
	var err error
	r.decoded, err = jsontext.AppendUnquote(r.decoded, raw)
	return r.decoded[start:len(r.decoded):len(r.decoded)], err == nil
}
