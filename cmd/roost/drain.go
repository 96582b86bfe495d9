package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// DrainConfig is what drain is told.
type DrainConfig struct {
	Config          text
	Admin           text
	AdminSecret     secret
	AdminSecretFile text
	Over            span // 0: the server's own --drain-timeout
	Wait            toggle
}

// drainPoll is how often a server that drains is asked how far it is.
const drainPoll = time.Second

func (c *DrainConfig) settle(o origins) error {
	return settleAPI(o, c.Admin, &c.AdminSecret, &c.AdminSecretFile)
}

// drain has a running server send its clients away and end.
func (c *DrainConfig) drain(ctx context.Context, stdout io.Writer) error {
	api := newAPIClient(c.Admin, c.AdminSecret)
	defer api.close()
	body := ""
	if c.Over > 0 {
		body = fmt.Sprintf(`{"over":%q}`, time.Duration(c.Over).String())
	}
	var said struct{ Connections int }
	if err := api.call(ctx, "POST", "/v1/drain", body, &said); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	fmt.Fprintf(stdout, "draining %d connections\n", said.Connections)
	for left := said.Connections; bool(c.Wait); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(drainPoll):
		}
		err := api.call(ctx, "GET", "/v1/stats", "", &said)
		switch {
		case errors.Is(err, errNoServer):
			fmt.Fprintln(stdout, "the server has ended")
			return nil
		case err != nil:
			return fmt.Errorf("ask how far the drain is: %w", err)
		case said.Connections != left:
			left = said.Connections
			fmt.Fprintf(stdout, "%d connections are left\n", left)
		}
	}
	return nil
}
