package broker

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// An InvalidError says why a schema refuses something, or why a patch cannot be
// applied.
type InvalidError struct {
	Message string   // the first detail, in one line
	Details []Detail // 1 to 16
}

// A Detail is one thing that is wrong.
type Detail struct {
	// Path is a JSON Pointer (RFC 6901) to what is wrong; "" is the whole. One of
	// more than 300 bytes ends at a value around it.
	Path    string `json:"path"`
	Message string `json:"message"` // at most 300 bytes
}

func (e *InvalidError) Error() string { return e.Message }

const (
	maxDetails = 16
	maxWords   = 300 // bytes of a message, and of a path
	// maxDepth is how deep arrays and objects may be nested.
	maxDepth = 100
)

// invalid makes an error of details, of which there is one at least.
func invalid(details ...Detail) *InvalidError {
	for i := range details {
		details[i].Message = cut(details[i].Message)
	}
	e := &InvalidError{Message: details[0].Message, Details: details}
	if path := details[0].Path; path != "" {
		e.Message = path + ": " + e.Message
	}
	return e
}

func invalidf(path, format string, args ...any) *InvalidError {
	return invalid(Detail{path, fmt.Sprintf(format, args...)})
}

// cut keeps what fits into a message.
func cut(s string) string {
	if len(s) <= maxWords {
		return s
	}
	const dots = "…"
	end := maxWords - len(dots)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// pointer makes a JSON Pointer of the names on the way, as far as they fit.
func pointer(way []string) string {
	var b strings.Builder
	for _, name := range way {
		name = escapePointer.Replace(name)
		if b.Len()+1+len(name) > maxWords {
			break
		}
		b.WriteByte('/')
		b.WriteString(name)
	}
	return b.String()
}
