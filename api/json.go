package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// verbatim are the options for what passes through as it is: it need only be valid by
// the grammar (RFC 8259). Names may stand twice, and strings may hold half of a
// surrogate pair. Who uses them sees to it that the text is UTF-8.
var verbatim = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// checkJSON refuses what is no JSON text in UTF-8 with each name of an object once.
func checkJSON(b []byte) *failure {
	d := jsontext.NewDecoder(bytes.NewBuffer(b))
	if err := d.SkipValue(); err != nil {
		return malformed(err)
	}
	return atEnd(d)
}

// atEnd refuses what follows the one value of a body.
func atEnd(d *jsontext.Decoder) *failure {
	switch _, err := d.ReadToken(); {
	case err == nil:
		return badRequest(fmt.Sprintf("the body is not JSON: more than one value, at byte %d", d.InputOffset()))
	case !errors.Is(err, io.EOF):
		return malformed(err)
	}
	return nil
}

// malformed is the failure for a body that is not JSON.
func malformed(err error) *failure {
	var at *jsontext.SyntacticError
	switch {
	case !errors.As(err, &at):
		return badRequest("the body is not JSON: " + shorten(err.Error()))
	case errors.Is(err, jsontext.ErrDuplicateName):
		return badRequest(fmt.Sprintf("the body has a name twice in an object: %q, at byte %d", shorten(string(at.JSONPointer)), at.ByteOffset))
	}
	return badRequest(fmt.Sprintf("the body is not JSON: %s, at byte %d", shorten(at.Err.Error()), at.ByteOffset))
}

// kindName names the kind of a value.
func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindNull:
		return "null"
	}
	return "a number"
}
