package main

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/roostws/roost/auth"
)

// redacted stands in a log where a secret or a token would.
const redacted = "REDACTED"

// newLogger makes the logger of serve. Nobody logs a secret on purpose; what
// comes in by way of a URL, a header or another library's error is taken out
// here, last of all. Others are secrets that are no flag's.
func newLogger(w io.Writer, c *Config, others ...secret) *slog.Logger {
	r := redactor{}
	for _, s := range append(others, c.JWTSecret, c.AdminSecret) {
		if len(s) >= minRedacted {
			r.secrets = append(r.secrets, string(s))
		}
	}
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

// A redactor takes secrets and tokens out of what is logged.
type redactor struct {
	secrets []string
}

// attr looks at texts, errors and what prints itself. It runs for each
// attribute of each line, the message among them.
func (r redactor) attr(_ []string, a slog.Attr) slog.Attr {
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
func (r redactor) text(s string) string {
	for _, secret := range r.secrets {
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
