package rooms

// MaxName is the longest name of a room, in bytes.
const MaxName = 200

// ValidName says whether a room may be called so: 1 to 200 bytes of
// A–Z a–z 0–9 . _ - : @ = , ; + ~
func ValidName(name string) bool { return valid(name) }

// ValidNameBytes is ValidName of a name that is not a string yet. It reads name
// and keeps nothing of it.
func ValidNameBytes(name []byte) bool { return valid(name) }

func valid[N string | []byte](name N) bool {
	if len(name) == 0 || len(name) > MaxName {
		return false
	}
	for i := range len(name) {
		if !allowed[name[i]] {
			return false
		}
	}
	return true
}

var allowed = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for _, c := range []byte("._-:@=,;+~") {
		t[c] = true
	}
	return t
}()
