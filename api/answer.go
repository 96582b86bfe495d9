package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Values of headers that are the same in many answers. Shared: an answer assigns
// them, and nobody appends to them.
var (
	typeJSON   = []string{"application/json"}
	typeText   = []string{"text/plain; charset=utf-8"}
	noSniff    = []string{"nosniff"}
	noStore    = []string{"no-store"}
	sameOrigin = []string{"same-origin"}
)

// An answer is a response that remembers how it went.
type answer struct {
	http.ResponseWriter
	status int // 0: nothing was written
	route  *route
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write writes b, which is not kept.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// A failure is why a request, or an entry of a batch, is refused.
type failure struct {
	status  int
	code    string // the word in the body; default: the status'
	message string // what is wrong and what would be right
	retry   int    // seconds after which it may work; 0: not known
	more    []byte // fields besides, each with a comma before it
}

// word is the failure's code.
func (f *failure) word() string {
	if f.code != "" {
		return f.code
	}
	switch f.status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusConflict:
		return "conflict"
	case http.StatusRequestTimeout:
		return "timeout"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "internal"
}

// appendTo appends the failure as an object.
func (f *failure) appendTo(b []byte) []byte {
	b = append(b, `{"error":"`...)
	b = append(b, f.word()...)
	b = append(b, `","message":`...)
	b = appendString(b, f.message)
	b = append(b, f.more...)
	return append(b, '}')
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, message: message}
}

// fail answers a request with a failure.
func fail(w http.ResponseWriter, f *failure) {
	h := w.Header()
	h["Content-Type"] = typeJSON
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retry))
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(append(f.appendTo(nil), '\n'))
}

// send answers with a line of JSON, which is not kept.
func send(w http.ResponseWriter, line []byte) {
	h := w.Header()
	h["Content-Type"] = typeJSON
	if len(line) > 2000 { // what is shorter net/http counts itself
		h.Set("Content-Length", strconv.Itoa(len(line)))
	}
	_, _ = w.Write(line)
}

// sendValue answers with a value as a line of JSON.
func sendValue(w http.ResponseWriter, v any) {
	send(w, append(appendValue(nil, v), '\n'))
}

// sendList answers with a line of JSON that may be long: head, which ends where a
// list begins, what item appends for each of n, and the cursor of the next page.
// It is written piece by piece and never stands whole in memory.
func sendList(w http.ResponseWriter, head []byte, n int, item func(b []byte, i int) []byte, next string) {
	w.Header()["Content-Type"] = typeJSON
	b := append(head, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, i)
		_, _ = w.Write(b)
		b = b[:0]
	}
	b = append(b, ']')
	if next != "" {
		b = append(b, `,"next":`...)
		b = appendString(b, next)
	}
	_, _ = w.Write(append(b, '}', '\n'))
}

// appendValue appends a value as JSON.
func appendValue(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a type of ours that has no JSON
	}
	return append(b, text...)
}

func text(w http.ResponseWriter, s string) {
	w.Header()["Content-Type"] = typeText
	_, _ = w.Write([]byte(s))
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // of a string, it never fails
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
