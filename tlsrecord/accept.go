package tlsrecord

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
)

// A Config is what handshakes are made by. Tickets of one are good for all its
// handshakes, and their keys change daily, as crypto/tls has it.
type Config struct{ base *tls.Config }

// NewConfig takes a server's configuration, which must not be changed any more. Its
// GetConfigForClient is asked for each client, so that certificates may change; the keys
// of tickets are cfg's all the same. What cannot be spoken here is left out: versions
// before 1.2, cipher suites of TLS 1.2 without AEAD, and h2 of NextProtos. Without
// NextProtos it is http/1.1 that is spoken.
func NewConfig(cfg *tls.Config) *Config {
	base := cfg.Clone()
	choose := base.GetConfigForClient
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		chosen := base
		if choose != nil {
			var own *tls.Config
			var err error
			wait(hello, func() { own, err = choose(hello) })
			if err != nil {
				return nil, err
			}
			if own != nil {
				chosen = own
			}
		}
		c := restrict(chosen.Clone())
		if find := c.GetCertificate; find != nil {
			c.GetCertificate = func(hello *tls.ClientHelloInfo) (cert *tls.Certificate, err error) {
				wait(hello, func() { cert, err = find(hello) })
				return cert, err
			}
		}
		hello.Conn.(*tap).listen(c, base)
		return c, nil
	}
	return &Config{base}
}

// A Waiter is a connection that wants to know of what may wait in its handshake, and is
// no reading or writing: it is asked to run f, which finds a configuration or a
// certificate, over a network maybe.
type Waiter interface{ Wait(f func()) }

func wait(hello *tls.ClientHelloInfo, f func()) {
	if w, ok := hello.Conn.(*tap).Conn.(Waiter); ok {
		w.Wait(f)
	} else {
		f()
	}
}

// listen has c tell t the secrets of its one handshake.
func (t *tap) listen(c, tickets *tls.Config) {
	if c.KeyLogWriter == nil {
		c.KeyLogWriter = keyLog{t}
	} else {
		c.KeyLogWriter = io.MultiWriter(c.KeyLogWriter, keyLog{t})
	}
	// Where a session of TLS 1.2 is resumed, crypto/tls logs no key (Go 1.26,
	// handshake_server.go, doResumeHandshake): so its ticket, which is sealed and holds
	// the secret anyway, says it to us once more.
	wrap, unwrap := c.WrapSession, c.UnwrapSession
	if wrap == nil {
		wrap = tickets.EncryptTicket
	}
	if unwrap == nil {
		unwrap = tickets.DecryptTicket
	}
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		if cs.Version == tls.VersionTLS12 {
			ss.Extra = append(slices.DeleteFunc(ss.Extra, isMaster), append([]byte(masterMark), t.master...))
		}
		return wrap(cs, ss)
	}
	c.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := unwrap(identity, cs)
		if ss != nil {
			if i := slices.IndexFunc(ss.Extra, isMaster); i >= 0 {
				t.master = ss.Extra[i][len(masterMark):]
			}
		}
		return ss, err
	}
}

// masterMark is what the entry of a ticket begins with that is ours.
const masterMark = "roost/master/"

func isMaster(extra []byte) bool { return bytes.HasPrefix(extra, []byte(masterMark)) }

// restrict leaves out of c what a Session does not speak.
func restrict(c *tls.Config) *tls.Config {
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	asked := c.CipherSuites
	c.CipherSuites = nil
	for _, s := range tls.CipherSuites() {
		if suites[s.ID] != 0 && (asked == nil || slices.Contains(asked, s.ID)) {
			c.CipherSuites = append(c.CipherSuites, s.ID)
		}
	}
	if c.CipherSuites == nil {
		c.MinVersion = tls.VersionTLS13 // whose suites crypto/tls does not let us choose
	}
	c.NextProtos = slices.DeleteFunc(slices.Clone(c.NextProtos), func(name string) bool { return name == "h2" })
	if len(c.NextProtos) == 0 {
		c.NextProtos = []string{"http/1.1"}
	}
	return c
}

// Accept makes the handshake of a server on c, which it neither closes nor keeps, and
// gives the Session that begins behind it. It takes from c what belongs to the handshake
// and not one byte more. Where it fails, the peer has been told.
func Accept(c net.Conn, cfg *Config) (Session, tls.ConnectionState, error) {
	t := &tap{Conn: c}
	conn := tls.Server(t, cfg.base)
	if err := conn.Handshake(); err != nil {
		return Session{}, tls.ConnectionState{}, err
	}
	state := conn.ConnectionState()
	s, err := t.session(&state)
	return s, state, err
}

// A tap is the connection that crypto/tls makes a handshake on. It gives what it reads
// record by record, so that nothing behind the handshake is taken, keeps what is
// written, and is told the secrets: as the KeyLogWriter of that one handshake.
type tap struct {
	net.Conn
	header []byte // of the record that is read: what was not given yet
	left   int    // of that record, bytes behind the header
	heard  []byte // what the client began with
	sent   []byte

	secrets [2][]byte // of TLS 1.3
	master  []byte    // of TLS 1.2; of a session that is resumed, as its ticket says
}

func (t *tap) Read(b []byte) (n int, err error) {
	if t.left == 0 && len(t.header) == 0 {
		header := make([]byte, headerLen)
		if n, err := io.ReadFull(t.Conn, header); err != nil {
			return copy(b, header[:n]), err
		}
		t.header, t.left = header, int(header[3])<<8|int(header[4])
		t.heard = append(t.heard, header[:min(headerLen, maxHeard-len(t.heard))]...)
	}
	if len(t.header) > 0 {
		n = copy(b, t.header)
		t.header = t.header[n:]
		return n, nil
	}
	n, err = t.Conn.Read(b[:min(len(b), t.left)])
	t.left -= n
	t.heard = append(t.heard, b[:min(n, maxHeard-len(t.heard))]...)
	return n, err
}

const (
	// maxHeard is how much is kept of what a client says: its random is there.
	maxHeard = 64
	// maxSent bounds what is kept of the handshake's own records. A chain of certificates
	// as long as that is none.
	maxSent = 1 << 18
)

func (t *tap) Write(b []byte) (int, error) {
	if len(t.sent)+len(b) > maxSent {
		return 0, errors.New("TLS: the certificates are too long")
	}
	t.sent = append(t.sent, b...)
	return t.Conn.Write(b)
}

// A keyLog is told the secrets of a tap's handshake, in the lines of the NSS key log.
type keyLog struct{ tap *tap }

func (l keyLog) Write(line []byte) (int, error) {
	t := l.tap
	word := bytes.Fields(line)
	if len(word) != 3 {
		return 0, errors.New("TLS: an unknown line of the key log")
	}
	secret, err := hex.DecodeString(string(word[2]))
	if err != nil {
		return 0, err
	}
	switch string(word[0]) {
	case "CLIENT_RANDOM":
		t.master = secret
	case "CLIENT_TRAFFIC_SECRET_0":
		t.secrets[in] = secret
	case "SERVER_TRAFFIC_SECRET_0":
		t.secrets[out] = secret
	}
	return len(line), nil
}

// session makes the Session that follows the handshake.
func (t *tap) session(state *tls.ConnectionState) (Session, error) {
	if state.Version == tls.VersionTLS12 {
		return newSession12(state.CipherSuite, t.master, helloRandom(t.heard), helloRandom(t.sent))
	}
	s, err := newSession13(state.CipherSuite, t.secrets)
	if err == nil {
		err = t.count(&s)
	}
	return s, err
}

// helloRandom finds what a hello calls random, of TLS 1.2: record header, message header,
// version, random (RFC 5246, 7.4.1.2). The hello is what each side begins with.
func helloRandom(b []byte) []byte {
	const at = headerLen + 4 + 2
	if len(b) < at+32 || b[0] != typeHandshake {
		return nil
	}
	return b[at : at+32]
}

// count finds out how many records of the handshake were sealed by the Session's own key
// already: tickets are. Those before them were by another, and do not open by this one.
func (t *tap) count(s *Session) error {
	reader := Session{secrets: [2][maxSecret]byte{s.secrets[out]}, suite: s.suite}
	var k Keys
	for b := t.sent; len(b) > 0; {
		n, err := split(b)
		if err != nil || n == 0 {
			return errors.New("TLS: what the handshake sent is not in records")
		}
		if b[0] == typeData {
			_, _, _ = reader.open(&k, b[:n]) // where it fails, seq stays
		}
		b = b[n:]
	}
	s.seq[out] = reader.seq[in]
	return nil
}
