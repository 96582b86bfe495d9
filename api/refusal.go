package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/roostws/roost/edge"
)

// refused is the failure for an error of the Edge. Of is the room, user or cursor
// that was asked for.
func (s *service) refused(err error, of string) *failure {
	var conflict *edge.ConflictError
	var invalid *edge.InvalidError
	switch {
	case errors.Is(err, edge.ErrRoom):
		return badRequest(fmt.Sprintf("%q: %v", shorten(of), edge.ErrRoom))
	case errors.Is(err, edge.ErrUser):
		return badRequest(fmt.Sprintf("%q: %v", shorten(of), edge.ErrUser))
	case errors.Is(err, edge.ErrKey):
		return badRequest(edge.ErrKey.Error())
	case errors.Is(err, edge.ErrText):
		return badRequest("the message is not UTF-8: text in UTF-8, or a binary message (Content-Type: application/octet-stream, or base64 in a batch), would be right")
	case errors.Is(err, edge.ErrTooLarge):
		return &failure{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the message is too large: at most %d bytes would be right", s.cfg.MaxMessage)}
	case errors.Is(err, edge.ErrNoPresence):
		return &failure{status: http.StatusNotFound, message: fmt.Sprintf("%q keeps no presence: a room whose policy says presence: true would be right", shorten(of))}
	case errors.Is(err, edge.ErrNoDocument):
		return &failure{status: http.StatusNotFound, message: fmt.Sprintf("%q holds no document: a room whose policy says document: json would be right", shorten(of))}
	case errors.As(err, &conflict):
		return conflicting(conflict)
	case errors.As(err, &invalid):
		return invalidated(invalid)
	}
	return s.unavailable(err, of)
}

// unavailable is the failure for an error that says nothing against the request.
func (s *service) unavailable(err error, of string) *failure {
	f := &failure{status: http.StatusServiceUnavailable}
	switch {
	case errors.Is(err, edge.ErrOverloaded):
		f.message, f.retry = "more is published than can be delivered now: try again", retryOverload
	case errors.Is(err, edge.ErrClosed), errors.Is(err, edge.ErrDraining):
		f.message, f.retry = "the server is not running", retryGoingAway
	case errors.Is(err, edge.ErrMemory):
		f.message, f.retry = "documents take all the memory that they may: a smaller document would be right", retryFull
	case errors.Is(err, edge.ErrFull):
		f.message, f.retry = "too many tickets wait to be used: try again", retryFull
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		f.message, f.retry = "the connections could not be asked in time: try again", retryOverload
	default:
		s.cfg.Logger.Error("a request to the API failed", "of", shorten(of), "error", err)
		return &failure{status: http.StatusInternalServerError, message: "the server failed at this request; the log says why"}
	}
	return f
}

// badCursor is the failure for an error of a list that was asked for from a
// cursor on.
func (s *service) badCursor(err error, of, after string) *failure {
	if errors.Is(err, edge.ErrNotFound) {
		return badRequest(fmt.Sprintf("query parameter after is %q, which no page gave as next: a list without it begins anew", shorten(after)))
	}
	return s.refused(err, of)
}

// conflicting tells the document that is there.
func conflicting(e *edge.ConflictError) *failure {
	more := strconv.AppendUint([]byte(`,"version":`), e.Document.Version, 10)
	more = append(append(more, `,"document":`...), e.Document.Data...)
	return &failure{status: http.StatusConflict, message: "the document has another version: a patch of the one that stands here would be right", more: more}
}

// invalidated tells what a schema or a patch says.
func invalidated(e *edge.InvalidError) *failure {
	details := e.Details
	if details == nil {
		details = []edge.Detail{}
	}
	return &failure{status: http.StatusBadRequest, code: "invalid", message: e.Message, more: appendValue([]byte(`,"details":`), details)}
}
