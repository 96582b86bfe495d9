package auth

import (
	"strconv"
	"strings"
)

const redacted = "REDACTED"

// Redact is uri with REDACTED in place of the values of token= and ticket=, for a
// log. It takes any text with URLs in it, and names that end so (access_token=),
// in any case, escaped (%74oken=) and in a URL within a URL (token%3D). Where it is
// in doubt how far a value goes it takes more.
func Redact(uri string) string {
	var b strings.Builder
	done := 0 // what of uri is in b
	for i := 0; i < len(uri); {
		n := equals(uri[i:])
		if n == 0 {
			i++
			continue
		}
		start := i + n
		if !isSecret(uri[done:i]) {
			i = start
			continue
		}
		end := start + strings.IndexAny(uri[start:]+"&", ends)
		if end > start {
			b.WriteString(uri[done:start])
			b.WriteString(redacted)
			done = end
		}
		i = end
	}
	if done == 0 {
		return uri
	}
	b.WriteString(uri[done:])
	return b.String()
}

// ends are what a value ends before.
const ends = "&# \t\r\n\"'`<>"

// equals is how many bytes of s are an equals sign at its begin, as it is or
// escaped: 0 for none.
func equals(s string) int {
	if s[0] == '=' {
		return 1
	}
	if s[0] != '%' {
		return 0
	}
	n := 1
	for len(s) >= n+2 && s[n:n+2] == "25" { // an escaped escape
		n += 2
	}
	if len(s) >= n+2 && s[n] == '3' && (s[n+1] == 'd' || s[n+1] == 'D') {
		return n + 2
	}
	return 0
}

// maxEscaped bounds the bytes of a name that are looked at: ticket, each letter
// escaped and the escapes escaped.
const maxEscaped = 64

// isSecret says whether what stands before an equals sign ends in a secret's name.
func isSecret(before string) bool {
	name := before[max(0, len(before)-maxEscaped):]
	for range 3 {
		lower := strings.ToLower(name)
		if strings.HasSuffix(lower, "token") || strings.HasSuffix(lower, "ticket") {
			return true
		}
		if at := strings.LastIndexAny(name, "&?#= \"'"); at >= 0 {
			name = name[at+1:]
		}
		plain := unescape(name)
		if plain == name {
			return false
		}
		name = plain
	}
	return false
}

// unescape decodes the escapes of s that are whole, and leaves the others: the
// front of a name may be cut within one.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
