package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestHooks_Run_SendsABatchSigned(t *testing.T) {
	b := serve(t, nil)
	h := newHooks(t, Config{URL: b.URL + "/roost?key=1", Secret: "s3cret"})
	tell(h, 0, 3)
	began := time.Now()
	run(t, h)
	p := b.next(t)
	if waited := time.Since(began); waited < batchWait {
		t.Errorf("the batch did not wait for more than %v", waited)
	}
	p.wantSigned(t, "s3cret")
	if p.path != "/roost?key=1" {
		t.Errorf("sent to %s", p.path)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "roost", "Roost-Batch": h.prefix + "-b1",
		"Idempotency-Key": "", "Accept-Encoding": "", "Transfer-Encoding": "", "Content-Length": strconv.Itoa(len(p.body)),
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	events := p.events(t)
	for i, e := range events {
		if e.ID != fmt.Sprintf("%s-%d", h.prefix, i+1) || e.User != strconv.Itoa(i) || e.Event != "join" || e.Ask {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	until(t, "three are delivered", func() bool { return h.Stats().Delivered == 3 })
	if s := h.Stats(); s.QueueLength != 0 || s.QueueBytes != 0 || s.Oldest != 0 || s.Retries != 0 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

func TestHooks_Run_WithoutSecretUnsigned(t *testing.T) {
	b := serve(t, nil)
	h := newHooks(t, Config{URL: b.URL})
	run(t, h)
	tell(h, 0, 1)
	if p := b.next(t); p.header["Roost-Signature"] != nil {
		t.Errorf("signed with %q", p.header["Roost-Signature"])
	}
}

func TestHooks_Event_OnlyThoseAskedFor(t *testing.T) {
	b := serve(t, nil)
	h := newHooks(t, Config{URL: b.URL, Events: []edge.What{edge.WhatLeave}})
	run(t, h)
	tell(h, 0, 5)
	h.Event(&edge.Event{What: 200})
	h.Event(&edge.Event{What: edge.WhatLeave})
	if events := b.next(t).events(t); len(events) != 1 || events[0].ID != h.prefix+"-1" {
		t.Errorf("sent %+v", events)
	}
}

// A backend that fails in every way there is gets all events, in order, each
// under one id.
func TestHooks_Run_InOrderAtLeastOnce(t *testing.T) {
	t.Parallel()
	var under atomic.Int32
	tries := 0
	b := serve(t, func(w http.ResponseWriter, p post) {
		if under.Add(1) != 1 {
			t.Error("two POSTs at once")
		}
		defer under.Add(-1)
		tries++
		switch tries % 7 {
		case 1:
			w.WriteHeader(500)
		case 2:
			panic(http.ErrAbortHandler) // cuts the connection
		case 3:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case 4:
			w.WriteHeader(404)
		case 5:
			w.Header().Set("Content-Length", "100") // and cut
			w.WriteHeader(503)
		case 6:
			w.WriteHeader(202)
			under.Add(-1) // the next may come before the rest of this answer was written
			defer under.Add(1)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2*maxAnswer))
		}
	})
	h := newHooks(t, Config{URL: b.URL, Secret: "s", Batch: 10})
	run(t, h)
	const all = 40
	tell(h, 0, all)
	until(t, "all are delivered", func() bool { return h.Stats().Delivered == all })
	bodies := map[string]string{} // by batch
	place := 0
	for len(b.posts) > 0 {
		p := b.next(t)
		p.wantSigned(t, "s")
		if p.path != "/" {
			t.Errorf("sent to %s", p.path)
		}
		batch := p.header.Get("Roost-Batch")
		if before, again := bodies[batch]; again {
			if before != string(p.body) {
				t.Errorf("batch %s changed:\n%s\n%s", batch, before, p.body)
			}
			continue
		}
		bodies[batch] = string(p.body)
		for _, e := range p.events(t) {
			if e.User != strconv.Itoa(place) || e.ID != fmt.Sprintf("%s-%d", h.prefix, place+1) {
				t.Fatalf("event %+v at place %d", e, place)
			}
			place++
		}
	}
	s := h.Stats()
	if place != all || s.Retries < 5 || failuresOf(s, kindStatus) == 0 || s.Dropped != 0 {
		t.Errorf("%d events came, %+v", place, s)
	}
}

func TestHooks_Run_HangingBackend(t *testing.T) {
	release := make(chan struct{})
	var tries atomic.Int32
	b := serve(t, func(w http.ResponseWriter, p post) {
		if tries.Add(1) == 1 {
			<-release
		}
	})
	defer close(release)
	h := newHooks(t, Config{URL: b.URL, Timeout: 50 * time.Millisecond})
	run(t, h)
	tell(h, 0, 1)
	first, second := b.next(t), b.next(t)
	if first.header.Get("Roost-Batch") != second.header.Get("Roost-Batch") {
		t.Error("the batch has another name when it is tried again")
	}
	until(t, "it is delivered", func() bool { return h.Stats().Delivered == 1 })
	if s := h.Stats(); failuresOf(s, kindTimeout) != 1 || s.Retries != 1 {
		t.Errorf("%+v", s)
	}
}

// What answers but not in HTTP is a failure as any other, and its words, which
// may be what it was sent, are not in the log.
func TestHooks_Run_NotHTTP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // an echo
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	var log record
	h := newHooks(t, Config{URL: "http://" + l.Addr().String() + "/?key=hush", Timeout: 200 * time.Millisecond, Logger: log.logger()})
	stop := run(t, h)
	tell(h, 0, 1)
	until(t, "it was tried twice", func() bool { return failuresOf(h.Stats(), kindConnect) >= 2 })
	if err := stop(); !errors.Is(err, ErrLost) {
		t.Errorf("Run gives %v", err)
	}
	if s := log.String(); strings.Contains(s, "hush") || !strings.Contains(s, "not HTTP") {
		t.Errorf("the log: %s", s)
	}
}

func TestHooks_Run_UntrustedCertificate(t *testing.T) {
	t.Parallel()
	b := newBackend(nil)
	b.StartTLS()
	defer b.Close()
	b.Config.ErrorLog = nil
	h := newHooks(t, Config{URL: b.URL, Timeout: 200 * time.Millisecond})
	run(t, h)
	tell(h, 0, 1)
	until(t, "it failed", func() bool { return failuresOf(h.Stats(), kindConnect) > 0 })

	trusting := newHooks(t, Config{URL: b.URL, TLS: b.Client().Transport.(*http.Transport).TLSClientConfig})
	run(t, trusting)
	tell(trusting, 0, 1)
	b.next(t)
}

// A backend that is started after roost gets what happened before.
func TestHooks_Run_BackendComesUpLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	var log record
	h := newHooks(t, Config{URL: "http://" + at, Logger: log.logger(), Batch: 4})
	tell(h, 0, 10)
	run(t, h)
	until(t, "it was tried", func() bool { return failuresOf(h.Stats(), kindConnect) > 1 })
	if s := h.Stats(); s.QueueLength != 10 || s.Oldest < time.Millisecond || s.Oldest > patience {
		t.Errorf("%+v", s)
	}
	b := newBackend(nil)
	b.Listener.Close()
	if b.Listener, err = net.Listen("tcp", at); err != nil {
		t.Skip("the port was taken by somebody else: ", err)
	}
	b.Start()
	defer b.Close()
	for _, want := range []int{4, 4, 2} {
		if n := len(b.next(t).events(t)); n != want {
			t.Errorf("%d events in a batch, want %d", n, want)
		}
	}
	until(t, "the log knows", func() bool { return strings.Contains(log.String(), "takes events again") })
	if n := strings.Count(log.String(), "takes no events"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
}

func TestHooks_Run_ObeysRetryAfter(t *testing.T) {
	var tries atomic.Int32
	b := serve(t, func(w http.ResponseWriter, p post) {
		if tries.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	h := newHooks(t, Config{URL: b.URL})
	run(t, h)
	tell(h, 0, 1)
	b.next(t)
	began := time.Now()
	b.next(t)
	if waited := time.Since(began); waited < 900*time.Millisecond {
		t.Errorf("tried again after %v", waited)
	}
}

// A batch that is too large is halved until it fits; an event that is too large
// alone is dropped.
func TestHooks_Run_SplitsWhatIsTooLarge(t *testing.T) {
	const most = 2000
	b := serve(t, func(w http.ResponseWriter, p post) {
		if len(p.body) > most {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	var log record
	h := newHooks(t, Config{URL: b.URL, Logger: log.logger()})
	run(t, h)
	for i := range 50 {
		size := 100
		if i%20 == 7 {
			size = 2 * most
		}
		h.Event(&edge.Event{What: edge.WhatPublish, Time: time.Now(), User: strconv.Itoa(i), Data: make([]byte, size), Binary: true})
	}
	until(t, "the queue is empty", func() bool { return h.Stats().QueueLength == 0 })
	if s := h.Stats(); s.Delivered != 47 || s.Dropped != 3 || s.Retries != 0 || s.QueueBytes != 0 {
		t.Errorf("%+v", s)
	}
	next := 0
	for len(b.posts) > 0 {
		p := b.next(t)
		if len(p.body) > most {
			continue
		}
		for _, e := range p.events(t) {
			for next%20 == 7 {
				next++
			}
			if e.User != strconv.Itoa(next) {
				t.Errorf("event of %s in place of %d", e.User, next)
			}
			next++
		}
	}
	if next != 50 {
		t.Errorf("the last is %d", next)
	}
	until(t, "the log knows", func() bool { return strings.Contains(log.String(), "too_large_total") })
}

// A server that stops reading at its limit, as Go's do, is understood all the same.
func TestHooks_Run_RefusedWhileSending(t *testing.T) {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 300<<10)); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	h := newHooks(t, Config{URL: "http://" + l.Addr().String()})
	run(t, h)
	for range 20 {
		h.Event(&edge.Event{What: edge.WhatPublish, Time: time.Now(), Data: bytes.Repeat([]byte("x"), 50<<10)})
	}
	until(t, "all are delivered", func() bool { return h.Stats().Delivered == 20 })
}
