package hostile

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/roostws/roost/certs/certstest"
)

// secured starts a server to which clients come by TLS.
func secured(t *testing.T, args ...string) *server {
	t.Helper()
	cert, key, trust := certificate(t)
	s := start(t, 0, append([]string{"--auth", "none", "--listen", "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key}, args...)...)
	s.cert, s.key, s.trust = cert, key, trust
	return s
}

// certificate makes one that is its own authority, as files, and what trusts it.
func certificate(t *testing.T) (cert, key string, trust *tls.Config) {
	t.Helper()
	c := certstest.New(certstest.Options{})
	cert, key, err := c.Write(t.TempDir(), "tls")
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, &tls.Config{RootCAs: c.Pool(), ServerName: "localhost"}
}

// like is how clients speak TLS, otherwise.
func (s *server) like(change func(*tls.Config)) *tls.Config {
	cfg := s.trust.Clone()
	change(cfg)
	return cfg
}

// Versions.
const (
	tls12 = tls.VersionTLS12
	tls13 = tls.VersionTLS13
)

// version is like for one version alone.
func (s *server) version(v uint16) *tls.Config {
	return s.like(func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = v, v })
}

// Types of records.
const (
	typeChange    = 20
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
)

// record is one in the clear.
func record(kind byte, payload string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(payload)))) + payload
}

// torn is a message of the handshake in records of n bytes.
func torn(message string, n int) string {
	var out string
	for ; len(message) > n; message = message[n:] {
		out += record(typeHandshake, message[:n])
	}
	return out + record(typeHandshake, message)
}

// A caught keeps what is written first, and goes no further.
type caught struct {
	net.Conn
	b []byte
}

func (c *caught) Write(b []byte) (int, error) { c.b = append(c.b, b...); return 0, io.ErrClosedPipe }
func (c *caught) Close() error                { return nil }

// hello is the first record of a client that behaves.
func (s *server) hello(version uint16) string {
	c := &caught{}
	_ = tls.Client(c, s.version(version)).Handshake()
	return string(c.b)
}

// A recordwise connection gives what it reads record by record, so that who reads a
// handshake takes nothing behind it.
type recordwise struct {
	net.Conn
	head  []byte // of the record that is read: what was not given yet
	left  int    // of that record, bytes behind the header
	heard []byte // what the server began with
}

func (c *recordwise) Read(b []byte) (n int, err error) {
	if c.left == 0 && len(c.head) == 0 {
		c.head = make([]byte, 5)
		if _, err := io.ReadFull(c.Conn, c.head); err != nil {
			return 0, err
		}
		c.left = int(binary.BigEndian.Uint16(c.head[3:]))
	}
	if len(c.head) > 0 {
		n = copy(b, c.head)
		c.head = c.head[n:]
	} else {
		n, err = c.Conn.Read(b[:min(len(b), c.left)])
		c.left -= n
	}
	c.heard = append(c.heard, b[:min(n, max(0, 64-len(c.heard)))]...)
	return n, err
}

// A forger speaks TLS record by record, with the keys of a handshake that a library
// made, and so says what no library would. It knows TLS_AES_128_GCM_SHA256, and what is
// the same in TLS 1.2.
type forger struct {
	c       *bufio.Reader
	w       io.Writer
	old     bool // it is TLS 1.2
	in, out way
	data    []byte // what came and was not read
}

// A way is one direction's.
type way struct {
	secret []byte // of TLS 1.3
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// forge makes a handshake on p, behind which p speaks by a forger.
func (p *peer) forge(s *server, version uint16) (*forger, error) {
	if p.err != nil {
		return nil, p.err
	}
	var log bytes.Buffer
	cfg := s.version(version)
	cfg.KeyLogWriter = &log
	cfg.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	conn := &recordwise{Conn: p.c}
	c := tls.Client(conn, cfg)
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	if suite := c.ConnectionState().CipherSuite; version == tls13 && suite != tls.TLS_AES_128_GCM_SHA256 {
		return nil, fmt.Errorf("a forger does not know %s", tls.CipherSuiteName(suite))
	}
	f := &forger{c: bufio.NewReader(p.c), w: p.c, old: version == tls12}
	for line := range bytes.Lines(log.Bytes()) {
		word := bytes.Fields(line)
		random, _ := hex.DecodeString(string(word[1]))
		secret, err := hex.DecodeString(string(word[2]))
		switch {
		case err != nil:
			return nil, err
		case string(word[0]) == "CLIENT_TRAFFIC_SECRET_0":
			f.out.derive(secret)
		case string(word[0]) == "SERVER_TRAFFIC_SECRET_0":
			f.in.derive(secret)
		case string(word[0]) == "CLIENT_RANDOM":
			keys := prf(secret, "key expansion"+string(conn.heard[11:43])+string(random), 40)
			f.out = way{aead: gcm(keys[:16]), iv: keys[32:36], seq: 1}
			f.in = way{aead: gcm(keys[16:32]), iv: keys[36:40], seq: 1}
		}
	}
	if f.in.aead == nil || f.out.aead == nil {
		return nil, errors.New("no keys")
	}
	p.w, p.r = f, bufio.NewReader(f)
	return f, nil
}

func gcm(key []byte) cipher.AEAD {
	block, _ := aes.NewCipher(key) // it fails by the key's length alone
	aead, _ := cipher.NewGCM(block)
	return aead
}

// prf is that of TLS 1.2 (RFC 5246, section 5).
func prf(secret []byte, seed string, n int) (out []byte) {
	sum := func(b string) string {
		mac := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(mac, b)
		return string(mac.Sum(nil))
	}
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a+seed)...)
	}
	return out[:n]
}

// derive makes the keys of TLS 1.3 from a secret (RFC 8446, 7.3).
func (w *way) derive(secret []byte) {
	*w = way{secret: secret, aead: gcm(expand(secret, "key", 16)), iv: expand(secret, "iv", 12)}
}

// update makes the keys that follow (RFC 8446, 7.2).
func (w *way) update() { w.derive(expand(w.secret, "traffic upd", 32)) }

func expand(secret []byte, label string, n int) []byte {
	info := string([]byte{0, byte(n), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	out, _ := hkdf.Expand(sha256.New, secret, info, n) // it fails by n alone
	return out
}

// number gives the nonce of the next record, and what of it stands in the record.
func (f *forger) number(w *way, explicit []byte) (nonce []byte, inRecord string) {
	seq := binary.BigEndian.AppendUint64(nil, w.seq)
	if f.old {
		if explicit == nil {
			explicit = seq
		}
		return append(bytes.Clone(w.iv), explicit...), string(explicit)
	}
	nonce = bytes.Clone(w.iv)
	for i, b := range seq {
		nonce[4+i] ^= b
	}
	return nonce, ""
}

// extra is what is authenticated and not sealed.
func (f *forger) extra(w *way, head []byte, plain int) []byte {
	if !f.old {
		return head
	}
	return binary.BigEndian.AppendUint16(append(binary.BigEndian.AppendUint64(nil, w.seq), head[:3]...), uint16(plain))
}

// seal makes the next record.
func (f *forger) seal(kind byte, plain string) string {
	if !f.old {
		return f.sealInner(plain + string([]byte{kind}))
	}
	return f.sealed(kind, plain)
}

// sealInner makes the next record of TLS 1.3, whose inner part ends with type and padding.
func (f *forger) sealInner(inner string) string { return f.sealed(typeData, inner) }

func (f *forger) sealed(kind byte, inner string) string {
	nonce, explicit := f.number(&f.out, nil)
	head := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(explicit)+len(inner)+16))
	body := f.out.aead.Seal(nil, nonce, []byte(inner), f.extra(&f.out, head, len(inner)))
	f.out.seq++
	return string(head) + explicit + string(body)
}

// keyUpdate makes the record that changes the key of those behind it. Ask is 1 where the
// server is to do so, too.
func (f *forger) keyUpdate(ask byte) string {
	r := f.seal(typeHandshake, string([]byte{24, 0, 0, 1, ask}))
	f.out.update()
	return r
}

// goodbye makes the record that says that nothing more comes.
func (f *forger) goodbye() string { return f.seal(typeAlert, "\x01\x00") }

func (f *forger) Write(b []byte) (int, error) {
	for left := string(b); left != ""; left = left[min(len(left), 1<<14):] {
		if _, err := io.WriteString(f.w, f.seal(typeData, left[:min(len(left), 1<<14)])); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (f *forger) Read(b []byte) (int, error) {
	for len(f.data) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, f.data)
	f.data = f.data[n:]
	return n, nil
}

// next takes a record.
func (f *forger) next() error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(f.c, head); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(f.c, body); err != nil {
		return fmt.Errorf("a record is torn: %w", err)
	}
	kind := head[0]
	var explicit []byte
	if f.old {
		explicit, body = body[:8], body[8:]
	}
	nonce, _ := f.number(&f.in, explicit)
	plain, err := f.in.aead.Open(nil, nonce, body, f.extra(&f.in, head, len(body)-16))
	if err != nil {
		return err
	}
	f.in.seq++
	if !f.old {
		plain = bytes.TrimRight(plain, "\x00")
		kind, plain = plain[len(plain)-1], plain[:len(plain)-1]
	}
	switch {
	case kind == typeData:
		f.data = plain
	case kind == typeAlert && len(plain) == 2 && plain[1] == 0:
		return io.EOF
	case kind == typeAlert && len(plain) == 2:
		return &net.OpError{Op: "remote error", Err: tls.AlertError(plain[1])}
	case kind == typeHandshake && string(plain) == "\x18\x00\x00\x01\x00" && !f.old:
		f.in.update()
	case kind == typeHandshake && plain[0] == 4: // a ticket
	default:
		return fmt.Errorf("a record of type %d: %x", kind, plain)
	}
	return nil
}
