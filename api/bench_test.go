package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
