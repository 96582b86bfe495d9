package protocol

import (
	"fmt"
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

// Why MinDeflate is what it is: the first bytes of a JSON event.
func BenchmarkDeflater_Threshold(b *testing.B) {
	whole := event()
	for _, n := range []int{32, 64, 96, 128, 192, 256, 384, 512} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := NewDeflater(DeflateLevel)
			room := make([]byte, 0, 1<<10)
			frame, ok := d.force(room, whole[:n])
			for b.Loop() {
				d.force(room, whole[:n])
			}
			saved := FrameSize(n) - len(frame)
			if !ok {
				saved = 0
			}
			b.ReportMetric(100*float64(saved)/float64(n), "saved-%")
			b.ReportMetric(100*float64(saved)/float64(FrameSize(n)+onEthernet), "saved-of-wire-%")
		})
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
