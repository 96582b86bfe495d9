package auth

import "unsafe"

// AppendPacked appends the patterns as bytes of which MatchPacked makes use: a byte
// that counts them, and each behind a byte for its length. Of a Verifier's
// patterns none is too long or one too many.
func (p Patterns) AppendPacked(dst []byte) []byte {
	n := min(len(p), MaxPatterns)
	dst = append(dst, byte(n))
	for _, pattern := range p[:n] {
		pattern = pattern[:min(len(pattern), MaxPattern)]
		dst = append(dst, byte(len(pattern)))
		dst = append(dst, pattern...)
	}
	return dst
}

// MatchPacked is Match for patterns that were packed. Packed is only read.
func MatchPacked(packed []byte, room string) bool {
	n, at := int(packed[0]), 1
	for range n {
		end := at + 1 + int(packed[at])
		if end > at+1 && matchBytes(packed[at+1:end], room) {
			return true
		}
		at = end
	}
	return false
}

// SkipPacked gives what follows patterns that were packed.
func SkipPacked(packed []byte) (rest []byte) {
	n, at := int(packed[0]), 1
	for range n {
		at += 1 + int(packed[at])
	}
	return packed[at:]
}

// matchBytes is match for a pattern in memory that may be another's soon.
func matchBytes(pattern []byte, room string) bool {
	return match(unsafe.String(&pattern[0], len(pattern)), room) // match keeps nothing
}
