package auth

import "strings"

// Patterns are names of rooms in which * stands for any run of bytes, also an
// empty one. No patterns match nothing.
type Patterns []string

// Match says whether one of the patterns matches a room.
func (p Patterns) Match(room string) bool {
	for _, pattern := range p {
		if match(pattern, room) {
			return true
		}
	}
	return false
}

// match takes each run between two stars at its first place: the leftmost choice
// never spoils a later one, so that there is no going back.
func match(pattern, s string) bool {
	prefix, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, prefix) {
		return false
	}
	s = s[len(prefix):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], next
	}
}
