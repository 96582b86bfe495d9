package protocol

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gorilla/websocket"
)

// A peerServer echoes over TCP, as a loop does: each connection has a Reader, and
// messages that came compressed go through one Inflater, and back through one
// Deflater where that pays.
type peerServer struct {
	addr    string
	decide  Decision
	in, out atomic.Int64 // compressed messages
	torn    atomic.Int64 // reads that ended within one
}

func newPeerServer(t *testing.T) *peerServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &peerServer{addr: l.Addr().String(), decide: Decision{Deflate: true}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *peerServer) serve(c net.Conn) {
	defer c.Close()
	var head []byte
	b := make([]byte, 1000) // so that longer messages come in pieces
	for HeaderEnd(head, 0) < 0 {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		head = append(head, b[:n]...)
	}
	end := HeaderEnd(head, 0)
	answer := NewHandshaker(&asked{decision: s.decide}).Handshake(head[:end])
	if _, err := c.Write(answer.Reply); err != nil || answer.Status != 101 {
		return
	}
	const limit = 1 << 20
	r := &Reader{Limit: limit, Deflate: answer.Deflate}
	f := &Inflater{Limit: limit}
	d := NewDeflater(DeflateLevel)
	for in := head[end:]; ; {
		for len(in) > 0 {
			m, rest, err := r.Next(in)
			if err == nil && m.Compressed {
				s.in.Add(1)
				err = f.Inflate(&m)
			}
			if err != nil {
				_, _ = c.Write(AppendClose(nil, err.(*CloseError).Code, err.Error()))
				return
			}
			if in = rest; m.Op == 0 {
				s.torn.Add(1)
				break
			}
			s.echo(c, d, &m, answer.Deflate)
			if m.Op == OpClose {
				return
			}
		}
		n, err := c.Read(b)
		if err != nil {
			return
		}
		in = b[:n]
	}
}

func (s *peerServer) echo(c net.Conn, d *Deflater, m *Message, deflate bool) {
	if m.Op == OpPing {
		m.Op = OpPong
	}
	frame := m.Frame()
	if small, ok := d.AppendFrame(nil, m.Op, m.Payload); ok && deflate {
		frame = small
		s.out.Add(1)
	}
	_, _ = c.Write(frame)
}

// peerSizes are those of Autobahn's cases 12.1 to 12.5.
var peerSizes = []int{0, 16, 64, 191, 192, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072}

// peerMessages are texts and binaries of those sizes, made of payload.
func peerMessages(each func(binary bool, data []byte)) {
	whole := bytes.Repeat(list(315), 3)
	for _, n := range peerSizes {
		each(false, whole[:n])
		each(true, whole[:n])
	}
	for _, p := range payloads() {
		each(false, p.data)
	}
}

func TestDeflate_Coder(t *testing.T) {
	for name, mode := range map[string]coder.CompressionMode{"without takeover": coder.CompressionNoContextTakeover, "with takeover": coder.CompressionContextTakeover, "off": coder.CompressionDisabled} {
		t.Run(name, func(t *testing.T) {
			s := newPeerServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, resp, err := coder.Dial(ctx, "ws://"+s.addr, &coder.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			c.SetReadLimit(1 << 20)
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); (got == yes) != (mode != coder.CompressionDisabled) {
				t.Errorf("negotiated: %q", got)
			}
			peerMessages(func(binary bool, data []byte) {
				kind := coder.MessageText
				if binary {
					kind = coder.MessageBinary
				}
				w, err := c.Writer(ctx, kind)
				if err != nil {
					t.Fatal(err)
				}
				for part := range parts(data) {
					if _, err := w.Write(part); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				got, back, err := c.Read(ctx)
				if err != nil || got != kind || !bytes.Equal(back, data) {
					t.Fatalf("%d bytes came back as %d: %v", len(data), len(back), err)
				}
			})
			s.check(t, mode != coder.CompressionDisabled)
			if err := c.Close(coder.StatusNormalClosure, "bye"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDeflate_Gorilla(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			s := newPeerServer(t)
			dialer := websocket.Dialer{EnableCompression: on, WriteBufferSize: 1000} // longer messages come in fragments
			c, resp, err := dialer.Dial("ws://"+s.addr, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); (got == yes) != on {
				t.Errorf("negotiated: %q", got)
			}
			peerMessages(func(binary bool, data []byte) {
				kind := websocket.TextMessage
				if binary {
					kind = websocket.BinaryMessage
				}
				w, err := c.NextWriter(kind)
				if err != nil {
					t.Fatal(err)
				}
				for part := range parts(data) {
					if _, err := w.Write(part); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				got, back, err := c.ReadMessage()
				if err != nil || got != kind || !bytes.Equal(back, data) {
					t.Fatalf("%d bytes came back as %d: %v", len(data), len(back), err)
				}
			})
			s.check(t, on)
		})
	}
}

// parts cuts data in three.
func parts(data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := range 3 {
			if !yield(data[i*len(data)/3 : (i+1)*len(data)/3]) {
				return
			}
		}
	}
}

// check expects most messages to have been compressed, both ways, or none.
func (s *peerServer) check(t *testing.T, on bool) {
	t.Helper()
	in, out := s.in.Load(), s.out.Load()
	if on != (in > 20) || on != (out > 20) || !on && in+out > 0 {
		t.Errorf("%d came compressed and %d went so", in, out)
	}
	if s.torn.Load() == 0 {
		t.Error("no message came in pieces")
	}
}

// The server's frames and a client's are read by servers and clients that know the
// protocol only from its RFCs: here the other way about, Go's servers to our parts.
func TestDeflate_ServersOfOthers(t *testing.T) {
	servers := map[string]http.HandlerFunc{
		"coder": func(w http.ResponseWriter, r *http.Request) {
			c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: coder.CompressionNoContextTakeover, CompressionThreshold: 1})
			if err != nil {
				return
			}
			defer c.CloseNow()
			c.SetReadLimit(1 << 20)
			for {
				kind, data, err := c.Read(r.Context())
				if err != nil || c.Write(r.Context(), kind, data) != nil {
					return
				}
			}
		},
		"gorilla": func(w http.ResponseWriter, r *http.Request) {
			u := websocket.Upgrader{EnableCompression: true}
			c, err := u.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			for {
				kind, data, err := c.ReadMessage()
				if err != nil || c.WriteMessage(kind, data) != nil {
					return
				}
			}
		},
	}
	for name, handler := range servers {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: handler}
			go func() { _ = srv.Serve(l) }()
			defer srv.Close()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			_, _ = io.WriteString(c, request("/", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"))
			head := readHead(t, c)
			if !strings.Contains(head, "permessage-deflate") {
				t.Fatalf("%s", head)
			}
			d, f := NewDeflater(DeflateLevel), &Inflater{Limit: 1 << 20}
			peerMessages(func(binary bool, data []byte) {
				op := OpText
				if binary {
					op = OpBinary
				}
				first, sent := byte(final|op), data
				if frame, ok := d.AppendFrame(nil, op, data); ok {
					first, sent = frame[0], Payload(frame)
				}
				if _, err := io.WriteString(c, frame(first, string(sent))); err != nil {
					t.Fatal(err)
				}
				m := readServer(t, c)
				if err := f.Inflate(&m); err != nil || m.Op != op || !bytes.Equal(m.Payload, data) {
					t.Fatalf("%d bytes came back as %d, op %d: %v", len(data), len(m.Payload), m.Op, err)
				}
			})
		})
	}
}

// readHead reads a header block byte by byte, so that nothing behind it is lost.
func readHead(t *testing.T, c net.Conn) string {
	var head []byte
	for HeaderEnd(head, 0) < 0 {
		var one [1]byte
		if _, err := io.ReadFull(c, one[:]); err != nil {
			t.Fatal(err)
		}
		head = append(head, one[0])
	}
	return string(head)
}

// readServer reads one message of a server, in however many frames.
func readServer(t *testing.T, c net.Conn) (m Message) {
	for {
		head := make([]byte, 2, 10)
		if _, err := io.ReadFull(c, head); err != nil {
			t.Fatal(err)
		}
		more := map[byte]int{126: 2, 127: 8}[head[1]]
		if _, err := io.ReadFull(c, head[2:2+more]); err != nil {
			t.Fatal(err)
		}
		n := int(head[1])
		if more > 0 {
			n = 0
			for _, b := range head[2 : 2+more] {
				n = n<<8 | int(b)
			}
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(c, part); err != nil {
			t.Fatal(err)
		}
		if op := Op(head[0] & 15); op != OpContinuation {
			m.Op, m.Compressed = op, head[0]&rsv1 != 0
		}
		m.Payload = append(m.Payload, part...)
		if head[0]&final != 0 {
			return m
		}
	}
}

// The offers of Autobahn's cases 13.1 to 13.7, and a message each way.
func TestDeflate_Autobahn13(t *testing.T) {
	const no, nine, fifteen = "; server_no_context_takeover", "; server_max_window_bits=9", "; server_max_window_bits=15"
	const offer = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
	for _, c := range []struct{ name, offers, want string }{
		{"13.1", offer, yes},
		{"13.2", offer + no, yes},
		{"13.3", offer + nine, declined},
		{"13.4", offer + fifteen, yes15},
		{"13.5", offer + no + nine, declined},
		{"13.6", offer + no + fifteen, yes15},
		{"13.7", offer + no + nine + ", " + offer + no + ", " + offer, yes},
	} {
		s := newPeerServer(t)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, request("/", "Sec-WebSocket-Extensions: "+c.offers+"\r\n"))
		if head := readHead(t, conn); strings.Contains(head, "Extensions: "+c.want+"\r\n") == (c.want == declined) {
			t.Errorf("%s: %s", c.name, head)
		}
		data := document()
		first, sent := text, string(data)
		if c.want != declined {
			first, sent = ztext, squeeze(string(data))
		}
		_, _ = io.WriteString(conn, frame(first, sent))
		m := readServer(t, conn)
		f := &Inflater{Limit: 1 << 20}
		if err := f.Inflate(&m); err != nil || !bytes.Equal(m.Payload, data) || (s.out.Load() == 1) != (c.want != declined) {
			t.Errorf("%s: %v, %.40q", c.name, err, m.Payload)
		}
		conn.Close()
	}
}
