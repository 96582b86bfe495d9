package auth

import "strings"

// Patterns name rooms. In a pattern * stands for any run of bytes, also for none,
// and all else for itself.
type Patterns []string

// Match says whether one of the patterns is of the room. No pattern and an empty
// pattern match nothing. It takes time linear in the bytes of a pattern and of the
// room, for each pattern.
func (p Patterns) Match(room string) bool {
	for _, pattern := range p {
		if MatchPattern(pattern, room) {
			return true
		}
	}
	return false
}

// MatchPattern says whether one pattern is of the room.
func MatchPattern(pattern, room string) bool { return pattern != "" && match(pattern, room) }

// match takes each piece between stars at its first place after the piece before:
// where any choice of places fits, this one does, so it never goes back.
func match(pattern, room string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 {
		return pattern == room
	}
	if !strings.HasPrefix(room, pattern[:star]) {
		return false
	}
	room, pattern = room[star:], pattern[star+1:]
	for {
		star = strings.IndexByte(pattern, '*')
		if star < 0 {
			return strings.HasSuffix(room, pattern)
		}
		at := strings.Index(room, pattern[:star])
		if at < 0 {
			return false
		}
		room, pattern = room[at+star:], pattern[star+1:]
	}
}
