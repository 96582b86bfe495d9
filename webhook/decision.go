package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/edge"
)

// The ways in which an answer cannot be used. They hold nothing of it.
var (
	errObject  = errors.New("the answer is not one JSON object in UTF-8 with each name once")
	errAllow   = errors.New("allow is missing or neither true nor false")
	errCode    = fmt.Errorf("code is not a word of 1 to %d bytes of a-z 0-9 _", maxCode)
	errMessage = fmt.Errorf("message is not a string of up to %d bytes", maxText)
	errUser    = fmt.Errorf("user is not a string of 1 to %d bytes without control characters", auth.MaxUser)
	errRooms   = fmt.Errorf("rooms is not an array of at most %d strings of 1 to %d bytes", auth.MaxPatterns, auth.MaxPattern)
	errPublish = fmt.Errorf("publish is not an array of at most %d strings of 1 to %d bytes", auth.MaxPatterns, auth.MaxPattern)
	errInfo    = fmt.Errorf("info is longer than %d bytes of JSON", auth.MaxInfo)
	errExpires = errors.New("expires is not a number of seconds (not milliseconds) since 1970")
)

// maxExpires is the end of the year 9999. What is more was meant as milliseconds.
const maxExpires = 253402300799

// readDecision reads the answer to q. With an error there is a decision all the
// same where the answer refuses, but with a code or message that cannot be used.
func readDecision(body []byte, q *edge.Question) (*edge.Decision, error) {
	f, err := readFields(body)
	if err != nil {
		return nil, err
	}
	switch string(f["allow"]) {
	case "true":
		d := &edge.Decision{Allow: true}
		if q.What == edge.WhatConnect {
			d.Identity, err = f.identity(q.User)
		}
		if err != nil {
			return nil, err
		}
		return d, nil
	case "false":
		return f.refusal()
	}
	return nil, errAllow
}

// fields are the fields of an answer by name. One that is null is not there.
type fields map[string]json.RawMessage

// readFields takes an object apart. It does not decode into a struct: that takes a
// name in any case and the last of several, so that a field that a user may choose
// could pass for one it is not.
func readFields(body []byte) (fields, error) {
	in := json.NewDecoder(bytes.NewReader(body))
	if t, err := in.Token(); err != nil || t != json.Delim('{') || !utf8.Valid(body) {
		return nil, errObject
	}
	f := fields{}
	for in.More() {
		t, err := in.Token()
		name, ok := t.(string)
		if _, twice := f[name]; err != nil || !ok || twice {
			return nil, errObject
		}
		var value json.RawMessage
		if in.Decode(&value) != nil {
			return nil, errObject
		}
		f[name] = value
	}
	if _, err := in.Token(); err != nil {
		return nil, errObject
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, errObject
	}
	maps.DeleteFunc(f, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return f, nil
}

// refusal is what allow false comes with. It refuses also where it errs.
func (f fields) refusal() (*edge.Decision, error) {
	d := &edge.Decision{}
	if raw := f["code"]; raw != nil {
		code, ok := text(raw)
		if !ok || code == "" || len(code) > maxCode || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return d, errCode
		}
		d.Code = code
	}
	if raw := f["message"]; raw != nil {
		message, ok := text(raw)
		if !ok || len(message) > maxText {
			return d, errMessage
		}
		d.Message = message
	}
	return d, nil
}

// identity is who a client is, within the bounds of a token, or nil where the
// answer says nothing of it. User is who it is where the answer names none.
func (f fields) identity(user string) (*auth.Identity, error) {
	id := &auth.Identity{User: user}
	var ok bool
	given := false
	if raw := f["user"]; raw != nil {
		given = true
		if id.User, ok = text(raw); !ok || !auth.ValidUser(id.User) {
			return nil, errUser
		}
	}
	if raw := f["rooms"]; raw != nil {
		given = true
		if id.Rooms, ok = patterns(raw); !ok {
			return nil, errRooms
		}
	}
	if raw := f["publish"]; raw != nil {
		given = true
		if id.Publish, ok = patterns(raw); !ok {
			return nil, errPublish
		}
	}
	if raw := f["info"]; raw != nil {
		given = true
		var info bytes.Buffer
		if json.Compact(&info, raw) != nil || info.Len() > auth.MaxInfo {
			return nil, errInfo
		}
		id.Info = info.Bytes()
	}
	if raw := f["expires"]; raw != nil {
		given = true
		var at float64
		if json.Unmarshal(raw, &at) != nil || at < 1 || at > maxExpires {
			return nil, errExpires
		}
		id.Expires = int64(math.Floor(at))
	}
	if !given {
		return nil, nil
	}
	return id, nil
}

func patterns(raw json.RawMessage) (auth.Patterns, bool) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || len(items) > auth.MaxPatterns {
		return nil, false
	}
	p := make(auth.Patterns, 0, len(items))
	for _, item := range items {
		s, ok := text(item)
		if !ok || s == "" || len(s) > auth.MaxPattern {
			return nil, false
		}
		p = append(p, s)
	}
	return p, true
}

// text is the string that raw, valid JSON, stands for. Null stands for none.
func text(raw json.RawMessage) (s string, ok bool) {
	if raw[0] != '"' {
		return "", false
	}
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
