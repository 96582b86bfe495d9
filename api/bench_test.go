package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

// A sink is an Edge that takes everything at no cost, so that what is measured
// is the API's own.
type sink struct {
	recorder
	offset uint64
}

func (s *sink) Publish(string, edge.Message) (edge.Position, error) {
	s.offset++
	return edge.Position{Offset: s.offset, Epoch: "0123456789abcdef"}, nil
}

// A blank is a ResponseWriter that keeps nothing.
type blank struct{ h http.Header }

func (b *blank) Header() http.Header         { return b.h }
func (b *blank) WriteHeader(int)             {}
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }

// A replay is a body that is read again and again.
type replay struct{ bytes.Reader }

func (*replay) Close() error { return nil }

// handlerRun gives a function that lets h answer the same request once more.
func handlerRun(tb testing.TB, cfg Config, path, body string) func() {
	h, err := New(cfg, &sink{})
	if err != nil {
		tb.Fatal(err)
	}
	from, content := &replay{}, []byte(body)
	q := httptest.NewRequest("POST", path, nil)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+cfg.Secret)
	q.ContentLength, q.Body = int64(len(body)), from
	w := &blank{h: http.Header{}}
	return func() {
		clear(w.h)
		from.Reset(content)
		h.ServeHTTP(w, q)
	}
}

func BenchmarkHandler_Publish(b *testing.B) {
	for _, size := range []int{128, 4096, 65536} {
		for _, secret := range []string{"", "s3cret"} {
			b.Run(fmt.Sprintf("%d/secret=%v", size, secret != ""), func(b *testing.B) {
				run := handlerRun(b, Config{Secret: secret}, "/v1/rooms/ticker.NORD/publish", strings.Repeat("x", size))
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

func BenchmarkHandler_Batch(b *testing.B) {
	for _, n := range []int{5, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			body := "[" + strings.Repeat(`{"room":"ticker.NORD","data":{"symbol":"NORD","price":248.53,"time":1767225600123,"number":17}},`, n-1) + `{"room":"r","data":"x"}]`
			run := handlerRun(b, Config{}, "/v1/publish", body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}

// BenchmarkHTTP_Publish is the whole way over a connection that is kept.
func BenchmarkHTTP_Publish(b *testing.B) {
	s := serve(b, Config{}, &sink{})
	body := strings.Repeat("x", 128)
	client := s.Client()
	b.ReportAllocs()
	for b.Loop() {
		r, err := client.Post(s.URL+"/v1/rooms/ticker.NORD/publish", "text/plain", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
}

// quotes is a batch of n quotes, as a feed publishes them, the last one text.
func quotes(n int) string {
	return "[" + strings.Repeat(`{"room":"ticker.NORD","data":{"symbol":"NORD","price":248.53,"open":248.5,"change":0.11,"percent":0.04,"time":1767225600123,"number":17}},`, n-1) + `{"room":"r","data":"x\n"}]`
}

func BenchmarkEntryReader(b *testing.B) {
	in := []byte(quotes(100))
	body := make([]byte, len(in))
	var entries []entry
	var r entryReader
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		copy(body, in)
		var f *failure
		if entries, f = r.read(body, entries[:0]); f != nil {
			b.Fatal(f.message)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/entry")
}

// BenchmarkServer_Batch is the whole way of batches of 100 from one client to a
// server with a room that nobody is in. CPU is that of both ends.
func BenchmarkServer_Batch(b *testing.B) {
	_, s, _ := start(b, edge.Config{}, Config{})
	body := quotes(100)
	client := s.Client()
	before := cpu(b)
	for b.Loop() {
		r, err := client.Post(s.URL+"/v1/publish", "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	messages := 100 * float64(b.N)
	b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/messages, "cpu-ns/message")
}

// cpu is the user and system time of the process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
