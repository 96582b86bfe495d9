package webhook

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/roostws/roost/edge"
)

func TestConfig_New_NamesEachWrongField(t *testing.T) {
	good := Config{URL: "http://127.0.0.1:3000/roost", Events: allEvents, Asks: allAsks}
	for _, c := range []struct {
		field string
		spoil func(c *Config)
	}{
		{"URL", func(c *Config) { c.URL = "" }},
		{"URL", func(c *Config) { c.URL = "127.0.0.1:3000" }},
		{"URL", func(c *Config) { c.URL = "ftp://127.0.0.1/" }},
		{"URL", func(c *Config) { c.URL = "/roost" }},
		{"URL", func(c *Config) { c.URL = "http://127.0.0.1/#top" }},
		{"URL", func(c *Config) { c.URL = "http://\x7f/" }},
		{"URL", func(c *Config) { c.URL = "http://me:hush@127.0.0.1/" }},
		{"Events", func(c *Config) { c.Events, c.Asks = nil, nil }},
		{"Events", func(c *Config) { c.Events = []edge.What{99} }},
		{"Asks", func(c *Config) { c.Asks = []edge.What{99} }},
		{"Asks", func(c *Config) { c.Asks = []edge.What{edge.WhatLeave} }},
		{"Timeout", func(c *Config) { c.Timeout = time.Millisecond }},
		{"Timeout", func(c *Config) { c.Timeout = 2 * time.Minute }},
		{"Queue", func(c *Config) { c.Queue = -1 }},
		{"MaxBytes", func(c *Config) { c.MaxBytes = 1000 }},
		{"Batch", func(c *Config) { c.Batch = 1001 }},
	} {
		cfg := good
		c.spoil(&cfg)
		_, err := New(cfg)
		var wrong *edge.FieldError
		if !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%+v: %v, want an error of %s", cfg, err, c.field)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	_, err := New(Config{URL: "x", Asks: allAsks, Batch: -1})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("two wrong fields give %v", err)
	}
}
