package hostile

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/roostws/roost/protocol"
)

// A peer is one end of a connection, whose other end is the server. Once
// something failed it does nothing any more.
type peer struct {
	c   *net.TCPConn
	w   io.Writer // c, or what speaks TLS on it
	r   *bufio.Reader
	err error
	bye bool // a close frame was sent
	may bool // an upgrade's answer may speak of extensions

	// Of an upgrade's answer.
	id         string // Roost-Connection
	extensions string // Sec-WebSocket-Extensions; empty: none
}

// hangs is how long a peer waits for what must come.
const hangs = 12 * time.Second

func connect(addr string) *peer {
	c, err := net.DialTimeout("tcp", addr, hangs)
	if err != nil {
		return &peer{err: err}
	}
	p := &peer{c: c.(*net.TCPConn), w: c, r: bufio.NewReader(c)}
	_ = c.SetDeadline(time.Now().Add(hangs))
	return p
}

// dial is a client's connection, by TLS where the server speaks it.
func (s *server) dial() *peer {
	p := connect(s.client)
	p.may = s.offer != ""
	p.send(s.proxy)
	if s.trust != nil {
		p.secure(s.trust)
	}
	return p
}

// secure makes a handshake of TLS, behind which p speaks it.
func (p *peer) secure(cfg *tls.Config) {
	if p.err == nil {
		c := tls.Client(p.c, cfg)
		p.w, p.r, p.err = c, bufio.NewReader(c), c.Handshake()
	}
}

func (p *peer) close() {
	if p.c != nil {
		_ = p.c.Close()
	}
}

// reset ends the connection with RST.
func (p *peer) reset() {
	if p.c != nil {
		_ = p.c.SetLinger(0)
		_ = p.c.Close()
	}
}

// send sends something. That the server has gone meanwhile is found in reading.
func (p *peer) send(b string) {
	if p.err == nil {
		_, _ = io.WriteString(p.w, b)
	}
}

// drip sends something byte by byte.
func (p *peer) drip(b string) {
	for i := range len(b) {
		p.send(b[i : i+1])
	}
}

// Headers that an answer may have. No client can make others appear.
var (
	upgradeHeaders = []string{"Upgrade", "Connection", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Roost-Connection"}
	refusalHeaders = []string{"Connection", "Content-Type", "Content-Length", "Retry-After", "Www-Authenticate", "Allow", "Upgrade", "Sec-Websocket-Version"}
)

// answer reads the answer to a request of a client: "101", or a status and the
// error's code. What is refused must be so with one line of JSON, after which the
// connection ends.
func (p *peer) answer() string {
	if p.err != nil {
		return end(p.err)
	}
	if _, err := p.r.Peek(1); err != nil {
		return end(err)
	}
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return "half an answer: " + err.Error()
	}
	allowed := refusalHeaders
	if resp.StatusCode == 101 {
		allowed = upgradeHeaders
		p.extensions = resp.Header.Get("Sec-Websocket-Extensions")
	}
	for name, values := range resp.Header {
		if !slices.Contains(allowed, name) && !(p.may && name == "Sec-Websocket-Extensions") || len(values) != 1 {
			return fmt.Sprintf("%d with %s: %q", resp.StatusCode, name, values)
		}
	}
	if resp.StatusCode == 101 {
		p.id = resp.Header.Get("Roost-Connection")
		return "101"
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "half a body: " + err.Error()
	}
	if after, err := p.r.ReadByte(); err == nil {
		return fmt.Sprintf("%d and then %q", resp.StatusCode, after)
	} else if why := end(err); why == "hangs" {
		return fmt.Sprintf("%d and then it hangs", resp.StatusCode)
	}
	if resp.StatusCode == 200 {
		return "200 " + string(body)
	}
	return refusal(resp, body)
}

// refusal says what an error's answer is.
func refusal(resp *http.Response, body []byte) string {
	var e struct{ Error, Message string }
	if err := json.Unmarshal(body, &e); err != nil || e.Error == "" || e.Message == "" || len(body) > 1000 || body[len(body)-1] != '\n' {
		return fmt.Sprintf("%d with the body %.1000q", resp.StatusCode, body)
	}
	return fmt.Sprint(resp.StatusCode, " ", e.Error)
}

// end says how a connection ended.
func end(err error) string {
	switch {
	case err == io.EOF:
		return "end"
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "hangs"
	case err == io.ErrUnexpectedEOF:
		return "end without a goodbye" // of TLS
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return "alert " + strings.TrimPrefix(alert.Err.Error(), "tls: ")
	}
	return err.Error()
}

// handshake is a request: its line and its headers. A header replaces the usual
// one of its name, or is added; "+Name: value" stands beside it, and "-Name" takes
// the usual one away.
func handshake(line string, headers ...string) string {
	lines := []string{"Host: test", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	for _, h := range headers {
		name, _, _ := strings.Cut(strings.TrimPrefix(h, "-"), ":")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
		switch {
		case at >= 0 && h[0] == '-':
			lines = slices.Delete(lines, at, at+1)
		case at >= 0:
			lines[at] = h
		default:
			lines = append(lines, strings.TrimPrefix(h, "+"))
		}
	}
	return line + "\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// upgraded makes a WebSocket.
func (s *server) upgraded(path string) *peer {
	p := s.dial()
	line := "GET " + path + " HTTP/1.1"
	if s.offer != "" {
		p.send(handshake(line, "Sec-WebSocket-Extensions: "+s.offer))
	} else {
		p.send(handshake(line))
	}
	if got := p.answer(); got != "101" && p.err == nil {
		p.err = errors.New("no upgrade but " + got)
	}
	return p
}

// frame reads one frame of the server, and checks it. What is compressed it inflates.
func (p *peer) frame() (op protocol.Op, payload []byte, err error) {
	if p.err != nil {
		return 0, nil, p.err
	}
	var head [10]byte
	if _, err = io.ReadFull(p.r, head[:2]); err != nil {
		return 0, nil, err
	}
	op = protocol.Op(head[0] & 15)
	compressed := p.extensions != "" && (head[0] == text|rsv1 || head[0] == bin|rsv1)
	n := int(head[1])
	switch {
	case head[0]&0xf0 != 0x80 && !compressed || n > 127:
		return 0, nil, fmt.Errorf("a frame that begins with %x", head[:2])
	case n == 126:
		_, err = io.ReadFull(p.r, head[:2])
		n = int(binary.BigEndian.Uint16(head[:]))
	case n == 127:
		_, err = io.ReadFull(p.r, head[:8])
		n = int(binary.BigEndian.Uint64(head[:]))
	}
	if err != nil || n < 0 || n > 1<<26 {
		return 0, nil, fmt.Errorf("a frame of %d bytes, %w", n, err)
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(p.r, payload); err != nil {
		return 0, nil, fmt.Errorf("a frame is torn: %w", err)
	}
	if compressed {
		payload, err = inflated(payload)
	}
	return op, payload, err
}

var opNames = map[protocol.Op]string{protocol.OpText: "text", protocol.OpBinary: "binary", protocol.OpPing: "ping", protocol.OpPong: "pong"}

// told is how a message is told of: short ones as they are.
func told(op protocol.Op, payload string) string {
	if len(payload) > 60 {
		return fmt.Sprintf("%s:%d bytes %08x", opNames[op], len(payload), crc32.ChecksumIEEE([]byte(payload)))
	}
	if op == protocol.OpText && !utf8.ValidString(payload) {
		return fmt.Sprintf("text that is none: %x", payload)
	}
	return opNames[op] + ":" + payload
}

// rest tells of all frames until the end. A close frame is answered, and ends it:
// then nothing may follow.
func (p *peer) rest() string {
	var words []string
	for {
		op, payload, err := p.frame()
		if err != nil {
			return strings.Join(append(words, end(err)), " ")
		}
		if op != protocol.OpClose {
			words = append(words, told(op, string(payload)))
			continue
		}
		words = append(words, closeWord(payload))
		if !p.bye {
			p.send(masked(protocol.OpClose, string(payload)))
		}
		if _, err := p.r.ReadByte(); err == nil {
			words = append(words, "and more")
		} else if how := end(err); how != "end" && how != "reset" {
			words = append(words, how)
		}
		return strings.Join(words, " ")
	}
}

func closeWord(payload []byte) string {
	code, _, err := protocol.ParseClose(payload)
	switch {
	case err != nil:
		return "a bad close: " + err.Error()
	case code == protocol.NoCode:
		return "close"
	}
	return fmt.Sprint("close ", code)
}

// masked is a client's frame.
func masked(op protocol.Op, payload string) string {
	return string(protocol.AppendMaskedFrame(nil, op, []byte(payload), [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}

// frame is a client's frame with any first byte.
func frame(first byte, payload string) string {
	b := []byte(masked(0, payload))
	b[0] = first
	return string(b)
}

// First bytes of frames.
const (
	fin      = 0x80
	rsv1     = 0x40 // of a first frame: the message is compressed
	text     = fin | byte(protocol.OpText)
	bin      = fin | byte(protocol.OpBinary)
	cont     = fin
	closing  = fin | byte(protocol.OpClose)
	ping     = fin | byte(protocol.OpPing)
	pong     = fin | byte(protocol.OpPong)
	textPart = byte(protocol.OpText)
	binPart  = byte(protocol.OpBinary)
	contPart = byte(0)
)

// goodbye is the close frame of a client that behaves.
var goodbye = frame(closing, "\x03\xe8")
