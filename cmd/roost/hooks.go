package main

import (
	"log/slog"
	"time"

	"github.com/roostws/roost/edge"
	"github.com/roostws/roost/webhook"
)

// attach has the edge ask and tell the backend.
func (w *webhookSettings) attach(cfg *edge.Config, log *slog.Logger) (*webhook.Hooks, error) {
	hooks, err := webhook.New(webhook.Config{
		URL: string(w.URL), Secret: string(w.Secret), Events: whats(w.Events), Asks: whats(w.Ask),
		Timeout: time.Duration(w.Timeout), Allow: w.OnFailure == "allow", Queue: int(w.Queue), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	if cfg.Asks = whats(w.Ask); len(cfg.Asks) > 0 {
		// The hooks decide what a backend's silence means: they must be first to end it.
		cfg.Decider, cfg.AskTime = hooks, time.Duration(w.Timeout)+time.Second
	}
	if cfg.Events = whats(w.Events); len(cfg.Events) > 0 {
		cfg.Observer = hooks
	}
	return hooks, nil
}
