package api

import (
	"strings"
	"testing"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/webhook"
)

// All series of the webhooks are there from the start, and none without webhooks.
func TestMetrics_Webhooks(t *testing.T) {
	hooks, err := webhook.New(webhook.Config{URL: "http://127.0.0.1:1/", Events: []edge.What{edge.WhatConnect}, Asks: []edge.What{edge.WhatJoin}})
	if err != nil {
		t.Fatal(err)
	}
	for _, with := range []bool{true, false} {
		cfg := Config{}
		if with {
			cfg.Webhooks = hooks
		}
		text := ask(t, "GET", serve(t, cfg, &recorder{}).URL+"/metrics", "").body
		for _, series := range []string{
			`roost_webhook_events_total{result="delivered"} 0`, `roost_webhook_events_total{result="dropped"} 0`, "roost_webhook_retries_total 0",
			`roost_webhook_failures_total{kind="timeout"} 0`, "roost_webhook_queue_events 0", "roost_webhook_queue_bytes 0", "roost_webhook_oldest_seconds 0",
			`roost_webhook_asks_total{event="join",outcome="allowed"} 0`, "roost_webhook_ask_seconds_count 0",
		} {
			if strings.Contains(text, series) != with {
				t.Errorf("webhooks %v: %s", with, series)
			}
		}
	}
}
