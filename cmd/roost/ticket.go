package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/roostws/roost/auth"
)

const (
	// ticketTTL is how long a ticket is good where --ttl does not say.
	ticketTTL = time.Minute
	// maxTicketTTL is the longest that the API makes one good for.
	maxTicketTTL = 24 * time.Hour
	// ticketTimeout is how long the API may take.
	ticketTimeout = 10 * time.Second
)

// settleTicket checks what only a ticket needs.
func (c *TokenConfig) settleTicket(o origins) error {
	if o["ttl"].rank == fromDefault {
		c.TTL = span(ticketTTL)
	}
	if time.Duration(c.TTL) > maxTicketTTL {
		return o.problem("ttl", "%s is too long for a ticket: at most 24h would be right", time.Duration(c.TTL))
	}
	if _, err := parseAddress(string(c.Admin)); err != nil {
		return o.problem("admin", "%w", err)
	}
	return settleSecret(o, "admin-secret", &c.AdminSecret, &c.AdminSecretFile)
}

// ticket has the API of a running server make a ticket.
func (c *TokenConfig) ticket(ctx context.Context, id auth.Identity) (string, error) {
	body, err := json.Marshal(struct {
		Sub     string          `json:"sub"`
		Rooms   []string        `json:"rooms,omitempty"`
		Publish []string        `json:"publish,omitempty"`
		Info    json.RawMessage `json:"info,omitempty"`
		TTL     string          `json:"ttl"`
	}{id.User, id.Rooms, id.Publish, id.Info, time.Duration(c.TTL).String()})
	if err != nil {
		return "", fmt.Errorf("write what the ticket is to say: %w", err)
	}
	at := dialable(string(c.Admin), &net.UnixAddr{})
	ctx, cancel := context.WithTimeout(ctx, ticketTimeout)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at+"/v1/tickets", bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("ask %s for a ticket: %w", at, err)
	}
	ask.Header.Set("Content-Type", "application/json")
	if c.AdminSecret != "" {
		ask.Header.Set("Authorization", "Bearer "+string(c.AdminSecret))
	}
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(ask)
	if err != nil {
		return "", fmt.Errorf("ask the server's API for a ticket: %w: a server that runs, with its --admin, would be right", err)
	}
	defer answer.Body.Close()
	var said struct{ Ticket, Message string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&said); err != nil {
		return "", fmt.Errorf("%s at %s is no answer of roost's API", answer.Status, at)
	}
	if answer.StatusCode != http.StatusOK || said.Ticket == "" {
		return "", fmt.Errorf("%s makes no ticket: %s", at, said.Message)
	}
	return said.Ticket, nil
}
