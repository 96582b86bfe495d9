package api

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// parameters reads a query that may have the given parameters, each once, and no
// others. It gives nil where there is no query.
func parameters(q *http.Request, allowed ...string) (url.Values, *failure) {
	if q.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query of the URL is malformed: " + err.Error())
	}
	for name, values := range query {
		known := false
		for _, a := range allowed {
			known = known || a == name
		}
		switch {
		case !known && len(allowed) == 0:
			return nil, badRequest(fmt.Sprintf("unknown query parameter %q: none would be right", shorten(name)))
		case !known:
			return nil, badRequest(fmt.Sprintf("unknown query parameter %q: %s would be right", shorten(name), strings.Join(allowed, ", ")))
		case len(values) > 1:
			return nil, badRequest(fmt.Sprintf("query parameter %q stands %d times: once would be right", name, len(values)))
		}
	}
	return query, nil
}

// listing reads a query that may have limit, after and the given parameters.
func listing(q *http.Request, allowed ...string) (query url.Values, limit int, f *failure) {
	if query, f = parameters(q, append(allowed, "limit", "after")...); f != nil {
		return nil, 0, f
	}
	limit, f = pageSize(query)
	return query, limit, f
}

// pageSize is how many items of a list are asked for.
func pageSize(query url.Values) (int, *failure) {
	n, f := number(query, "limit", 1, maxPage, defaultPage)
	return int(n), f
}

// number reads a parameter from low to high.
func number(query url.Values, name string, low, high, byDefault uint64) (uint64, *failure) {
	values, ok := query[name]
	if !ok {
		return byDefault, nil
	}
	n, err := strconv.ParseUint(values[0], 10, 64)
	if err != nil || n < low || n > high {
		return 0, badRequest(fmt.Sprintf("query parameter %s is %q: a whole number from %d to %d would be right", name, shorten(values[0]), low, high))
	}
	return n, nil
}

// flag reads a parameter that is true or false, which is the default.
func flag(query url.Values, name string) (bool, *failure) {
	values, ok := query[name]
	switch {
	case !ok || values[0] == "false":
		return false, nil
	case values[0] == "true":
		return true, nil
	}
	return false, badRequest(fmt.Sprintf("query parameter %s is %q: true or false would be right", name, shorten(values[0])))
}

const maxIdempotencyKey = 200 // bytes

// idempotencyKey reads the header Idempotency-Key; empty: there is none.
func idempotencyKey(q *http.Request) (string, *failure) {
	values := q.Header["Idempotency-Key"]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", badRequest(fmt.Sprintf("Idempotency-Key stands %d times: once would be right", len(values)))
	case values[0] == "" || len(values[0]) > maxIdempotencyKey || !visible(values[0]):
		return "", badRequest(fmt.Sprintf("Idempotency-Key is malformed: 1 to %d visible ASCII characters would be right", maxIdempotencyKey))
	}
	return values[0], nil
}

// notRepeatable refuses the header Idempotency-Key where it means nothing: who sends
// it relies on it.
func notRepeatable(q *http.Request) *failure {
	if _, asked := q.Header["Idempotency-Key"]; asked {
		return badRequest("Idempotency-Key is not served here, but for publishing to rooms: a request without it would be right")
	}
	return nil
}

// bare refuses a query, and the header Idempotency-Key, of a request that has neither.
func bare(q *http.Request) *failure {
	if _, f := parameters(q); f != nil {
		return f
	}
	return notRepeatable(q)
}

// noBody refuses a body where none means anything: who sends one relies on it.
func noBody(q *http.Request) *failure {
	if q.ContentLength == 0 {
		return nil
	}
	var one [1]byte
	if n, _ := io.ReadFull(q.Body, one[:]); n > 0 {
		return badRequest("the request has a body: none would be right")
	}
	return nil
}

func badConnection(part, name string) *failure {
	return badRequest(fmt.Sprintf("%s %q is not a connection's ID: the value of the header Roost-Connection would be right", part, shorten(name)))
}
