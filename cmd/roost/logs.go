package main

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/roostws/roost/auth"
)

// redacted stands in a log where a secret or a token would.
const redacted = "REDACTED"

// newLogger makes the logger of serve. Nobody logs a secret on purpose; what
// comes in by way of a URL, a header or another library's error is taken out
// here, last of all: r knows the secrets that are no flag's, and those that come later.
func newLogger(w io.Writer, c *Config, r *redactor) *slog.Logger {
	r.hide(c.JWTSecret, c.AdminSecret)
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.LogLevel)) // the word was checked
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: r.attr}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// minRedacted is the length of the shortest secret that is looked for in logs:
// a shorter one would turn up in other words.
const minRedacted = 6

// maxRedacted bounds the secrets that are looked for, after many reloads: the oldest
// are forgotten.
const maxRedacted = 256

// A redactor takes secrets and tokens out of what is logged.
type redactor struct {
	mu      sync.Mutex               // guards hide
	secrets atomic.Pointer[[]string] // what is hidden; nil: nothing
}

// hide adds secrets. Those of before stay hidden: they may still be in use somewhere.
func (r *redactor) hide(secrets ...secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.hidden())
	for _, s := range secrets {
		if len(s) >= minRedacted && !slices.Contains(all, string(s)) {
			all = append(all, string(s))
		}
	}
	if n := len(all) - maxRedacted; n > 0 {
		all = all[n:]
	}
	r.secrets.Store(&all)
}

func (r *redactor) hidden() []string {
	if all := r.secrets.Load(); all != nil {
		return *all
	}
	return nil
}

// attr looks at texts, errors and what prints itself. It runs for each
// attribute of each line, the message among them.
func (r *redactor) attr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		if s := r.text(v.String()); s != v.String() {
			a.Value = slog.StringValue(s)
		}
	case slog.KindAny:
		var s string
		switch x := v.Any().(type) {
		case error:
			s = x.Error()
		case fmt.Stringer:
			s = x.String()
		case []byte:
			s = string(x)
		case []string:
			s = strings.Join(x, ",")
		default:
			return a
		}
		if clean := r.text(s); clean != s {
			a.Value = slog.StringValue(clean)
		}
	}
	return a
}

// aToken is a JWT, wherever it stands: its header is JSON and so begins with eyJ.
var aToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)

// aParameter is the parameter of a URL that holds a token or a ticket, within
// any text.
var aParameter = regexp.MustCompile(`(?i)\b(token|ticket)=[^\s&#"']+`)

// text is s without secrets, tokens and tickets.
func (r *redactor) text(s string) string {
	for _, secret := range r.hidden() {
		if strings.Contains(s, secret) {
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	if strings.Contains(s, "eyJ") {
		s = aToken.ReplaceAllString(s, redacted)
	}
	if strings.Contains(s, "=") {
		s = aParameter.ReplaceAllString(s, "$1="+redacted)
		if !strings.ContainsAny(s, " \t\n") {
			s = auth.Redact(s) // a URL alone: it knows percent-encoded names too
		}
	}
	return s
}
