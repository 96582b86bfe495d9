package edge

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/roostws/roost/protocol"
)

// deflating connects a client that negotiates permessage-deflate.
func (f *fixture) deflating(path string) *websocket.Conn {
	f.t.Helper()
	d := websocket.Dialer{EnableCompression: true}
	c, resp, err := d.Dial("ws://"+f.addr+path, nil)
	if err != nil {
		f.t.Fatalf("dial %s: %v", path, err)
	}
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); (got != "") != f.cfg.Deflate {
		f.t.Fatalf("extensions %q", got)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

func hear(t testing.TB, c *websocket.Conn, want string) {
	t.Helper()
	_, b, err := c.ReadMessage()
	if err != nil || string(b) != want {
		t.Fatalf("got %.100q, %v; want %.100q", b, err, want)
	}
}

func speak(t testing.TB, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Clients with compression and without are in one room, and each gets its own.
func TestServer_Deflate_Rooms(t *testing.T) {
	f := serve(t, Config{Deflate: true, Echo: true, Loops: 2}, nil)
	long := strings.Repeat("all work and no play ", 100)
	echo := f.deflating("/echo")
	for _, text := range []string{"", "short", long} {
		speak(t, echo, text)
		hear(t, echo, text)
	}
	raw, packed, plain := f.deflating("/rooms/r?echo=1"), f.deflating("/ws"), f.native()
	hear(t, packed, fmt.Sprintf(`{"type":"welcome","conn":%q,"heartbeat":25000}`, f.names(t, "native", true)))
	speak(t, packed, `{"type":"join","id":1,"room":"r"}`)
	if _, b, err := packed.ReadMessage(); err != nil || !bytes.Contains(b, []byte(`"joined"`)) {
		t.Fatalf("%s, %v", b, err)
	}
	plain.join("r")
	before := f.Stats().BytesSent
	f.publish("r", long)
	hear(t, raw, long)
	hear(t, packed, `{"type":"message","room":"r","offset":1,"data":"`+long+`"}`)
	plain.hears(`{"type":"message","room":"r","offset":1,"data":"` + long + `"}`)
	if sent := f.Stats().BytesSent - before; sent > uint64(len(long))*3/2 {
		t.Errorf("%d bytes were sent for %d, two of three times compressed", sent, len(long))
	}
	speak(t, raw, long)
	hear(t, raw, long)
	if m := plain.nextOf("message"); m["data"] != long {
		t.Errorf("got %v", m)
	}
	if _, b, err := packed.ReadMessage(); err != nil || !bytes.Contains(b, []byte(long)) {
		t.Fatalf("%s, %v", b, err)
	}
	// What was published before comes with the answer to a join.
	again := f.deflating("/ws")
	_, _, _ = again.ReadMessage()
	at, _ := f.Room("r")
	speak(t, again, fmt.Sprintf(`{"type":"join","id":1,"room":"r","since":{"epoch":%q,"offset":0}}`, at.Epoch))
	if _, b, err := again.ReadMessage(); err != nil || bytes.Count(b, []byte(long)) != 2 {
		t.Fatalf("%.200s, %v", b, err)
	}
	id, _ := f.ParseConn(f.names(t, "raw", true))
	if err := f.Send(id, Message{Data: []byte(long)}); err != nil {
		t.Fatal(err)
	}
	hear(t, raw, long)
}

// names gives the name of the only connection of a kind that deflates, or not.
func (f *fixture) names(t testing.TB, kind string, deflated bool) string {
	t.Helper()
	list, _, err := f.Connections(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Kind == kind && c.Deflate == deflated {
			return f.ConnName(c.ID)
		}
	}
	t.Fatalf("no %s connection: %+v", kind, list)
	return ""
}

func TestServer_Deflate_OffByDefault(t *testing.T) {
	f := serve(t, Config{Echo: true}, nil)
	c := f.deflating("/echo")
	speak(t, c, "hello")
	hear(t, c, "hello")
	raw := f.upgrade("/echo", "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	raw.send("\xc1\x81\x00\x00\x00\x00x") // RSV1
	if code, _ := raw.closing(); code != 1002 {
		t.Errorf("closed with %d", code)
	}
}

// compressed is a client's compressed text message of a payload, or of what is not
// even that.
func compressed(t testing.TB, payload []byte, broken bool) string {
	t.Helper()
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write(payload)
	_ = w.Flush()
	data := bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
	if broken {
		data = []byte{0xff, 0xff, 0xff, 0xff}
	}
	frame := protocol.AppendMaskedFrame(nil, protocol.OpText, data, [4]byte{1, 2, 3, 4})
	frame[0] |= 0x40
	return string(frame)
}

// A bomb ends at the limit, whatever it would become; and what is no data ends, too.
func TestServer_Deflate_Hostile(t *testing.T) {
	f := serve(t, Config{Deflate: true, Echo: true, MaxMessage: 64 << 10}, nil)
	offer := "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	for name, c := range map[string]struct {
		bytes string
		code  int
	}{
		"a bomb":         {compressed(t, make([]byte, 16<<20), false), 1009},
		"no data":        {compressed(t, nil, true), 1002},
		"not UTF-8":      {compressed(t, []byte("\xff\xfe"), false), 1007},
		"a control":      {"\xc9\x80\x01\x02\x03\x04", 1002},
		"a continuation": {"\x01\x81\x00\x00\x00\x00x\xc0\x81\x00\x00\x00\x00x", 1002},
	} {
		raw := f.upgrade("/echo", offer)
		raw.send(c.bytes)
		code, text := raw.closing()
		if code != c.code && !(name == "no data" && code == 1007) {
			t.Errorf("%s: closed with %d %s, expected %d", name, code, text, c.code)
		}
	}
	c := f.deflating("/echo")
	speak(t, c, "still here")
	hear(t, c, "still here")
}
