package protocol

import "bytes"

// What is answered to an offer of permessage-deflate (RFC 7692, 7.1): each message
// is compressed by itself, both ways, so that a connection keeps no window and one
// frame serves all. The second is for a client that asked for a window no larger
// than the largest there is, and must be told of it.
const (
	deflateAnswer       = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	deflateAnswerWindow = deflateAnswer + "; server_max_window_bits=15"
)

// acceptDeflate gives the answer to the first offer of permessage-deflate in list
// that can be accepted: the value of Sec-WebSocket-Extensions, or "" where there
// is none. List is what the client sent. Where it is malformed (RFC 6455, 9.1),
// however far behind the offer, nothing in it can be relied on, and nothing is
// accepted.
func acceptDeflate(list []byte) (answer string) {
	s := scanner{list}
	for {
		s.space()
		switch {
		case len(s.rest) == 0:
			return answer
		case s.take(','): // a list may have empty places (RFC 7230, 7)
			continue
		}
		name := s.token()
		o := offer{}
		for s.take(';') {
			if !o.read(&s) {
				return ""
			}
		}
		if len(name) == 0 || len(s.rest) > 0 && s.rest[0] != ',' {
			return ""
		}
		if answer == "" && string(name) == "permessage-deflate" {
			answer = o.answer()
		}
	}
}

// An offer is the parameters of one offer of permessage-deflate, as far as they
// matter.
type offer struct {
	seen    uint8 // the parameters that came
	decline bool
	window  bool // the answer must name the window
}

// Parameters that may come once, as bits of offer.seen.
const (
	serverNoTakeover = 1 << iota
	clientNoTakeover
	serverBits
	clientBits
)

// read reads a parameter, behind its semicolon. It says false where it is malformed.
func (o *offer) read(s *scanner) bool {
	s.space()
	name := s.token()
	if len(name) == 0 {
		return false
	}
	var value []byte
	if s.take('=') {
		s.space()
		if value = s.value(); len(value) == 0 {
			return false
		}
	}
	s.space()
	o.param(name, value)
	return true
}

// param notes a parameter; value is nil where it has none. What RFC 7692, 7.1
// does not define, or defines otherwise, declines the offer.
func (o *offer) param(name, value []byte) {
	var bit uint8
	ok := false
	switch string(name) {
	case "server_no_context_takeover":
		bit, ok = serverNoTakeover, value == nil
	case "client_no_context_takeover":
		bit, ok = clientNoTakeover, value == nil
	case "server_max_window_bits":
		// A smaller window would need a frame of its own for each size.
		bit, ok = serverBits, string(value) == "15"
		o.window = true
	case "client_max_window_bits":
		// It says what the client can do: any window can be inflated.
		bit, ok = clientBits, value == nil || windowBits(value)
	}
	if !ok || o.seen&bit != 0 {
		o.decline = true
	}
	o.seen |= bit
}

func (o *offer) answer() string {
	switch {
	case o.decline:
		return ""
	case o.window:
		return deflateAnswerWindow
	}
	return deflateAnswer
}

// windowBits says whether b is a number from 8 to 15, without leading zeros.
func windowBits(b []byte) bool {
	switch len(b) {
	case 1:
		return b[0] == '8' || b[0] == '9'
	case 2:
		return b[0] == '1' && b[1] >= '0' && b[1] <= '5'
	}
	return false
}

// A scanner reads tokens and what separates them.
type scanner struct{ rest []byte }

// space skips spaces and tabs.
func (s *scanner) space() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t') {
		s.rest = s.rest[1:]
	}
}

// take takes c where it comes next.
func (s *scanner) take(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// token takes a token and the space behind it. It is empty where none comes next.
func (s *scanner) token() []byte {
	n := 0
	for n < len(s.rest) && classes[s.rest[n]]&nameChar != 0 {
		n++
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	s.space()
	return token
}

// value takes a token, which may be quoted. It is empty where none comes next, or
// where what is quoted is no token.
func (s *scanner) value() []byte {
	if !s.take('"') {
		return s.token()
	}
	var unquoted []byte // what is before the last backslash, which is not in it
	for {
		n := bytes.IndexAny(s.rest, `"\`)
		if n < 0 {
			return nil
		}
		part := s.rest[:n]
		if s.rest[n] == '"' {
			s.rest = s.rest[n+1:]
			if unquoted != nil {
				part = append(unquoted, part...)
			}
			if !all(part, nameChar) {
				return nil
			}
			return part
		}
		if n+1 == len(s.rest) {
			return nil
		}
		unquoted = append(append(unquoted, part...), s.rest[n+1])
		s.rest = s.rest[n+2:]
	}
}
