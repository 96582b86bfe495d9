package protocol

import (
	"encoding/json"
	"strconv"
)

// A Reject is an HTTP answer that refuses a request.
type Reject struct {
	Status     int    // 400 to 599; anything else is answered as 500
	Code       string // one word, such as forbidden
	Message    string // what is wrong and what would be right
	RetryAfter int    // seconds; 0: not said
}

func (r *Reject) Error() string { return r.Message }

func (r *Reject) status() int {
	if r.Status < 400 || r.Status > 599 {
		return 500
	}
	return r.Status
}

// ErrQuery refuses a request whose query has broken percent-encoding.
var ErrQuery = &Reject{Status: 400, Code: "bad_request", Message: "the query of the URL is malformed: % and two hexadecimal digits would be right"}

// What may be wrong with a request.
var (
	rejectLine        = &Reject{Status: 400, Code: "bad_request", Message: "the request line is malformed: GET /PATH HTTP/1.1, ended by CR LF, would be right"}
	rejectHeader      = &Reject{Status: 400, Code: "bad_request", Message: "a header line is malformed: NAME: VALUE, ended by CR LF, would be right"}
	rejectLines       = &Reject{Status: 431, Code: "too_large", Message: "the request has more than 128 header lines"}
	rejectTwice       = &Reject{Status: 400, Code: "bad_request", Message: "a header came twice that may come once"}
	rejectBody        = &Reject{Status: 400, Code: "bad_request", Message: "the request has a body: none would be right"}
	rejectHost        = &Reject{Status: 400, Code: "bad_request", Message: "the header Host is missing or malformed"}
	rejectKey         = &Reject{Status: 400, Code: "bad_request", Message: "the header Sec-WebSocket-Key is missing or not the base64 of 16 bytes"}
	rejectConnection  = &Reject{Status: 400, Code: "bad_request", Message: "the header Connection does not say Upgrade: a proxy may have removed it"}
	rejectVersion     = &Reject{Status: 426, Code: "upgrade_required", Message: "the header Sec-WebSocket-Version is not 13"}
	rejectPlain       = &Reject{Status: 426, Code: "upgrade_required", Message: "this is a WebSocket server: a request with Upgrade: websocket would be right"}
	rejectVersionHTTP = &Reject{Status: 505, Code: "http_version_not_supported", Message: "an upgrade needs HTTP/1.1"}
	rejectMethod      = &Reject{Status: 405, Code: "method_not_allowed", Message: "GET would be right"}
)

// AppendReject appends the whole answer: its body is one line of JSON,
// {"error":CODE,"message":MESSAGE}, and the connection ends after it. The result
// is dst grown, as with append.
func AppendReject(dst []byte, r *Reject) []byte {
	status := r.status()
	dst = appendStatus(dst, status)
	if status == 426 { // Upgrade is a matter of this connection (RFC 9110, 7.8)
		dst = append(dst, ", Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"...)
	}
	dst = append(dst, "\r\n"...)
	if r.RetryAfter > 0 {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, int64(r.RetryAfter), 10)
		dst = append(dst, "\r\n"...)
	}
	switch status {
	case 401:
		dst = append(dst, "WWW-Authenticate: Bearer\r\n"...)
	case 405:
		dst = append(dst, "Allow: GET\r\n"...)
	}
	var room [512]byte
	body := append(room[:0], `{"error":`...)
	body = appendJSON(body, r.Code)
	body = append(body, `,"message":`...)
	body = appendJSON(body, r.Message)
	body = append(body, "}\n"...)
	return appendBody(dst, "application/json", body)
}

// appendJSON appends s as a JSON string.
func appendJSON(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always has a JSON
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// AppendResponse appends a whole plain answer, after which the connection ends.
// Status is one that has a body, contentType a header's value. The result is dst
// grown, as with append.
func AppendResponse(dst []byte, status int, contentType, body string) []byte {
	return appendBody(append(appendStatus(dst, status), "\r\n"...), contentType, body)
}

// appendStatus appends a status line and Connection, whose line is still open.
func appendStatus(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, phrase(status)...)
	return append(dst, "\r\nConnection: close"...)
}

// appendBody appends the headers of a body, and it.
func appendBody[T string | []byte](dst []byte, contentType string, body T) []byte {
	dst = append(dst, "Content-Type: "...)
	dst = append(dst, contentType...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// phrase is the phrase of a status: a word for people, so that a status without
// one here is as good.
func phrase(status int) string {
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
	case 409:
		return "Conflict"
	case 413:
		return "Content Too Large"
	case 426:
		return "Upgrade Required"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Refused"
}
