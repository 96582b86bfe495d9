package tlsrecord

import (
	"crypto/tls"
	"fmt"
)

// direction is the side that a Session's records go to.
type direction uint8

const (
	in direction = iota
	out
)

// maxSecret is the length of the longest secret: a hash of SHA-384, or a key of 32 bytes
// with its nonce.
const maxSecret = 48

// A Session is what a connection needs between one record and the next: 120 bytes, no
// pointer. The zero Session is none.
type Session struct {
	// By direction. Of TLS 1.3 it is the traffic secret; of 1.2 the key, and behind 32
	// bytes what the nonces begin with.
	secrets [2][maxSecret]byte
	seq     [2]uint64 // of the next record

	suite suite
	old   bool  // it is TLS 1.2
	owes  bool  // the peer is owed a key update, before the next data
	empty uint8 // records in a row that held no data
}

const (
	// maxEmpty is how many records in a row may hold no data, as with crypto/tls (Go
	// 1.26, conn.go: maxUselessRecords).
	maxEmpty = 16
	// maxSealed is how many records a key of TLS 1.3 seals, at most: RFC 8446, 5.5, lets
	// AES-GCM seal 2^24.5 of the longest.
	maxSealed = 1 << 24
)

// newSession13 makes a Session of TLS 1.3 from its traffic secrets.
func newSession13(id uint16, secrets [2][]byte) (s Session, err error) {
	s.suite = suites[id]
	if s.suite == 0 || len(secrets[in]) != s.suite.hashLen() || len(secrets[out]) != s.suite.hashLen() {
		return Session{}, fmt.Errorf("TLS: no keys of %s", tls.CipherSuiteName(id))
	}
	copy(s.secrets[in][:], secrets[in])
	copy(s.secrets[out][:], secrets[out])
	return s, nil
}

// newSession12 makes a server's Session of TLS 1.2 from its master secret and what both
// sides' hellos call random (RFC 5246, 6.3). Each side has sealed one record: Finished.
func newSession12(id uint16, master, client, server []byte) (s Session, err error) {
	s.suite, s.old = suites[id], true
	if s.suite == 0 || len(master) != 48 || len(client) != 32 || len(server) != 32 {
		return Session{}, fmt.Errorf("TLS: no keys of %s", tls.CipherSuiteName(id))
	}
	key, fixed := s.suite.keyLen(), s.suite.fixedLen()
	block := prf(s.suite.hash(), master, "key expansion", append(append([]byte(nil), server...), client...), 2*(key+fixed))
	for _, d := range []direction{in, out} {
		copy(s.secrets[d][:], block[int(d)*key:][:key])
		copy(s.secrets[d][32:], block[2*key+int(d)*fixed:][:fixed])
		s.seq[d] = 1
	}
	return s, nil
}

// update makes the next secret of a direction (RFC 8446, 7.2).
func (s *Session) update(d direction) error {
	n := s.suite.hashLen()
	next, err := expandLabel(s.suite.hash(), s.secrets[d][:n], "traffic upd", n)
	if err != nil {
		return alertInternalError
	}
	copy(s.secrets[d][:], next)
	s.seq[d] = 0
	return nil
}
