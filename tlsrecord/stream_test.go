package tlsrecord

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"testing"
	"unsafe"
)

func TestSession_Size(t *testing.T) {
	if n := unsafe.Sizeof(Session{}); n != 120 {
		t.Errorf("a Session has %d bytes, not the 120 that docs and comments say", n)
	}
}

func TestSession_EachCipher(t *testing.T) {
	for name, here := range sessions(t) {
		there := here.reversed()
		var k, other Keys
		for _, n := range []int{0, 1, 125, MaxPlain, MaxPlain + 1, 3*MaxPlain + 7} {
			want := bytes.Repeat([]byte{byte(n)}, n)
			sealed, err := here.Append(&k, nil, want)
			if err != nil {
				t.Fatal(err)
			}
			if over, most := len(sealed)-n, (n+MaxPlain-1)/MaxPlain*MaxOverhead; over > most {
				t.Errorf("%s: %d bytes become %d more: %d at most would be right", name, n, over, most)
			}
			got, rest, closed, err := there.Read(&other, sealed)
			if err != nil || closed || len(rest) > 0 || !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes of %d, %d left, %v, %v", name, len(got), n, len(rest), closed, err)
			}
		}
	}
}

// However records are cut, they hold the same.
func TestSession_Read_InPieces(t *testing.T) {
	for name, here := range sessions(t) {
		there := here.reversed()
		var k, other Keys
		var sealed, want []byte
		for i := range 5 {
			part := bytes.Repeat([]byte{'a' + byte(i)}, 10*i+1)
			want = append(want, part...)
			sealed, _ = here.Append(&k, sealed, part)
		}
		for size := range 40 {
			reader := there
			other.Forget()
			var got, kept []byte
			for at := 0; at < len(sealed); at += size + 1 {
				b := append(bytes.Clone(kept), sealed[at:min(at+size+1, len(sealed))]...)
				data, rest, _, err := reader.Read(&other, b)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got, kept = append(got, data...), bytes.Clone(rest)
			}
			if !bytes.Equal(got, want) || len(kept) > 0 {
				t.Errorf("%s, %d bytes at a time: %q", name, size+1, got)
			}
		}
	}
}

// Whatever is changed, left out, repeated, or comes in another order, is noticed.
func TestSession_Read_Forged(t *testing.T) {
	for name, here := range sessions(t) {
		var k Keys
		start := here
		first, _ := here.Append(&k, nil, []byte("first"))
		second, _ := here.Append(&k, nil, []byte("second"))
		read := func(b []byte) (string, error) {
			there, other := start.reversed(), Keys{}
			data, _, _, err := there.Read(&other, bytes.Clone(b))
			return string(data), err
		}
		if got, err := read(append(bytes.Clone(first), second...)); got != "firstsecond" || err != nil {
			t.Fatal(name, got, err)
		}
		for what, b := range map[string][]byte{
			"repeated": append(bytes.Clone(first), first...), "left out": second, "turned round": append(bytes.Clone(second), first...),
		} {
			if got, err := read(b); !errors.Is(err, alertBadRecordMAC) || got == "firstfirst" || got == "second" {
				t.Errorf("%s, %s: %q, %v", name, what, got, err)
			}
		}
		for bit := range 8 * len(first) {
			b := bytes.Clone(first)
			b[bit/8] ^= 1 << (bit % 8)
			got, err := read(b)
			switch {
			case got != "":
				t.Errorf("%s: with bit %d changed: %q", name, bit, got)
			case err == nil && bit/8 != 3 && bit/8 != 4: // the length, with which it is not whole
				t.Errorf("%s: bit %d is changed, and nobody notices", name, bit)
			}
		}
	}
}

// What a peer may not send, though it has the keys.
func TestSession_Read_Refuses(t *testing.T) {
	update := []byte{messageKeyUpdate, 0, 0, 1, 0}
	for _, r := range []struct {
		name   string
		old    bool
		kind   byte
		plain  []byte
		want   error
		closed bool
	}{
		{"a change of cipher", false, typeChange, []byte{1}, alertUnexpectedMessage, false},
		{"an unknown type", false, 99, []byte{1}, alertUnexpectedMessage, false},
		{"nothing but padding", false, 0, make([]byte, 10), alertUnexpectedMessage, false},
		{"a hello", false, typeHandshake, []byte{1, 0, 0, 1, 0}, alertUnexpectedMessage, false},
		{"a half of a key update", false, typeHandshake, update[:3], alertUnexpectedMessage, false},
		{"two key updates in one", false, typeHandshake, append(update, update...), alertUnexpectedMessage, false},
		{"a key update of another kind", false, typeHandshake, []byte{messageKeyUpdate, 0, 0, 1, 2}, alertIllegalParameter, false},
		{"a key update of two bytes", false, typeHandshake, []byte{messageKeyUpdate, 0, 0, 2, 0, 0}, alertDecodeError, false},
		{"an alert of one byte", false, typeAlert, []byte{1}, alertDecodeError, false},
		{"a warning", false, typeAlert, []byte{1, 90}, nil, false},
		{"a goodbye", false, typeAlert, []byte{1, 0}, nil, true},
		{"an error", false, typeAlert, []byte{2, 40}, ErrAlerted, false},
		{"a hello", true, typeHandshake, []byte{1, 0, 0, 1, 0}, alertNoRenegotiation, false},
		{"a change of cipher", true, typeChange, []byte{1}, alertUnexpectedMessage, false},
		{"a warning", true, typeAlert, []byte{1, 100}, nil, false},
		{"a goodbye", true, typeAlert, []byte{1, 0}, nil, true},
		{"an error", true, typeAlert, []byte{2, 40}, ErrAlerted, false},
	} {
		id := tls.TLS_AES_128_GCM_SHA256
		if r.old {
			id = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
		}
		here := sessions(t)[tls.CipherSuiteName(id)]
		there, k, other := here.reversed(), Keys{}, Keys{}
		b, _ := here.seal(&k, nil, r.kind, r.plain)
		data, _, closed, err := there.Read(&other, b)
		if err != r.want || closed != r.closed || len(data) > 0 {
			t.Errorf("%s, old: %v: %q, %v, %v; %v, %v would be right", r.name, r.old, data, closed, err, r.closed, r.want)
		}
	}
}

func TestSession_Read_TooLong(t *testing.T) {
	for name, here := range sessions(t) {
		there, k, other := here.reversed(), Keys{}, Keys{}
		b, _ := here.seal(&k, nil, typeData, make([]byte, MaxPlain+1))
		if data, _, _, err := there.Read(&other, b); err != alertRecordOverflow || len(data) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		// The header is enough to know.
		b = binary.BigEndian.AppendUint16([]byte{typeData, 3, 3}, MaxRecord-headerLen+1)
		if _, _, _, err := there.Read(&other, b); err != alertRecordOverflow {
			t.Errorf("%s: a record of %d bytes: %v", name, MaxRecord+1, err)
		}
	}
}

func TestSession_Read_EmptyRecordsAreBounded(t *testing.T) {
	for name, here := range sessions(t) {
		there, k, other := here.reversed(), Keys{}, Keys{}
		send := func(data string) error {
			b, _ := here.seal(&k, nil, typeData, []byte(data))
			_, _, _, err := there.Read(&other, b)
			return err
		}
		for range 3 {
			for i := range maxEmpty {
				if err := send(""); err != nil {
					t.Fatalf("%s: record %d without data: %v", name, i+1, err)
				}
			}
			if err := send("data"); err != nil {
				t.Fatal(name, err)
			}
		}
		for range maxEmpty {
			_ = send("")
		}
		if err := send(""); err != alertUnexpectedMessage {
			t.Errorf("%s: one record more without data: %v", name, err)
		}
	}
}

// A peer's keys are followed; where it asks for ours they change too, once, with the
// next data.
func TestSession_KeyUpdate(t *testing.T) {
	for name, here := range sessions(t) {
		if here.old {
			continue
		}
		there, k, other := here.reversed(), Keys{}, Keys{}
		update := func(asks byte) []byte {
			b, err := here.seal(&k, nil, typeHandshake, []byte{messageKeyUpdate, 0, 0, 1, asks})
			if err != nil {
				t.Fatal(err)
			}
			k.ways[out] = way{}
			if err := here.update(out); err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := append(update(0), update(1)...)
		b = append(b, update(1)...)
		b, _ = here.Append(&k, b, []byte("hello"))
		if data, _, _, err := there.Read(&other, b); string(data) != "hello" || err != nil {
			t.Fatalf("%s: %q, %v", name, data, err)
		}
		before := there.secrets[out]
		back, _ := there.Append(&other, nil, []byte("hello"))
		if there.secrets[out] == before || there.seq[out] != 1 {
			t.Errorf("%s: its own keys did not change", name)
		}
		if data, _, _, err := here.Read(&k, back); string(data) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		if again, _ := there.Append(&other, nil, []byte("hello")); there.seq[out] != 2 || len(again) >= len(back) {
			t.Errorf("%s: they changed once more", name)
		}
		if here.owes {
			t.Errorf("%s: who asked is asked in return", name)
		}
	}
}

func TestSession_Append_ChangesWornKeys(t *testing.T) {
	for name, here := range sessions(t) {
		here.seq[out] = maxSealed - 2
		there, k, other := here.reversed(), Keys{}, Keys{}
		before := here.secrets[out]
		for i := range 4 {
			b, _ := here.Append(&k, nil, []byte("text"))
			if data, _, _, err := there.Read(&other, b); string(data) != "text" || err != nil {
				t.Fatalf("%s, record %d: %q, %v", name, i, data, err)
			}
			if changed := here.secrets[out] != before; changed != (!here.old && i >= 2) {
				t.Errorf("%s: at record %d the keys are changed: %v", name, i, changed)
			}
		}
	}
}

func TestSession_Allocs(t *testing.T) {
	for name, here := range sessions(t) {
		there, k, other := here.reversed(), Keys{}, Keys{}
		text, sealed := make([]byte, 200), make([]byte, 0, 300)
		if n := testing.AllocsPerRun(100, func() {
			sealed, _ = here.Append(&k, sealed[:0], text)
			if data, _, _, err := there.Read(&other, sealed); len(data) != len(text) || err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: a record takes %v allocations", name, n)
		}
	}
}

// Whatever comes, and however it is cut, nothing is taken for data that the peer did not
// seal, and what was sealed comes before the first fault.
func FuzzSession_Read(f *testing.F) {
	all := sessions(f)
	names := []string{"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}
	f.Add(uint8(0), []byte("text"), []byte{23, 3, 3, 0, 17, 1}, uint16(9))
	f.Add(uint8(1), []byte{}, []byte{21, 3, 3, 0, 2, 1, 0}, uint16(0))
	f.Add(uint8(2), []byte("text"), []byte{23, 3, 3, 0xff, 0xff}, uint16(3))
	f.Add(uint8(3), []byte("text"), []byte{22, 3, 3, 0, 5, 24, 0, 0, 1, 1}, uint16(40))
	f.Fuzz(func(t *testing.T, which uint8, text, junk []byte, cut uint16) {
		here := all[names[int(which)%len(names)]]
		there, k, other := here.reversed(), Keys{}, Keys{}
		b, err := here.Append(&k, nil, text)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, junk...)
		at := int(cut) % (len(b) + 1)
		got, rest, closed, err := there.Read(&other, bytes.Clone(b[:at]))
		got = bytes.Clone(got)
		if err == nil && !closed {
			var more []byte
			more, rest, closed, err = there.Read(&other, append(bytes.Clone(rest), b[at:]...))
			got = append(got, more...)
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%q, not %q", got, text)
		}
		if closed {
			t.Error("junk says goodbye")
		}
		if err == nil && len(rest) >= MaxRecord {
			t.Errorf("%d bytes are kept", len(rest))
		}
	})
}

func BenchmarkSession_Append(b *testing.B) {
	for name, here := range sessions(b) {
		b.Run(name, func(b *testing.B) {
			var k Keys
			text, sealed := make([]byte, 128), make([]byte, 0, 300)
			for b.Loop() {
				sealed, _ = here.Append(&k, sealed[:0], text)
			}
		})
	}
}

// What it costs to have forgotten the ciphers.
func BenchmarkSession_AppendFirst(b *testing.B) {
	for name, here := range sessions(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			text, sealed := make([]byte, 128), make([]byte, 0, 300)
			for b.Loop() {
				var k Keys
				sealed, _ = here.Append(&k, sealed[:0], text)
			}
		})
	}
}

func TestHello_AnyCut(t *testing.T) {
	message := append([]byte{1, 0, 1, 44}, make([]byte, 300)...)
	record := func(b []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{typeHandshake, 3, 1}, uint16(len(b))), b...)
	}
	for _, size := range []int{19, 50, 100, 303, 304} {
		var b []byte
		for at := 0; at < len(message); at += size {
			b = append(b, record(message[at:min(at+size, len(message))])...)
		}
		if size == 19 { // the first byte of the message comes alone
			b = append(record(message[:1]), record(message[1:])...)
		}
		for n := range len(b) {
			if whole, err := Hello(b[:n]); whole || err != nil {
				t.Fatalf("records of %d bytes, %d of %d bytes: %v, %v", size, n, len(b), whole, err)
			}
		}
		if whole, err := Hello(b); !whole || err != nil {
			t.Errorf("records of %d bytes: %v, %v", size, whole, err)
		}
		if whole, err := Hello(append(b, "more"...)); !whole || err != nil {
			t.Errorf("records of %d bytes and more: %v, %v", size, whole, err)
		}
	}
	for name, b := range map[string][]byte{
		"plain HTTP":        []byte("GET / HTTP/1.1\r\n"),
		"SSL 2":             {0x80, 0x2e, 1, 0, 2},
		"an alert":          {21, 3, 3, 0, 2, 2, 40},
		"an empty record":   {22, 3, 1, 0, 0},
		"a record too long": {22, 3, 1, 0x40, 1},
		"another message":   record([]byte{2, 0, 0, 1, 0}),
		"many records":      bytes.Repeat(record([]byte{1})[:6], maxHelloRecords+1),
		"a hello too long":  record([]byte{1, 0, 0x40, 0}),
	} {
		if whole, err := Hello(b); whole || err == nil {
			t.Errorf("%s: %v, %v", name, whole, err)
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0})
	f.Add([]byte{22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 3, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		// What is decided of a part is not decided otherwise of more.
		decided := false
		var first bool
		for n := range len(b) + 1 {
			whole, err := Hello(b[:n])
			if decided && (!whole && err == nil || whole != first) {
				t.Fatalf("%d bytes: %v, %v, and it was decided before", n, whole, err)
			}
			if whole || err != nil {
				decided, first = true, whole
			}
			if !decided && n > maxHello+maxHelloRecords*headerLen {
				t.Fatalf("undecided after %d bytes", n)
			}
		}
	})
}
