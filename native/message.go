package native

import (
	"encoding/base64"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A Code is the word for what is wrong, in an error.
type Code string

// The codes.
const (
	BadRequest   Code = "bad_request"
	Unauthorized Code = "unauthorized"
	Forbidden    Code = "forbidden"
	NotFound     Code = "not_found"
	TooLarge     Code = "too_large"
	Invalid      Code = "invalid"
	Conflict     Code = "conflict"
	RateLimited  Code = "rate_limited"
	Unavailable  Code = "unavailable"
)

// A Form says how the data of a message stands in JSON.
type Form uint8

const (
	FormAuto   Form = iota // as it is where it is valid JSON, else as a string
	FormJSON               // as it is: it is known to be valid JSON
	FormString             // as a string
	FormBinary             // as base64
)

// Pong answers a ping without an ID.
var Pong = []byte(`{"type":"pong"}`)

// A Welcome is the first thing that a client hears.
type Welcome struct {
	Conn      string
	User      []byte
	Expires   uint32 // Unix seconds; 0: never
	Heartbeat int64  // milliseconds
}

// Append appends it to dst.
func (w *Welcome) Append(dst []byte) []byte {
	dst = append(dst, `{"type":"welcome","conn":`...)
	dst = appendString(dst, w.Conn)
	if len(w.User) > 0 {
		dst = append(dst, `,"user":`...)
		dst = appendString(dst, w.User)
	}
	if w.Expires != 0 {
		dst = append(dst, `,"expires":`...)
		dst = strconv.AppendUint(dst, uint64(w.Expires), 10)
	}
	dst = append(dst, `,"heartbeat":`...)
	dst = strconv.AppendInt(dst, w.Heartbeat, 10)
	return append(dst, '}')
}

// A Message is what was published. Its bytes are not kept.
type Message struct {
	Room   string // empty: it was sent to the user
	Offset uint64
	Data   []byte
	Form   Form
	From   []byte // an object, of who published it; nil: a service
	Key    string
}

// Append appends it to dst.
func (m *Message) Append(dst []byte) []byte {
	dst = append(dst, `{"type":"message"`...)
	if m.Room != "" {
		dst = append(dst, `,"room":"`...)
		dst = append(dst, m.Room...) // a room's name needs no escapes
		dst = append(dst, `","offset":`...)
		dst = strconv.AppendUint(dst, m.Offset, 10)
	}
	dst = AppendData(append(dst, ','), m.Data, m.Form)
	if m.From != nil {
		dst = append(dst, `,"from":`...)
		dst = append(dst, m.From...)
	}
	if m.Key != "" {
		dst = append(dst, `,"key":`...)
		dst = appendString(dst, m.Key)
	}
	return append(dst, '}')
}

// AppendData appends data as the member "data" or "base64" of an object.
func AppendData(dst, data []byte, form Form) []byte {
	if form == FormBinary {
		dst = append(dst, `"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, data)
		return append(dst, '"')
	}
	dst = append(dst, `"data":`...)
	if form == FormJSON || form == FormAuto && IsJSON(data) {
		return append(dst, data...)
	}
	return appendString(dst, data)
}

// IsJSON says whether data is JSON in UTF-8.
func IsJSON(data []byte) bool { return jsontext.Value(data).IsValid(lenient) }

// Begin appends the beginning of an object of the server: its type and, where the
// command had one, its ID. What follows, each with a comma before it, and the
// brace that ends it, are the caller's.
func Begin(dst []byte, kind string, c *Command) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	if c != nil && c.Asked {
		dst = append(dst, `,"id":`...)
		dst = strconv.AppendInt(dst, c.ID, 10)
	}
	return dst
}

// AppendRoom appends a member "room". Of a name that is none, only a beginning.
func AppendRoom[T ~string | ~[]byte](dst []byte, room T) []byte {
	const most = 200
	return AppendText(dst, "room", room[:min(len(room), most)])
}

// AppendText appends a member that is a string.
func AppendText[T ~string | ~[]byte](dst []byte, name string, text T) []byte {
	return appendString(appendName(dst, name), text)
}

// AppendUint appends a member that is a number.
func AppendUint(dst []byte, name string, n uint64) []byte {
	return strconv.AppendUint(appendName(dst, name), n, 10)
}

// AppendBool appends a member that is true or false.
func AppendBool(dst []byte, name string, v bool) []byte {
	return strconv.AppendBool(appendName(dst, name), v)
}

// AppendJSON appends a member that is JSON already.
func AppendJSON(dst []byte, name string, v []byte) []byte {
	return append(appendName(dst, name), v...)
}

// AppendList appends a member that is an array, of elements that are JSON already.
func AppendList(dst []byte, name string, list [][]byte) []byte {
	dst = append(appendName(dst, name), '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, v...)
	}
	return append(dst, ']')
}

func appendName(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// AppendMember appends who somebody is: an object with user, conn and info, of
// which those that are empty are left out.
func AppendMember(dst []byte, user []byte, conn string, info []byte) []byte {
	dst = append(dst, '{')
	if len(user) > 0 {
		dst = append(dst, `"user":`...)
		dst = append(appendString(dst, user), ',')
	}
	dst = append(dst, `"conn":`...)
	dst = appendString(dst, conn)
	if len(info) > 0 {
		dst = append(dst, `,"info":`...)
		dst = append(dst, info...)
	}
	return append(dst, '}')
}

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// Unquote gives what a valid JSON string stands for.
func Unquote(v []byte) []byte {
	s, _ := jsontext.AppendUnquote(nil, v)
	return s
}

// Quote gives text as a JSON string.
func Quote(text []byte) []byte { return appendString(nil, text) }
