package api

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.yaml
var openapi []byte

var typeYAML = []string{"application/yaml"} // RFC 9512

// description describes the API to programs, as OpenAPI 3.1.
func description(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	w.Header()["Content-Type"] = typeYAML
	_, _ = w.Write(openapi)
}
