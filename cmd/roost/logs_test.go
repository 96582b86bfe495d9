package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

const someToken = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

// However a secret or a token gets into a log line, it does not come out.
func TestLogger_Attr_TakesSecretsOut(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		c := &Config{JWTSecret: goodSecret, AdminSecret: "hunter22", LogFormat: text(format), LogLevel: "debug"}
		log := newLogger(&out, c, new(redactor))
		u, err := url.Parse("ws://h/rooms/a?x=1&token=" + someToken + "&y=2")
		if err != nil {
			t.Fatal(err)
		}
		wrapped := fmt.Errorf("dial: %w", errors.New("bad "+u.String()))
		log.Info("hello "+someToken, "n", 1)
		log.Info("hello "+u.String(), "n", 2)
		log.Info("x", "uri", u.String(), "n", 3)
		log.Info("x", "url", u, "n", 4)
		log.Info("x", "error", wrapped, "n", 5)
		log.Info("x", "error", errors.Join(wrapped, wrapped), "n", 6)
		log.With("header", "Bearer "+someToken).Info("x", "n", 7)
		log.WithGroup("request").Info("x", "uri", u.RequestURI(), slog.Group("deep", "protocols", []string{"bearer." + someToken}), "n", 8)
		log.Info("x", "secret", c.JWTSecret, "other", c.AdminSecret, "n", 9)
		log.Info("x", "text", "key="+goodSecret+" and hunter22", "n", 10)
		log.Info("x", "bytes", []byte("key="+goodSecret), "n", 11)
		log.Info("x", "uri", "/rooms/a?ticket=t-123456&z=1", "n", 12)
		log.Info("x", "uri", "/rooms/a?%74icket=t-123456", "n", 13)
		log.Info("no room for ticket=t-123456, twice: /a?Ticket=t-123456 /b?ticket=t-123456", "n", 14)
		slog.NewLogLogger(log.Handler(), slog.LevelWarn).Printf("http: panic serving %s: token=%s n=15", "127.0.0.1", someToken)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 15 {
			t.Fatalf("%s: %d lines:\n%s", format, len(lines), &out)
		}
		for _, line := range lines {
			for _, word := range []string{goodSecret, "hunter22", "c2lnbmF0dXJl", "eyJzdWIi", "t-123456"} {
				if strings.Contains(line, word) {
					t.Errorf("%s: %s stands in %s", format, word, line)
				}
			}
			if !strings.Contains(line, redacted) && !strings.Contains(line, masked) {
				t.Errorf("%s: nothing shows that something was taken out: %s", format, line)
			}
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	}
}

func TestLogger_Attr_LeavesTheRest(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, &Config{JWTSecret: "abc", LogFormat: "text", LogLevel: "info"}, new(redactor))
	log.Debug("not told")
	log.Info("the tokens of abc", "uri", "/rooms/a?since=1", "n", 1, "error", errors.New("timeout"))
	want := `level=INFO msg="the tokens of abc" uri="/rooms/a?since=1" n=1 error=timeout` + "\n"
	if _, got, _ := strings.Cut(out.String(), " "); got != want {
		t.Errorf("the line is %s", got)
	}
}

func TestLogger_Level_Words(t *testing.T) {
	for word, lines := range map[text]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		log := newLogger(&out, &Config{LogFormat: "json", LogLevel: word}, new(redactor))
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if got := strings.Count(out.String(), "\n"); got != lines {
			t.Errorf("%s tells %d lines; want %d", word, got, lines)
		}
	}
}

// A secret that is no flag's is looked for too.
func TestLogger_Attr_OtherSecrets(t *testing.T) {
	var out bytes.Buffer
	r := new(redactor)
	r.hide("", "hunter22")
	newLogger(&out, &Config{LogFormat: "text", LogLevel: "info"}, r).Info("x", "error", errors.New("signed with hunter22"))
	if strings.Contains(out.String(), "hunter22") || !strings.Contains(out.String(), redacted) {
		t.Errorf("it logs %s", &out)
	}
}
