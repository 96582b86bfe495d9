package tlsrecord

import "errors"

// Messages of the handshake that may come after it.
const messageKeyUpdate = 24

// Read opens the whole records that b begins with. Data is what they hold, rest what is
// left of b, a part of a record: both lie in b, which is changed. Closed: the peer says
// that nothing more will come. An error is an Alert, what is wrong and the peer is to be
// told, as by AppendAlert; or ErrAlerted, after which nothing is to be said. Data is what
// came before that.
func (s *Session) Read(k *Keys, b []byte) (data, rest []byte, closed bool, err error) {
	for {
		n, err := split(b)
		if n == 0 {
			return data, b, false, err
		}
		kind, plain, err := s.open(k, b[:n])
		if err != nil {
			return data, nil, false, err
		}
		b = b[n:]
		switch kind {
		case typeData:
			if len(plain) == 0 {
				break
			}
			s.empty = 0
			if data == nil {
				data = plain
			} else {
				data = append(data, plain...) // moves it down, over headers and tags
			}
			continue
		case typeAlert:
			if closed, err = s.heard(plain); closed || err != nil {
				return data, nil, closed, err
			}
		case typeHandshake:
			if err := s.told(k, plain); err != nil {
				return data, nil, false, err
			}
		default:
			return data, nil, false, alertUnexpectedMessage
		}
		if s.empty++; s.empty > maxEmpty {
			return data, nil, false, alertUnexpectedMessage
		}
	}
}

// ErrAlerted says that the peer has broken off, for a fault that it found.
var ErrAlerted = errors.New("TLS: the peer has broken off")

// heard is about an alert of the peer's.
func (s *Session) heard(b []byte) (closed bool, err error) {
	if len(b) != 2 {
		return false, alertDecodeError
	}
	a := Alert(b[1])
	switch {
	case a == alertCloseNotify:
		return true, nil
	case a == alertUserCanceled || s.old && b[0] == 1: // by itself it means nothing
		return false, nil
	}
	return false, ErrAlerted
}

// told is about a message of the handshake, after it: a client may have its key updated,
// and no more.
func (s *Session) told(k *Keys, b []byte) error {
	if s.old {
		return alertNoRenegotiation
	}
	switch {
	case len(b) < 4 || b[0] != messageKeyUpdate:
		return alertUnexpectedMessage
	case b[1] != 0 || b[2] != 0 || b[3] != 1:
		return alertDecodeError
	case len(b) != 5: // it must be the last in its record, since the next is under another key
		return alertUnexpectedMessage
	case b[4] > 1:
		return alertIllegalParameter
	}
	s.owes = s.owes || b[4] == 1
	k.ways[in] = way{}
	return s.update(in)
}

// Append seals data into records, and appends them to dst. It allocates where dst is too
// small; see Sealed. An error is an Alert.
func (s *Session) Append(k *Keys, dst, data []byte) ([]byte, error) {
	for len(data) > 0 {
		if (s.owes || s.seq[out] >= maxSealed) && !s.old {
			var err error
			if dst, err = s.seal(k, dst, typeHandshake, []byte{messageKeyUpdate, 0, 0, 1, 0}); err != nil {
				return dst, err
			}
			s.owes = false
			k.ways[out] = way{}
			if err := s.update(out); err != nil {
				return dst, err
			}
		}
		n := min(len(data), MaxPlain)
		var err error
		if dst, err = s.seal(k, dst, typeData, data[:n]); err != nil {
			return dst, err
		}
		data = data[n:]
	}
	return dst, nil
}

// AppendAlert appends what tells the peer of an error of Read.
func (s *Session) AppendAlert(k *Keys, dst []byte, err error) []byte {
	a, ok := err.(Alert)
	if !ok {
		a = alertInternalError
	}
	dst, _ = s.seal(k, dst, typeAlert, []byte{a.level(), byte(a)}) // what cannot be sealed is not said
	return dst
}

// AppendClose appends what tells the peer that nothing more will come.
func (s *Session) AppendClose(k *Keys, dst []byte) []byte {
	return s.AppendAlert(k, dst, alertCloseNotify)
}
