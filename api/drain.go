package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// maxDrain is the longest that a drain may take.
const maxDrain = time.Hour

// A drainOrder is what a drain is asked for with; null means the server's own time.
type drainOrder struct {
	Over *string `json:"over"`
}

const overRight = `"over" is a duration from "1s" to "1h", such as "30s"`

// drain has the server send its clients away and end.
func (s *service) drain(w http.ResponseWriter, q *http.Request) {
	if s.cfg.Drain == nil {
		notFound(w, q)
		return
	}
	if f := bare(q); f != nil {
		fail(w, f)
		return
	}
	b, f := s.bodies.read(q, maxDrainBody)
	if f != nil {
		fail(w, f)
		return
	}
	over, f := parseDrain(b.bytes)
	b.release()
	if f != nil {
		fail(w, f)
		return
	}
	clients := s.edge.Stats().Connections
	if !s.cfg.Drain(over) {
		fail(w, &failure{status: http.StatusConflict, message: "the server is draining already"})
		return
	}
	line := strconv.AppendInt([]byte(`{"connections":`), int64(clients), 10)
	send(w, append(line, '}', '\n'))
}

// parseDrain reads a drainOrder; an empty body is an empty one. Zero: nothing is said.
func parseDrain(b []byte) (over time.Duration, f *failure) {
	if len(b) == 0 {
		return 0, nil
	}
	var o drainOrder
	var wrong *json.SemanticError
	err := json.Unmarshal(b, &o, json.RejectUnknownMembers(true))
	switch {
	case errors.As(err, &wrong):
		return 0, badRequest(fmt.Sprintf(`the body is not right: {"over":"30s"} would be: %s`, overRight))
	case err != nil:
		return 0, malformed(err)
	case o.Over == nil:
		return 0, nil
	}
	if over, err = time.ParseDuration(*o.Over); err != nil || over < time.Second || over > maxDrain {
		return 0, badRequest(fmt.Sprintf("%q is not right: %s", shorten(*o.Over), overRight))
	}
	return over, nil
}
