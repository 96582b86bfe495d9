package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A kind says how a POST failed. Its word is the label of the metric.
type kind uint8

const (
	kindTimeout kind = iota // no answer in time
	kindConnect             // no connection, it broke, or what came is not HTTP
	kindStatus              // another status than is right
	kindGarbage             // an answer that cannot be used
	numKinds
)

var kindWords = [numKinds]string{"timeout", "connect", "status", "garbage"}

func (k kind) String() string { return kindWords[k] }

// A failure is why a POST did not do. Its text holds nothing of what was sent.
type failure struct {
	kind   kind
	text   string
	status int           // of kindStatus
	after  time.Duration // that the backend wants to be left alone; 0: it said nothing
}

// An answer is what a backend said.
type answer struct {
	status int
	header http.Header
	body   []byte   // up to maxAnswer bytes and one
	cut    *failure // why the body is not whole; nil: it is
}

// newTransport makes a transport with up to conns connections, of which idle are
// kept. It speaks HTTP/1.1: a connection that hangs holds up one request.
func newTransport(cfg Config, conns, idle int) *http.Transport {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
		TLSHandshakeTimeout:    cfg.Timeout,
		Proxy:                  cfg.Proxy,
		MaxConnsPerHost:        conns,
		MaxIdleConns:           idle,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if cfg.TLS != nil {
		t.TLSClientConfig = cfg.TLS.Clone()
	}
	return t
}

// post sends body, which must not change afterwards, and reads the answer. It
// gives one or a failure. A transport follows no redirect.
func (h *Hooks) post(ctx context.Context, over *http.Transport, body []byte, batch string) (*answer, *failure) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{kind: kindConnect, text: "the URL is malformed"} // New has looked at it
	}
	q.Header["Content-Type"] = []string{"application/json"}
	q.Header["User-Agent"] = []string{"roost"}
	if batch != "" {
		q.Header["Roost-Batch"] = []string{batch}
	}
	if h.cfg.Secret != "" {
		q.Header["Roost-Signature"] = []string{sign(h.cfg.Secret, time.Now().Unix(), body)}
	}
	// Empty, it is not sent and lets net/http send again what met the close of a
	// kept connection (go1.26, Request.isReplayable).
	q.Header["Idempotency-Key"] = []string{}
	r, err := over.RoundTrip(q)
	if err != nil {
		return nil, broken(ctx, err)
	}
	defer r.Body.Close()
	a := &answer{status: r.StatusCode, header: r.Header}
	a.body, err = io.ReadAll(io.LimitReader(r.Body, maxAnswer+1)) // to its end: then the connection is used again
	if err != nil {
		a.cut = broken(ctx, err)
	}
	return a, nil
}

// broken is the failure of a request that ended with err. Most errors of net/http
// quote what came, which may be what was sent: their text is not taken.
func broken(ctx context.Context, err error) *failure {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	f := &failure{kind: kindConnect, text: "the connection broke, or what came is not HTTP"}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return &failure{kind: kindTimeout, text: "no whole answer in time"}
	case errors.As(err, &network):
		f.text = network.Error()
	case errors.As(err, &certificate):
		f.text = certificate.Error()
	}
	return f
}

// sign is the header Roost-Signature of body at the time t, in Unix seconds.
func sign(secret string, t int64, body []byte) string {
	at := strconv.FormatInt(t, 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// wrongStatus is the failure of an answer whose status is not right.
func wrongStatus(a *answer) *failure {
	return &failure{
		kind: kindStatus, text: "status " + strconv.Itoa(a.status),
		status: a.status, after: retryAfter(a.header.Get("Retry-After"), time.Now()),
	}
}

// retryAfter reads a header Retry-After (RFC 9110, 10.2.3): seconds or a date. It is
// at most maxRetryAfter, and 0 for one that is not there or not understood.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
