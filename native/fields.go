package native

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// kind names the kind of a value, for the client.
func kind(v []byte) string {
	switch v[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// shorten keeps what a client sent from filling an answer.
func shorten(b []byte) string {
	const most = 100
	if len(b) <= most {
		return string(b)
	}
	return strings.ToValidUTF8(string(b[:most]), "") + "…"
}

// unquote gives what a string stands for. Strings with escapes are decoded into
// p.names.
func (p *Parser) unquote(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	from := len(p.names)
	p.names, _ = jsontext.AppendUnquote(p.names, v) // the decoder has found it valid
	return p.names[from:len(p.names):len(p.names)]
}

// text gives a field that is a string; nil where it is not given.
func (p *Parser) text(field int) ([]byte, error) {
	v := p.fields[field]
	switch {
	case v == nil:
		return nil, nil
	case v[0] != '"':
		return nil, bad("%q is %s: a string would be right", fieldNames[field], kind(v))
	}
	return p.unquote(v), nil
}

// flag gives a field that is a boolean; false where it is not given.
func (p *Parser) flag(field int) (bool, error) {
	v := p.fields[field]
	switch {
	case v == nil:
		return false, nil
	case v[0] != 't' && v[0] != 'f':
		return false, bad("%q is %s: true or false would be right", fieldNames[field], kind(v))
	}
	return v[0] == 't', nil
}

// number gives a field that is a whole number of 0 or more.
func (p *Parser) number(field int) (n uint64, err error) {
	v := p.fields[field]
	if v == nil {
		return 0, nil
	}
	if n, err = strconv.ParseUint(string(v), 10, 64); err != nil {
		return 0, bad("%q is bad: a whole number of 0 or more would be right", fieldNames[field])
	}
	return n, nil
}

// id reads the ID, which every answer repeats.
func (p *Parser) id(c *Command) error {
	v := p.fields[fID]
	if v == nil {
		return nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n > maxID || n < -maxID {
		return bad(`"id" is bad: an integer, at most 2^53 - 1 from 0, would be right`)
	}
	c.ID, c.Asked = n, true
	return nil
}

// maxID is how far from 0 an integer is exact for all who read JSON.
const maxID = 1<<53 - 1

// place reads the room, or the rooms where several may stand.
func (p *Parser) place(c *Command, several bool) (err error) {
	if c.Room, err = p.text(fRoom); err != nil {
		return err
	}
	list := p.fields[fRooms]
	switch {
	case list == nil || !several:
		if p.fields[fRoom] == nil {
			return bad(`"room" is missing`)
		}
		return nil
	case p.fields[fRoom] != nil:
		return bad(`"room" and "rooms" stand together: one of the two would be right`)
	case list[0] != '[':
		return bad(`"rooms" is %s: an array of strings would be right`, kind(list))
	}
	p.rooms = p.rooms[:0]
	if err = p.each(list, func(v []byte) error {
		if v[0] != '"' {
			return bad(`"rooms" holds %s: strings would be right`, kind(v))
		}
		if len(p.rooms) == MaxRooms {
			return bad(`"rooms" has too many rooms: at most %d would be right`, MaxRooms)
		}
		p.rooms = append(p.rooms, p.unquote(v))
		return nil
	}); err != nil {
		return err
	}
	if len(p.rooms) == 0 {
		return bad(`"rooms" is empty: one room or more would be right`)
	}
	c.Rooms = p.rooms
	return nil
}

// each calls f for the elements of an array that is known to be valid.
func (p *Parser) each(array []byte, f func(v []byte) error) error {
	p.source = *bytes.NewBuffer(array)
	d := &p.decoder
	d.Reset(&p.source, lenient)
	_, _ = d.ReadToken()
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return ErrMalformed
		}
		end := int(d.InputOffset())
		if err := f(array[end-len(v) : end]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Parser) join(c *Command) (err error) {
	if err = p.place(c, true); err != nil {
		return err
	}
	if c.Watch, err = p.flag(fPresence); err != nil {
		return err
	}
	since := p.fields[fSince]
	switch {
	case since == nil || since[0] == 'n':
		return nil
	case len(c.Rooms) > 0:
		return bad(`"since" is for one room: a join for each room, with its own, would be right`)
	case since[0] != '{':
		return bad(`"since" is %s: {"epoch":"…","offset":41} would be right`, kind(since))
	}
	return p.since(since, c)
}

// since reads a position.
func (p *Parser) since(object []byte, c *Command) error {
	p.source = *bytes.NewBuffer(object)
	d := &p.decoder
	d.Reset(&p.source, lenient)
	_, _ = d.ReadToken()
	var epoch, offset bool
	for d.PeekKind() != '}' {
		name, _ := d.ReadValue()
		which := string(p.unquote(name))
		v, err := d.ReadValue()
		if err != nil {
			return ErrMalformed
		}
		end := int(d.InputOffset())
		v = object[end-len(v) : end]
		switch which {
		case "epoch":
			if v[0] != '"' {
				return bad(`"epoch" is %s: a string would be right`, kind(v))
			}
			c.Epoch, epoch = p.unquote(v), true
		case "offset":
			if c.Offset, err = strconv.ParseUint(string(v), 10, 64); err != nil {
				return bad(`"offset" is bad: a whole number of 0 or more would be right`)
			}
			offset = true
		}
	}
	if !epoch || !offset {
		return bad(`"since" is not whole: {"epoch":"…","offset":41} would be right`)
	}
	c.Since = true
	return nil
}

func (p *Parser) publish(c *Command) (err error) {
	if err = p.place(c, false); err != nil {
		return err
	}
	if c.Key, err = p.text(fKey); err != nil {
		return err
	}
	if len(c.Key) > MaxKey {
		return bad(`"key" is too long: at most %d bytes would be right`, MaxKey)
	}
	if c.Echo, err = p.flag(fEcho); err != nil {
		return err
	}
	if c.Base64, err = p.text(fBase64); err != nil {
		return err
	}
	c.Data, c.Binary = p.fields[fData], p.fields[fBase64] != nil
	switch {
	case c.Data == nil && !c.Binary:
		return bad(`the message is missing: "data" or "base64" would be right`)
	case c.Data != nil && c.Binary:
		return bad(`"data" and "base64" stand together: one of the two would be right`)
	}
	return nil
}

func (p *Parser) presence(c *Command) (err error) {
	if err = p.place(c, false); err != nil {
		return err
	}
	if c.After, err = p.text(fAfter); err != nil {
		return err
	}
	n, err := p.number(fLimit)
	if err != nil || p.fields[fLimit] != nil && (n < 1 || n > MaxLimit) {
		return bad(`"limit" is bad: a whole number from 1 to %d would be right`, MaxLimit)
	}
	c.Limit = int(n)
	return nil
}

func (p *Parser) patch(c *Command) (err error) {
	if err = p.place(c, false); err != nil {
		return err
	}
	if p.fields[fBase] == nil {
		return bad(`"base" is missing: the version that the patch was made on would be right`)
	}
	if c.Base, err = p.number(fBase); err != nil {
		return err
	}
	c.Patch = p.fields[fPatch]
	switch {
	case c.Patch == nil:
		return bad(`"patch" is missing: an array of operations (RFC 6902) would be right`)
	case c.Patch[0] != '[':
		return bad(`"patch" is %s: an array of operations (RFC 6902) would be right`, kind(c.Patch))
	}
	return nil
}
