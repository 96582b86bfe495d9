package protocol

import (
	"encoding/json"
	"strconv"
)

// A Reject is an HTTP answer that refuses a request.
type Reject struct {
	Status     int
	Code       string // one word, such as forbidden
	Message    string // what is wrong and what would be right
	RetryAfter int    // seconds; 0: not said
}

func (r *Reject) Error() string { return r.Message }

// AppendReject appends the whole answer: its body is one line of JSON,
// {"error":CODE,"message":MESSAGE}, and the connection ends after it.
func AppendReject(dst []byte, r *Reject) []byte {
	body, _ := json.Marshal(struct { // two strings always have a JSON
		Error   string `json:"error"`
		Message string `json:"message"`
	}{r.Code, r.Message})
	dst = appendStatus(dst, r.Status)
	if r.RetryAfter > 0 {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, int64(r.RetryAfter), 10)
		dst = append(dst, "\r\n"...)
	}
	switch r.Status {
	case 401:
		dst = append(dst, "WWW-Authenticate: Bearer\r\n"...)
	case 405:
		dst = append(dst, "Allow: GET\r\n"...)
	case 426:
		dst = append(dst, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"...)
	}
	return appendBody(dst, "application/json", string(body)+"\n")
}

// AppendResponse appends a whole plain answer, after which the connection ends.
func AppendResponse(dst []byte, status int, contentType, body string) []byte {
	return appendBody(appendStatus(dst, status), contentType, body)
}

func appendStatus(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, statusText(status)...)
	return append(dst, "\r\nConnection: close\r\n"...)
}

func appendBody(dst []byte, contentType, body string) []byte {
	dst = append(dst, "Content-Type: "...)
	dst = append(dst, contentType...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// statusText is the phrase of a status. It is a word for people: a status
// without one here is as good.
func statusText(status int) string {
	switch status {
	case 200:
		return "OK"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 503:
		return "Service Unavailable"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Refused"
}
