package tlsrecord

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// Keys are the ciphers of a Session, some 1.5 KB: made when they are needed first. The
// zero Keys may be used with any Session; they are that one's until Forget.
type Keys struct{ ways [2]way }

// A way is one direction's.
type way struct {
	aead  cipher.AEAD // nil: not made
	iv    [12]byte
	nonce [12]byte
	extra [13]byte // what is authenticated and not sealed
}

// Forget makes k those of no Session.
func (k *Keys) Forget() { *k = Keys{} }

// way gives the cipher of a direction.
func (k *Keys) way(s *Session, d direction) (*way, error) {
	w := &k.ways[d]
	if w.aead != nil {
		return w, nil
	}
	key, iv := s.secrets[d][:s.suite.keyLen()], s.secrets[d][32:44]
	if !s.old {
		h, secret := s.suite.hash(), s.secrets[d][:s.suite.hashLen()]
		var err error
		if key, err = expandLabel(h, secret, "key", s.suite.keyLen()); err != nil {
			return nil, alertInternalError
		}
		if iv, err = expandLabel(h, secret, "iv", len(w.iv)); err != nil {
			return nil, alertInternalError
		}
	}
	copy(w.iv[:], iv)
	return w, w.make(s.suite, key)
}

func (w *way) make(s suite, key []byte) (err error) {
	if s == chacha20 {
		w.aead, err = chacha20poly1305.New(key)
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			w.aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		return alertInternalError
	}
	return nil
}

// explicit says whether records carry a part of their nonce.
func (s *Session) explicit() bool { return s.old && s.suite != chacha20 }

// number gives the nonce of the record seq. Explicit is the part that the record brings;
// nil: it brings none.
func (w *way) number(seq uint64, explicit []byte) []byte {
	w.nonce = w.iv
	if explicit != nil {
		copy(w.nonce[4:], explicit)
		return w.nonce[:]
	}
	low := binary.BigEndian.Uint64(w.nonce[4:]) ^ seq
	binary.BigEndian.PutUint64(w.nonce[4:], low)
	return w.nonce[:]
}

// authenticated gives what stands outside of the sealed part and must be as it was: of
// TLS 1.3 the header (RFC 8446, 5.2), of 1.2 the number, the header, and the length of
// the data (RFC 5246, 6.2.3.3).
func (w *way) authenticated(old bool, seq uint64, header []byte, plain int) []byte {
	if !old {
		return w.extra[:copy(w.extra[:], header[:headerLen])]
	}
	binary.BigEndian.PutUint64(w.extra[:], seq)
	copy(w.extra[8:], header[:3])
	binary.BigEndian.PutUint16(w.extra[11:], uint16(plain))
	return w.extra[:]
}

// seal appends a record to dst. Plain holds at most MaxPlain bytes, and is not kept.
func (s *Session) seal(k *Keys, dst []byte, kind byte, plain []byte) ([]byte, error) {
	w, err := k.way(s, out)
	if err != nil {
		return dst, err
	}
	seq := s.seq[out]
	s.seq[out]++
	at := len(dst)
	if s.old {
		dst = append(dst, kind, 3, 3, 0, 0)
	} else {
		dst = append(dst, typeData, 3, 3, 0, 0)
	}
	var explicit []byte
	if s.explicit() {
		dst = binary.BigEndian.AppendUint64(dst, seq)
		explicit = dst[at+headerLen:]
	}
	body := len(dst)
	dst = append(dst, plain...)
	if !s.old {
		dst = append(dst, kind)
	}
	binary.BigEndian.PutUint16(dst[at+3:], uint16(len(dst)-at-headerLen+w.aead.Overhead()))
	nonce := w.number(seq, explicit)
	extra := w.authenticated(s.old, seq, dst[at:], len(plain))
	return w.aead.Seal(dst[:body], nonce, dst[body:], extra), nil
}

// open gives what a record holds, in the record's memory.
func (s *Session) open(k *Keys, record []byte) (kind byte, plain []byte, err error) {
	w, err := k.way(s, in)
	if err != nil {
		return 0, nil, err
	}
	if !s.old && record[0] != typeData {
		return 0, nil, alertUnexpectedMessage
	}
	kind = record[0]
	body := record[headerLen:]
	var explicit []byte
	if s.explicit() {
		if len(body) < 8 {
			return 0, nil, alertBadRecordMAC
		}
		explicit, body = body[:8], body[8:]
	}
	if len(body) < w.aead.Overhead() {
		return 0, nil, alertBadRecordMAC
	}
	seq := s.seq[in]
	extra := w.authenticated(s.old, seq, record, len(body)-w.aead.Overhead())
	plain, err = w.aead.Open(body[:0], w.number(seq, explicit), body, extra)
	if err != nil {
		return 0, nil, alertBadRecordMAC
	}
	s.seq[in]++
	if !s.old {
		end := len(plain)
		for end > 0 && plain[end-1] == 0 { // padding
			end--
		}
		if end == 0 {
			return 0, nil, alertUnexpectedMessage
		}
		kind, plain = plain[end-1], plain[:end-1]
	}
	if len(plain) > MaxPlain {
		return 0, nil, alertRecordOverflow
	}
	return kind, plain, nil
}
