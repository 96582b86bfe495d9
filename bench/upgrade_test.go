package bench

import (
	"bytes"
	"testing"
)

func FuzzUpgrader_Answer(f *testing.F) {
	u := newUpgrader(target{path: "/", host: "a"}, nil, 1)
	key := accept(u.key(5))
	good := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " + string(key[:]) + "\r\n\r\nrest"
	f.Add([]byte(good))
	f.Add([]byte("HTTP/1.1 401 Unauthorized\r\n\r\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rest, done, err := u.answer(b, 5)
		if err == nil && done && (!bytes.Contains(b, key[:]) || !bytes.HasSuffix(b, rest)) {
			t.Fatalf("%q is taken", b)
		}
		if !done && bytes.Contains(b, []byte("\r\n\r\n")) {
			t.Fatalf("%q is waited for", b)
		}
	})
}
