package protocol

import (
	"fmt"
	"strings"
	"testing"
)

// onEthernet is what a frame takes on an Ethernet beside its payload, with TCP's options:
// what is saved of a payload is to be seen beside it.
const onEthernet = 14 + 20 + 32

// What docs/deflate.md says. Saved is the part of the payload that is not sent.
func BenchmarkDeflater_AppendFrame(b *testing.B) {
	for _, level := range []int{1, DeflateLevel, 9} {
		for _, p := range payloads() {
			b.Run(fmt.Sprintf("level=%d/%s", level, p.name), func(b *testing.B) {
				d := NewDeflater(level)
				room := make([]byte, 0, 1<<17)
				frame, ok := d.force(room, p.data)
				for b.Loop() {
					d.force(room, p.data)
				}
				sent := len(p.data)
				if ok {
					sent = len(Payload(frame))
				}
				b.ReportMetric(float64(len(p.data)), "payload-B")
				b.ReportMetric(float64(sent), "sent-B")
				b.ReportMetric(100-100*float64(sent)/float64(len(p.data)), "saved-%")
			})
		}
	}
}

// force is AppendFrame for payloads of any size.
func (d *Deflater) force(dst, payload []byte) ([]byte, bool) {
	return d.appendFrame(dst, OpText, payload)
}

// Why MinDeflate is what it is: the first bytes of each kind of JSON.
func BenchmarkDeflater_Threshold(b *testing.B) {
	for _, n := range []int{64, 96, 128, 160, 192, 224, 256, 320} {
		for _, p := range payloads()[1:5] {
			b.Run(fmt.Sprintf("%d/%s", n, p.name), func(b *testing.B) {
				d := NewDeflater(DeflateLevel)
				room := make([]byte, 0, 1<<10)
				frame, ok := d.force(room, p.data[:n])
				for b.Loop() {
					d.force(room, p.data[:n])
				}
				saved := 0
				if ok {
					saved = FrameSize(n) - len(frame)
				}
				b.ReportMetric(100*float64(saved)/float64(n), "saved-%")
				b.ReportMetric(100*float64(saved)/float64(FrameSize(n)+onEthernet), "saved-of-wire-%")
			})
		}
	}
}

func BenchmarkInflater_Inflate(b *testing.B) {
	for _, p := range payloads() {
		b.Run(p.name, func(b *testing.B) {
			frame, ok := NewDeflater(DeflateLevel).force(nil, p.data)
			if !ok {
				b.Skip("it is sent plain")
			}
			f := &Inflater{Limit: 1 << 20}
			b.SetBytes(int64(len(p.data)))
			b.ReportAllocs()
			for b.Loop() {
				m := Message{Op: OpText, Compressed: true, Payload: Payload(frame)}
				if err := f.Inflate(&m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What costs most of a message of 64 KiB: becoming that out of almost nothing, and
// blocks that are tables alone.
func BenchmarkInflater_Worst(b *testing.B) {
	for name, data := range map[string]string{
		"zeros":       squeeze(strings.Repeat("\x00", 64<<10)),
		"last-blocks": strings.Repeat("\x03\x00", 32<<10) + "\x00",
		"tables":      tables(64 << 10),
	} {
		b.Run(name, func(b *testing.B) {
			f := &Inflater{Limit: 64 << 10}
			in := []byte(data)
			b.ReportMetric(float64(len(in)), "came-B")
			for b.Loop() {
				m := Message{Op: OpText, Compressed: true, Payload: in}
				if err := f.Inflate(&m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// tables makes n bytes or less of the shortest blocks with tables of their own
// (RFC 1951, 3.2.7), which become nothing.
func tables(n int) string {
	var out []byte
	bits := 0
	put := func(v, count int) { // least bit first
		for range count {
			if bits%8 == 0 {
				out = append(out, 0)
			}
			out[len(out)-1] |= byte(v&1) << (bits % 8)
			v, bits = v>>1, bits+1
		}
	}
	for len(out) < n-32 {
		put(0b100, 3) // not the last; tables
		put(0, 5+5)   // 257 literals, 1 distance
		put(14, 4)    // 18 lengths of the lengths' codes, in their order:
		for _, length := range []int{0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2} {
			put(length, 3) // 17: 11, 18: 0, 1: 10
		}
		put(0, 1) // 18: 138 zeros
		put(127, 7)
		put(0, 1) // 18: 118
		put(107, 7)
		put(0b01, 2) // 1: the end's
		put(0b01, 2) // 1: the distance's
		put(0, 1)    // the end
	}
	put(0, 3) // the stored block that senders cut off
	return string(out)
}
