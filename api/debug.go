package api

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"runtime/debug"
	rpprof "runtime/pprof"
	"strings"
	"sync"
)

// heap gives memory back to the system, one request at a time.
type heap struct{ mu sync.Mutex }

// memory is the answer of /debug/freemem, in bytes.
type memory struct {
	Heap     uint64 `json:"heap_bytes"`     // objects
	InUse    uint64 `json:"in_use_bytes"`   // spans that hold them
	Idle     uint64 `json:"idle_bytes"`     // spans that hold none, and are not released
	Released uint64 `json:"released_bytes"` // given back to the system
	Stacks   uint64 `json:"stack_bytes"`
	Sys      uint64 `json:"sys_bytes"` // taken from the system, with what was released

	Objects    uint64 `json:"objects"`
	Goroutines int    `json:"goroutines"`
}

// free collects garbage and gives back what is free.
func (h *heap) free(w http.ResponseWriter, q *http.Request) {
	if _, f := parameters(q); f != nil {
		fail(w, f)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	sendValue(w, memory{
		Heap: m.HeapAlloc, InUse: m.HeapInuse, Idle: m.HeapIdle - m.HeapReleased, Released: m.HeapReleased,
		Stacks: m.StackInuse, Sys: m.Sys, Objects: m.HeapObjects, Goroutines: runtime.NumGoroutine(),
	})
}

// profile serves what net/http/pprof does, but for the command line, in which a
// secret may stand.
func profile(w http.ResponseWriter, q *http.Request) {
	name := strings.TrimPrefix(q.URL.Path, "/debug/pprof/")
	h := pprof.Index
	switch name {
	case "profile":
		h = pprof.Profile
	case "trace":
		h = pprof.Trace
	case "":
	default:
		if rpprof.Lookup(name) == nil {
			fail(w, &failure{status: http.StatusNotFound, message: fmt.Sprintf("there is no profile %q: /debug/pprof/ lists all", shorten(name))})
			return
		}
	}
	inJSON(h)(w, q)
}

// symbol answers go tool pprof, by GET and by POST.
func symbol(w http.ResponseWriter, q *http.Request) { inJSON(pprof.Symbol)(w, q) }

// inJSON lets a handler that is not ours fail as ours do.
func inJSON(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		t := &translator{ResponseWriter: w}
		h(t, q)
		if t.status == 0 {
			return
		}
		f := &failure{status: t.status, message: strings.TrimSpace(string(t.words))}
		if t.status == http.StatusServiceUnavailable {
			f.retry = retryOverload
		}
		header := w.Header()
		for _, name := range []string{"Content-Encoding", "Content-Disposition", "Content-Length"} {
			header.Del(name)
		}
		fail(w, f)
	}
}

// A translator keeps what a handler says where it fails.
type translator struct {
	http.ResponseWriter
	status int // 0: it does not fail
	words  []byte
}

const maxWords = 500

func (t *translator) WriteHeader(status int) {
	if status < 400 {
		t.ResponseWriter.WriteHeader(status)
		return
	}
	t.status = status
}

// Write writes b, or keeps a copy of some of it.
func (t *translator) Write(b []byte) (int, error) {
	if t.status == 0 {
		return t.ResponseWriter.Write(b)
	}
	t.words = append(t.words, b[:min(len(b), maxWords-len(t.words))]...)
	return len(b), nil
}

// Unwrap lets http.ResponseController reach the connection.
func (t *translator) Unwrap() http.ResponseWriter { return t.ResponseWriter }
