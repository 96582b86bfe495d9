package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

func request(body io.Reader, declared int64) *http.Request {
	q := httptest.NewRequest("POST", "/", body)
	q.ContentLength = declared
	return q
}

// oneByte reads one byte at a time.
type oneByte struct{ io.Reader }

func (r oneByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(1, len(b))]) }

func TestBodies_Read_EverySize(t *testing.T) {
	s := &bodies{limit: 1 << 20}
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	for _, n := range []int{0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 40000, 65535, 65536} {
		for _, declared := range []int64{-1, int64(n)} {
			for _, slow := range []bool{false, true} {
				var from io.Reader = bytes.NewReader(content[:n])
				if slow {
					from = oneByte{from}
				}
				b, f := s.read(request(from, declared), 65536)
				if f != nil {
					t.Fatalf("%d bytes: %v", n, f.message)
				}
				if !bytes.Equal(b.bytes, content[:n]) {
					t.Errorf("%d bytes, declared %d: %d bytes came", n, declared, len(b.bytes))
				}
				if got := s.used.Load(); got < int64(cap(b.bytes)) {
					t.Errorf("%d bytes count for %d, the buffer has %d", n, got, cap(b.bytes))
				}
				b.release()
				if got := s.used.Load(); got != 0 {
					t.Fatalf("%d bytes stay counted", got)
				}
			}
		}
	}
}

// A length that is only declared takes no memory.
func TestBodies_Read_DeclaredLengthIsNotBelieved(t *testing.T) {
	s := &bodies{limit: 1 << 30}
	from, to := io.Pipe()
	done := make(chan *failure)
	go func() {
		b, f := s.read(request(from, 16<<20), 16<<20)
		if f == nil {
			b.release()
		}
		done <- f
	}()
	if _, err := to.Write([]byte("x")); err != nil { // returns once it was read
		t.Fatal(err)
	}
	if got := s.used.Load(); got > 64<<10 {
		t.Errorf("one byte of 16 MiB takes %d bytes", got)
	}
	to.CloseWithError(io.ErrUnexpectedEOF)
	if f := <-done; f == nil || f.status != 400 {
		t.Errorf("cut short: %+v", f)
	}
	if got := s.used.Load(); got != 0 {
		t.Errorf("%d bytes stay counted", got)
	}
}

func TestBodies_Read_BoundOfAll(t *testing.T) {
	s := &bodies{limit: 100_000}
	b, f := s.read(request(strings.NewReader(strings.Repeat("x", 60_000)), 60_000), 1<<20)
	if f != nil {
		t.Fatal(f.message)
	}
	_, f = s.read(request(strings.NewReader(strings.Repeat("x", 60_000)), 60_000), 1<<20)
	if f == nil || f.status != 503 || f.retry == 0 {
		t.Errorf("past the bound: %+v", f)
	}
	b.release()
	b, f = s.read(request(strings.NewReader(strings.Repeat("x", 60_000)), 60_000), 1<<20)
	if f != nil {
		t.Fatalf("below the bound again: %s", f.message)
	}
	b.release()
	if got := s.used.Load(); got != 0 {
		t.Errorf("%d bytes stay counted", got)
	}
}

func TestBodies_Read_TimedOut(t *testing.T) {
	s := &bodies{limit: 1 << 20}
	_, f := s.read(request(io.MultiReader(strings.NewReader("x"), failing{os.ErrDeadlineExceeded}), 10), 1<<20)
	if f == nil || f.status != http.StatusRequestTimeout {
		t.Errorf("%+v, want 408", f)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBodies_Read_Concurrently(t *testing.T) {
	s := &bodies{limit: 1 << 30}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := bytes.Repeat([]byte{byte('a' + i)}, 1000*(i+1))
			for range 200 {
				b, f := s.read(request(bytes.NewReader(want), -1), 1<<20)
				if f != nil || !bytes.Equal(b.bytes, want) {
					t.Errorf("wrong bytes, or %+v", f)
					return
				}
				b.release()
			}
		})
	}
	wg.Wait()
	if got := s.used.Load(); got != 0 {
		t.Errorf("%d bytes stay counted", got)
	}
}
