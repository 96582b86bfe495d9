package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/roostws/roost/edge"
)

// FeedConfig says where the feed of the demo publishes.
type FeedConfig struct {
	AdminURL string // http://HOST:PORT of the API
	Secret   string // of the API; empty: none
	Logger   *slog.Logger
}

const (
	feedEvery   = 100 * time.Millisecond // a message of each symbol
	feedTimeout = 5 * time.Second        // for one publish
	feedWait    = 5 * time.Second        // most between two tries
	feedQuiet   = 3                      // failures in a row before one is logged: the server may be just starting
)

// A quote is a message of the feed.
type quote struct {
	Symbol  string  `json:"symbol"`
	Price   float64 `json:"price"`
	Open    float64 `json:"open"`
	Change  float64 `json:"change"`  // since Open
	Percent float64 `json:"percent"` // the same, of Open
	Time    int64   `json:"time"`    // Unix milliseconds
	Number  uint64  `json:"number"`  // counts from 1
}

// A walk is the price of one symbol.
type walk struct {
	symbol string
	open   float64
	price  float64
	number uint64
}

// step moves the price by some part of a percent, and a little towards where it
// began, so that it stays near.
func (w *walk) step(now time.Time) quote {
	const swing, pull = 0.0009, 0.002
	w.price *= math.Exp(swing*rand.NormFloat64() - pull*math.Log(w.price/w.open))
	w.number++
	price := cents(w.price)
	return quote{
		Symbol: w.symbol, Price: price, Open: w.open, Change: cents(price - w.open),
		Percent: cents((price - w.open) / w.open * 100), Time: now.UnixMilli(), Number: w.number,
	}
}

func cents(v float64) float64 { return math.Round(v*100) / 100 }

// Feed is the backend of the demo: it publishes a price of each symbol ten times
// a second, over HTTP as any service would, until ctx ends; then it returns nil.
// While the API does not take them it tries again, each time a little later.
func Feed(ctx context.Context, cfg FeedConfig) error {
	f, err := newFeed(cfg)
	if err != nil {
		return err
	}
	defer f.client.CloseIdleConnections()
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			err = f.publish(ctx, now)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if failed >= feedQuiet {
				f.log.Info("the demo's feed publishes again")
			}
			failed = 0
			continue
		}
		if failed++; failed == feedQuiet {
			f.log.Warn("the demo's feed cannot publish and goes on trying", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(feedEvery<<min(failed, 10), feedWait)):
		}
	}
}

// A feed publishes batches through one connection.
type feed struct {
	url    string
	secret string
	log    *slog.Logger
	client *http.Client
	walks  []*walk
	body   bytes.Buffer
}

func newFeed(cfg FeedConfig) (*feed, error) {
	at, err := url.Parse(cfg.AdminURL)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, &edge.FieldError{Field: "AdminURL", Problem: fmt.Sprintf("%q is not where the API is: http://127.0.0.1:8081 would be right", cfg.AdminURL)}
	}
	if !visible(cfg.Secret) {
		return nil, &edge.FieldError{Field: "Secret", Problem: "it has a byte that cannot stand in a header: visible ASCII characters would be right"}
	}
	f := &feed{
		url: strings.TrimSuffix(at.String(), "/") + "/v1/publish", secret: cfg.Secret, log: cfg.Logger,
		client: &http.Client{
			Timeout: feedTimeout,
			Transport: &http.Transport{
				DialContext:     (&net.Dialer{Timeout: feedTimeout}).DialContext,
				MaxConnsPerHost: 1,
				IdleConnTimeout: time.Minute,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	for i, s := range symbols {
		open := []float64{248.5, 91.2, 1320, 57.75, 412.1}[i]
		f.walks = append(f.walks, &walk{symbol: s, open: open, price: open})
	}
	return f, nil
}

// publish publishes the next price of each symbol.
func (f *feed) publish(ctx context.Context, now time.Time) error {
	type item struct {
		Room string `json:"room"`
		Data quote  `json:"data"`
	}
	var items []item
	for _, w := range f.walks {
		items = append(items, item{tickerRoom(w.symbol), w.step(now)})
	}
	f.body.Reset()
	if err := json.NewEncoder(&f.body).Encode(items); err != nil {
		return err
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(f.body.Bytes()))
	if err != nil {
		return err
	}
	ask.Header.Set("Content-Type", "application/json")
	if f.secret != "" {
		ask.Header.Set("Authorization", "Bearer "+f.secret)
	}
	answer, err := f.client.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // to its end: then the connection is used again
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(text))
	}
	var results []struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &results); err != nil {
		return fmt.Errorf("the answer is malformed: %w", err)
	}
	for _, r := range results {
		if r.Error != "" {
			return errors.New(r.Message)
		}
	}
	return nil
}
