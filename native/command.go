package native

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Subprotocol is the name that a client may offer.
const Subprotocol = "roost.v1.json"

// A Type is what a command asks for.
type Type uint8

// The commands.
const (
	Join Type = iota + 1
	Leave
	Publish
	Presence
	Patch
	Refresh
	Ping
)

var types = map[string]Type{
	"join": Join, "leave": Leave, "publish": Publish, "presence": Presence,
	"patch": Patch, "refresh": Refresh, "ping": Ping,
}

// A Command is what a client asks for. Its byte strings are valid as long as the
// bytes that it was parsed from, and until the Parser's next Parse.
type Command struct {
	Type   Type
	ID     int64
	Asked  bool     // it has an ID, and so gets an answer
	Room   []byte   // of join, leave, publish, presence, patch
	Rooms  [][]byte // of join and leave: several, instead of Room
	Since  bool     // of join: Epoch and Offset are given
	Epoch  []byte
	Offset uint64
	Watch  bool   // of join: it wants to be told of presence
	Data   []byte // of publish: JSON as it stands; nil where Base64 is given
	Base64 []byte // of publish: a binary message, still encoded
	Binary bool   // Base64 is given
	Key    []byte // of publish
	Echo   bool   // of publish: the sender wants its own message
	Limit  int    // of presence; 0: not given
	After  []byte // of presence
	Base   uint64 // of patch: a version
	Patch  []byte // of patch: JSON as it stands
	Token  []byte // of refresh
}

// A Failure says why a command is refused.
type Failure struct {
	Code    Code
	Message string // what is wrong and what would be right
}

func (f *Failure) Error() string { return f.Message }

// ErrMalformed is returned for what is no JSON object: nothing of it can be
// answered to.
var ErrMalformed = errors.New("the command is not a JSON object in UTF-8")

func bad(format string, args ...any) *Failure {
	return &Failure{BadRequest, fmt.Sprintf(format, args...)}
}

const (
	// MaxRooms is how many rooms one command may name.
	MaxRooms = 100
	// MaxKey is how many bytes a key may have.
	MaxKey = 200
	// MaxLimit is the most members that one page of presence has.
	MaxLimit = 1000
)

// The fields that commands have.
const (
	fType = iota
	fID
	fRoom
	fRooms
	fSince
	fPresence
	fData
	fBase64
	fKey
	fEcho
	fLimit
	fAfter
	fBase
	fPatch
	fToken
	numFields
)

var fieldNames = [numFields]string{"type", "id", "room", "rooms", "since", "presence", "data", "base64", "key",
	"echo", "limit", "after", "base", "patch", "token"}

func fieldOf(name []byte) int {
	switch string(name) { // a jump by length, not a search
	case "type":
		return fType
	case "id":
		return fID
	case "room":
		return fRoom
	case "rooms":
		return fRooms
	case "since":
		return fSince
	case "presence":
		return fPresence
	case "data":
		return fData
	case "base64":
		return fBase64
	case "key":
		return fKey
	case "echo":
		return fEcho
	case "limit":
		return fLimit
	case "after":
		return fAfter
	case "base":
		return fBase
	case "patch":
		return fPatch
	case "token":
		return fToken
	}
	return -1
}

// A Parser parses commands, one after the other.
type Parser struct {
	decoder jsontext.Decoder
	source  bytes.Buffer
	fields  [numFields][]byte // their values as they stand; nil where not given
	rooms   [][]byte          // for Command.Rooms
	names   []byte            // what strings with escapes stand for
}

// lenient: a name that stands twice within a client's data is its own affair.
var lenient = jsontext.AllowDuplicateNames(true)

// Parse reads a command from b, of which c keeps parts. Its errors are ErrMalformed
// and *Failure; with the latter c has the ID, where there was one.
func (p *Parser) Parse(b []byte, c *Command) error {
	*c = Command{}
	p.names = p.names[:0]
	clear(p.fields[:])
	twice, err := p.scan(b)
	if err != nil {
		return err
	}
	if err := p.id(c); err != nil {
		return err
	}
	if twice != "" {
		return bad("%q stands twice: once would be right", twice)
	}
	word, err := p.text(fType)
	if err != nil {
		return err
	}
	if word == nil {
		return bad(`"type" is missing: join, leave, publish, presence, patch, refresh or ping would be right`)
	}
	c.Type = types[string(word)]
	switch c.Type {
	case Join:
		return p.join(c)
	case Leave:
		return p.place(c, true)
	case Publish:
		return p.publish(c)
	case Presence:
		return p.presence(c)
	case Patch:
		return p.patch(c)
	case Refresh:
		if c.Token, err = p.text(fToken); err == nil && len(c.Token) == 0 {
			err = bad(`"token" is missing`)
		}
		return err
	case Ping:
		return nil
	}
	return bad("unknown type %q: join, leave, publish, presence, patch, refresh or ping would be right", shorten(word))
}

// scan finds the fields' values in b.
func (p *Parser) scan(b []byte) (twice string, err error) {
	p.source = *bytes.NewBuffer(b)
	p.decoder.Reset(&p.source, lenient)
	d := &p.decoder
	if d.PeekKind() != '{' {
		return "", ErrMalformed
	}
	if _, err := d.ReadToken(); err != nil {
		return "", ErrMalformed
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return "", ErrMalformed
		}
		which := fieldOf(p.unquote(name))
		v, err := d.ReadValue()
		if err != nil {
			return "", ErrMalformed
		}
		if which < 0 {
			continue
		}
		if p.fields[which] != nil {
			twice = fieldNames[which]
		}
		// Jsontext parses a bytes.Buffer in place, so that the value lies in b.
		end := int(d.InputOffset())
		p.fields[which] = b[end-len(v) : end]
	}
	if _, err := d.ReadToken(); err != nil {
		return "", ErrMalformed
	}
	if len(bytes.TrimLeft(b[d.InputOffset():], " \t\r\n")) > 0 {
		return "", ErrMalformed // something follows
	}
	return twice, nil
}
